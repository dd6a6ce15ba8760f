"""Tests of the intake and the clock on a real database, without Kafka."""
