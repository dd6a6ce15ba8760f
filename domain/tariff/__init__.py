"""Tariffs: OCPI tariff objects read strictly, their elements and restrictions, and what is warned about.

Here belongs what a tariff says; what a session costs by it is `rating`'s, and which version holds `catalogue`'s. It
imports the words alone, and the wings above (`rating`, `catalogue`, `cdr`, `payout`, `session`) may import it. Read
`tariff` first, then `elements` and `menu`.
"""
