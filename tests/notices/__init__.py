"""Who is told what: subscriptions as they stand, the queue, causes, quiet hours and digests."""
