"""Use cases, each a transaction or a set of them: take in, judge, follow up, move the clock, pay out, ask what if.

Here belongs what happens together or not at all: it reads with `ledger`, decides with `domain` and writes as sets. No
rule of money, no Kafka, no words for people. `consumers`, `api` and `wattledger` import it; `projections` stands
beside it and neither imports the other. Read `intake` first, then `work` and `sessions`.
"""
