"""The advisory locks of a store by name: what each holds back, and for how long.

PostgreSQL keeps locks of one number and locks of two numbers apart: RELAY is no part of CLOCK. A rebuild locks its
projections by name, with hashes that stand in `projections/rebuild.py`.
"""

# One migration at a time, for its transaction. Any number that nobody else uses: it reads WATTLEDG in ASCII.
MIGRATION = 0x574154544C454447

# Who publishes to the catalogue holds it alone, who judges by it shares it, for its transaction.
CATALOGUE = 7401

# With a second number, the slot of balances that one live connection writes to, for as long as it lives.
SHARD = 7402

# One clock at a time fires payout runs, for its transaction.
CLOCK = 7403

# One process at a time makes bank files, for its transaction.
BANK_FILES = 7405

# One relay at a time empties the outbox, for its transaction.
RELAY = (7403, 1)
