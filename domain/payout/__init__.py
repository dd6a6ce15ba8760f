"""Payouts: the daily run that decides what is paid, and what becomes of each payout at the bank."""
