"""Payouts: the daily run that decides what is paid, and what becomes of each payout at the bank.

Here belong business dates, minimum, reserve, and what the bank's answers book; sessions are known by their payable
lines alone. It imports `catalogue`, `book` and the words; `engine.operator_runs` and `engine.payouts` work with it.
Read `run` first (with `desk`, what runs work on, and `making`), then `payout` (with `events`, `booked` and `steps`).
"""
