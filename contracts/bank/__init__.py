"""What banks send in files, read: statements (camt.05x), answers to orders (pain.002), returns of the ACH (NACHA).

Start with `recognise.py`, which tells by its content what a file is; `camt.py`, `pain002.py` and `nacha.py` turn one
into the values of `values.py`, piece by piece, and `entries.py` and `answers.py` make CloudEvents of those. Nothing
here knows the book: a file gives the same events whatever was there before.
"""
