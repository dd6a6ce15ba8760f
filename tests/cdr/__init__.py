"""Tests of CDRs."""
