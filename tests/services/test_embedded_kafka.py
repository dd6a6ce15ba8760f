"""The embedded Kafka: on loopback only, back after a kill with its records, strict about topics and sizes."""

from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import MessageSizeTooLargeError, UnknownTopicOrPartitionError

from tests.services.observing import listening_addresses
from wattledger.embedded import EmbeddedKafka

TOPIC = "charging.sessions"


async def make_topic(bootstrap: str, name: str = TOPIC) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def send(bootstrap: str, values: list[bytes]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for value in values:
            await producer.send_and_wait(TOPIC, value)


async def read(bootstrap: str, count: int) -> list[bytes]:
    partition = TopicPartition(TOPIC, 0)
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        return [(await consumer.getone()).value for _ in range(count)]


async def test_a_killed_kafka_comes_back_on_its_port_with_all_that_was_acknowledged(tmp_path: Path) -> None:
    folder = tmp_path / "a path, with a comma and spaces"
    with EmbeddedKafka(folder) as server:
        bootstrap = server.bootstrap
        await make_topic(bootstrap)
        await send(bootstrap, [b"started", b"ended"])
        server.kill()
        assert server.start() == bootstrap
        await send(bootstrap, [b"corrected"])
        assert await read(bootstrap, 3) == [b"started", b"ended", b"corrected"]

        assert server.pid is not None
        assert listening_addresses(server.pid) == {"127.0.0.1"}
        broker = psutil.Process(server.pid)
    assert not broker.is_running()


async def test_a_topic_that_was_not_made_is_not_made_by_asking_for_it(kafka_bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    try:
        (described,) = await admin.describe_topics(["misspelt"])
        assert described["error_code"] == UnknownTopicOrPartitionError.errno
        assert "misspelt" not in await admin.list_topics()
    finally:
        await admin.close()


async def test_a_record_above_one_mebibyte_is_refused_by_the_broker_whatever_its_sender_allows(
    kafka_bootstrap: str,
) -> None:
    await make_topic(kafka_bootstrap, "large.records")
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, max_request_size=20_000_000) as producer:
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait("large.records", b"0" * 10_000_000)
