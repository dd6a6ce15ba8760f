"""OCPI CDRs and credit CDRs as documents: their costs, periods, taxes, location, and both versions of OCPI.

Here belongs how a rated session is told in OCPI; when a CDR is issued or credited is `session.cdr_chain`'s. It
imports `rating`, `catalogue` and those below; `session` imports it, and whoever shows a CDR. Read `document` first.
"""
