"""Tests of the wire: what is accepted, what is refused and why, and what leaves."""
