"""What proves the journal to strangers: the files of an export below `proofs`, and the program that checks them.

`check` is copied into each export and shares nothing with what made it: it imports the standard library alone.
"""
