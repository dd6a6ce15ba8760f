"""Webhooks: where they may go, what they say, and that each arrives."""
