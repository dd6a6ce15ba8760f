"""The schema `intake`: positions, message keys, quarantine, parked facts, the outbox and the known catalogue."""
