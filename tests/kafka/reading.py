"""Reads what arrives in topics from now on, as any other consumer would."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient


@dataclass(frozen=True)
class Read:
    """A record that arrived."""

    topic: str
    key: bytes | None
    value: bytes
    event: dict[str, Any] = field(compare=False)


class Reading:
    """An open consumer on the topics."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def take(self, count: int) -> list[Read]:
        """The next records, as many as asked for; those of a partition are in order."""
        records = [await self._consumer.getone() for _ in range(count)]
        return [Read(r.topic, r.key, r.value, orjson.loads(r.value)) for r in records]


@contextlib.asynccontextmanager
async def read_new(client_options: dict[str, Any], topics: Sequence[str]) -> AsyncIterator[Reading]:
    """Reads from the present ends of topics."""
    admin = AIOKafkaAdminClient(**client_options)
    await admin.start()
    described = await admin.describe_topics(list(topics))
    await admin.close()
    homes = [TopicPartition(topic["topic"], each["partition"]) for topic in described for each in topic["partitions"]]
    consumer = AIOKafkaConsumer(**client_options)
    consumer.assign(homes)
    await consumer.start()
    try:
        await consumer.seek_to_end(*homes)
        yield Reading(consumer)
    finally:
        await consumer.stop()
