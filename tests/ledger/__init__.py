"""Tests of the ledger: its schema and guards, the event store, the journal and the balances."""
