"""The book of a session that its driver pays: ratings, captures, refunds and disputes, in order of time."""
