"""What this system says to others over HTTP by itself: where it may connect to, and webhooks.

Whoever sends anything to an address that somebody typed in sends it through `targets` and `client`, so that no such
address leads into our own network. Read `targets` first.
"""
