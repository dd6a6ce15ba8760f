"""The book: what may stand on it (bookings), how that is posted, and what stands against what should.

Here belong bookings, posting rules and the comparison of wishes with what stands; why something is booked is decided
in `session`, `payout` and `receipt`. It imports no other wing, and all may import it. Read `standing` first, then
`bookings` and `posting`.
"""
