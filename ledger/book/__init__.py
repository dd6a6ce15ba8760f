"""The schema `book`: journal entries with their hashes, the lines payouts pay, balances and their history.

Here belongs how entries come in and how they are summed, whoever posts them (`group_commit` for single ones); the
posting rules are `domain.book`'s. It knows no events and no intake; the rooms `events` and `intake` and the packages
above may import it. Read `journal` first, then `balances`.
"""
