"""The book: what may stand on it (bookings), how that is posted, what stands against what should, and findings.

Here belong bookings, posting rules and the comparison of wishes with what stands, and the same of `findings`, which
move no money; why something is booked or found is decided in `session`, `payout` and `receipt`. It imports no other
wing, and all may import it. Read `standing` first, then `bookings` and `posting`.
"""
