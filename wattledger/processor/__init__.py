"""A reference payout processor, and the bank that it plays: it reads `settlement.batches` and tells what was paid.

It stands for somebody else's program, so it knows what others know: the topics, bank files and docs/processors.md. It
imports nothing of the engine, the ledger or the contracts, and has files of its own. Read `desk` first, then `bank`.
"""
