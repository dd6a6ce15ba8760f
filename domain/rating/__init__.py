"""Rating: the exact price of a session, from charging periods, a tariff's elements and nothing else.

Here belong periods, volumes, prices and their explanation, in fractions; rounding to money that is booked is
`session.assessment`'s. It imports `tariff` and the words, and knows neither catalogue nor session. `cdr`, `session`
and `wattledger price` use it. Read `rating` first, then `periods` and `pricing`.
"""
