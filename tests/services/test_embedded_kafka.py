"""The embedded Kafka: on loopback only, back after a kill with its records, strict about topics and sizes."""

from pathlib import Path
from typing import Any

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import MessageSizeTooLargeError, UnknownTopicOrPartitionError

from tests.services.observing import listening_addresses
from wattledger.embedded import EmbeddedKafka

TOPIC = "charging.sessions"


async def make_topic(options: dict[str, Any], name: str = TOPIC) -> None:
    admin = AIOKafkaAdminClient(**options)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def send(options: dict[str, Any], values: list[bytes]) -> None:
    async with AIOKafkaProducer(**options, acks="all") as producer:
        for value in values:
            await producer.send_and_wait(TOPIC, value)


async def read(options: dict[str, Any], count: int) -> list[bytes]:
    partition = TopicPartition(TOPIC, 0)
    async with AIOKafkaConsumer(**options, auto_offset_reset="earliest") as consumer:
        consumer.assign([partition])
        return [(await consumer.getone()).value for _ in range(count)]


async def test_a_killed_kafka_comes_back_on_its_port_with_all_that_was_acknowledged(tmp_path: Path) -> None:
    folder = tmp_path / "a path, with a comma and spaces"
    with EmbeddedKafka(folder) as server:
        bootstrap, options = server.bootstrap, server.client_options
        await make_topic(options)
        await send(options, [b"started", b"ended"])
        server.kill()
        assert server.start() == bootstrap
        await send(options, [b"corrected"])
        assert await read(options, 3) == [b"started", b"ended", b"corrected"]

        assert server.pid is not None
        assert listening_addresses(server.pid) == {"127.0.0.1"}
        broker = psutil.Process(server.pid)
    assert not broker.is_running()


async def test_a_topic_that_was_not_made_is_not_made_by_asking_for_it(kafka_options: dict[str, Any]) -> None:
    admin = AIOKafkaAdminClient(**kafka_options)
    await admin.start()
    try:
        (described,) = await admin.describe_topics(["misspelt"])
        assert described["error_code"] == UnknownTopicOrPartitionError.errno
        assert "misspelt" not in await admin.list_topics()
    finally:
        await admin.close()


async def test_a_record_above_one_mebibyte_is_refused_by_the_broker_whatever_its_sender_allows(
    kafka_options: dict[str, Any],
) -> None:
    await make_topic(kafka_options, "large.records")
    async with AIOKafkaProducer(**kafka_options, max_request_size=20_000_000) as producer:
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait("large.records", b"0" * 10_000_000)
