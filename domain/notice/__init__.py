"""Who is told what, and when: subscriptions, quiet hours, digests, and causes that are told once.

Read `subscription` first: what an operator wants to be told, in which versions.
"""
