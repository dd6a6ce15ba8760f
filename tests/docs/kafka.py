"""What pages say of Kafka, done to a real one: stores that begin at its present ends, and what arrives then."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from consumers.rights import ready_brokers
from consumers.topics import inbound_bounds
from projections.schema import migrate
from tests.support.kafka_clients import librdkafka
from tests.support.waiting import wait_until

_NOT_YET = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART)


def make_topics(options: dict[str, Any]) -> None:
    """All topics of the contract, where they are missing, and the rights to them."""
    asyncio.run(ready_brokers(options, embedded=True))


def begin_at_the_ends(dsn: str, options: dict[str, Any]) -> None:
    """A store that has read all that others published to these brokers before."""
    migrate(dsn)
    bounds = asyncio.run(inbound_bounds(options))
    with psycopg.connect(dsn) as connection:
        for (topic, partition), (_, end) in bounds.items():
            connection.execute("INSERT INTO intake.position VALUES (%s, %s, %s, 0)", (topic, partition, end))


class Arrivals:
    """What arrives on a topic from the moment of making on, by the client that most languages have."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self.records: list[Message] = []

    def wait_for(self, count: int) -> list[Message]:
        """The first records, as many as asked for."""
        wait_until(lambda: self._take() >= count)
        return self.records[:count]

    def _take(self) -> int:
        self.records += [each for each in self._consumer.consume(100, timeout=0.1) if each.error() is None]
        return len(self.records)


def _end_of(consumer: Consumer, home: TopicPartition) -> TopicPartition:
    """A partition at its end; one that was made just now may need a moment to have a leader."""
    ends: list[int] = []

    def ask() -> bool:
        try:
            ends.append(consumer.get_watermark_offsets(home, 30)[1])
        except KafkaException as error:
            if error.args[0].code() not in _NOT_YET:
                raise
        return bool(ends)

    wait_until(ask)
    return TopicPartition(home.topic, home.partition, ends[0])


@contextmanager
def arrivals(options: dict[str, Any], topic: str) -> Iterator[Arrivals]:
    """Reads a topic from its present end."""
    consumer = Consumer(librdkafka(options, group_id="reading", enable_auto_commit=False))
    try:
        partitions = consumer.list_topics(topic, 30).topics[topic].partitions
        consumer.assign([_end_of(consumer, TopicPartition(topic, number)) for number in partitions])
        yield Arrivals(consumer)
    finally:
        consumer.close()
