"""The schema `book`: journal entries with their hashes, the lines payouts pay, balances and their history."""
