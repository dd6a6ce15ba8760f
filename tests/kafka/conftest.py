"""Fixtures: a broker with its topics, and stores that know nothing of what earlier tests published."""

import itertools
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from consumers.publisher import Outgoing, publish
from consumers.topics import ensure_topics, inbound_partitions
from tests.conftest import PROJECT_ROOT
from tests.kafka.store import Store

_groups = itertools.count(1)


@pytest.fixture
async def client_options(kafka_options: dict[str, Any]) -> dict[str, Any]:
    """The options of clients of a broker that has all topics."""
    await ensure_topics(kafka_options)
    return kafka_options


@pytest.fixture
def group_id() -> str:
    """A group that nobody was in before."""
    return f"group-{next(_groups)}"


@pytest.fixture
async def store(client_options: dict[str, Any]) -> Store:
    """A store whose positions are the present ends, as if it had taken in all that earlier tests published."""
    homes = [TopicPartition(*home) for home in await inbound_partitions(client_options)]
    consumer = AIOKafkaConsumer(**client_options)
    consumer.assign(homes)
    await consumer.start()
    try:
        ends = await consumer.end_offsets(homes)
    finally:
        await consumer.stop()
    return Store(positions={(home.topic, home.partition): end for home, end in ends.items()})


Send = Callable[[Iterable[Outgoing]], Awaitable[None]]


@pytest.fixture
def send(client_options: dict[str, Any]) -> Send:
    """Publishes records and waits until the broker has them."""

    async def send(records: Iterable[Outgoing]) -> None:
        await publish(client_options, records)

    return send


@pytest.fixture
def cdr_document() -> Callable[[str], dict[str, Any]]:
    """The OCPI CDR in the contract's own example of an event type."""

    def document(type_: str) -> dict[str, Any]:
        golden = sorted((PROJECT_ROOT / "contracts" / "golden" / type_).glob("*.json"))[0]
        cdr: dict[str, Any] = orjson.loads(golden.read_bytes())["data"]["cdr"]
        return cdr

    return document
