"""The book as a whole: periods that are closed and opened again, own money that is swept out, VAT returns.

What people decide of it acts by the clock, each decision once, at its own time and after the runs of that moment: a
close is what it was when it was made, whatever comes later. Read `affair` first, then `period`.
"""
