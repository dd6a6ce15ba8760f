"""Read models that follow the event store: balances, CDRs, payouts and their files."""
