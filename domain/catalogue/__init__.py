"""The catalogue: contracts of operators, locations, partners, tariffs and orders, each in versions with dates.

Here belongs which version holds at a moment, in whatever order they were published; how a session is judged by it is
`session`'s. Of the wings it imports `tariff` and those below, and `session` and `payout` import it. Read `versions`
first, then `catalogue`.
"""
