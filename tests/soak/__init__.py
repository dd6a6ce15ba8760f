"""The long hunts that no run of the tests has time for: `python -m tests.soak` prints one table of what held.

A row is a module below `rows` with `ROWS`; it is found by being there. `row.py` says what a row is made of.
"""
