"""Tokens that drivers charge by (OCPI mod_tokens): partners bring them, we pull them, and ask whether one may charge.

Not to be confused with the tokens by which partners and we know each other, which are in `api/ocpi/tokens.py`.
"""
