"""Defects of before, planted again in a copy of the source, and what `verify` says of the book that comes of it."""
