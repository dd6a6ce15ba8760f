"""What tests of several areas share: builders of events, and the engine without Kafka.

Here belongs what two areas need; what one needs is in its own folder. No fake of our own code: `engine` is the real
one on a real database. Tests and benchmarks import it. Read `engine` and `events` first.
"""
