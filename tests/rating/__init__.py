"""Tests of the rating engine: tariffs, periods, prices and CDRs."""
