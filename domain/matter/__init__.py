"""Matters: what is between an operator and the platform beside sessions and payouts, mostly decided by people.

Here belong adjustments, write-offs, holds, invoices for the platform's own service, and what was done about balances
below zero: each is a stream of its own, judged anew from all that was said of it. Read `matter` first, then one
judge, `adjustment`. Runs pay their lines (`payout`); approvals of payouts stand there.
"""
