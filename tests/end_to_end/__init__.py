"""Tests of the whole: real Kafka, real PostgreSQL, and the command as its users run it."""
