"""Prepaid wallets: what of the money that goes in and out of one acts, and since when.

A wallet is a stream of its own, judged from all that was said of it. What pays for a session, or goes back to it, is
told to that session, which books it beside all else that it knows. Read `balance` first.
"""
