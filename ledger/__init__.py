"""The book: schema, event store, journal, balances and the independent audit."""
