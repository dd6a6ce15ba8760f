"""What tests of several areas share: builders of events, and the engine without Kafka."""
