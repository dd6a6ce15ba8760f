"""What programs get: the JSON shapes of what people ask for, amounts as decimal texts; one module a subject.

A function makes a document of the rows of a query; it asks nothing itself and prints nothing. Tables for people are
`wattledger.views`. Commands with `--json` import it, and so will `api`. Read `payouts` first.
"""
