"""Tests of the read models and of the files written from them."""
