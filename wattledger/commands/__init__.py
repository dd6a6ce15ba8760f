"""One module a noun: each command once, with its options, its help and what it does.

`wattledger.cli` loads all of them to know the commands there are, so they import at their top only what is quick to
load; what a command works with, it imports when it runs.
"""
