"""Tests of the close of a period, of sweeps and of VAT returns."""
