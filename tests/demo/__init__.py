"""Tests of the demo's network and of what is shown of it."""
