"""Kafka, in and out: the consumer and its partitions, files of messages, the publisher, the relay of the outbox.

Here belongs what knows of topics, offsets and brokers; what a record means is asked of the engine (`engine.ports`).
No SQL and no decision. `wattledger` alone imports it, and no other package reaches Kafka. Read `app` first, then
`delivery`.
"""
