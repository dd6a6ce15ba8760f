"""Tests of the pages: their elements by locale, and the components in a real browser."""
