"""Tests of the reference payout processor and of the bank that it plays, without Kafka."""
