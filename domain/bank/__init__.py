"""Bank accounts of ours: what banks have booked on them, and what that means for the book.

Here belong entries with their lines (`entry`), which of them are money that was told of already (`matching`), and
what statements and notices of banks are found wrong by (`statement`). It imports `book` and the words; `engine.bank`
works with it. Read `entry` first.
"""
