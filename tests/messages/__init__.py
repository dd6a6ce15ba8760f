"""Tests of the message types: each stands in every table that it needs, and no table has another."""
