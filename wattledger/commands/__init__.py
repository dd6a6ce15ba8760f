"""One module a noun: each command once, with its options, its help and what it does.

A command reads its options, asks or does, and shows: by `projections.documents` with `--json`, else by
`wattledger.views`. `wattledger.cli` alone imports them, all at once, to know the commands there are, so they import
at their top only what is quick to load; what a command works with, it imports when it runs. Read `sessions` first.
"""
