"""The book: what may stand on it (bookings), how that is posted, and what stands against what should."""
