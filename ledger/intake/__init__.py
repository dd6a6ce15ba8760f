"""The schema `intake`: positions, message keys, quarantine, parked facts, the outbox and the known catalogue.

Here belongs what makes each message count once and each effect leave once. Not what a message means, and no Kafka. It
may import the rooms below it; `engine` writes with it, `consumers` empties the outbox. Read `positions` first, then
`messages` and `outbox`.
"""
