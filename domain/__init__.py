"""Decisions, pure: no clock, no random source, no float, no library."""
