"""The tests, one folder an area; what they share stands in conftest.py."""
