"""Read models that follow the event store, and what is asked of them: balances, CDRs, payouts, files, stories.

Here belongs what can be made again from the events: how they are folded (`runner`, `rebuild`), queries, exports and
their DDL (`schema`). Nothing that is decided or booked, and nothing of `engine`. `consumers`, `api` and `wattledger`
import it. Read `registry` first, then `sessions` and `queries`.
"""
