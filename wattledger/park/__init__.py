"""A simulated charger park: cars, chargers and site meters that say what real ones do, and obey what they are told.

It stands for somebody else's hardware, so it knows what that knows: the topics, and docs/load.md. It imports nothing
of the engine, the ledger or the contracts. The same seed, told the same, does the same; it has no clock of its own.
Read `cars` first, then `chargers`, `site` and `park`.
"""
