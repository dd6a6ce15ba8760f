"""Tests of the postings: each booking stands everywhere it needs to, and nothing stands there that is no booking."""
