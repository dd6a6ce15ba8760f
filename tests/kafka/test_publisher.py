"""Publishing: in order by key, to the partitions that any client would choose, and never more than a broker takes."""

from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from consumers.publisher import RECORD_MAX_BYTES, Outgoing, publish
from consumers.run import consume_until_caught_up
from ledger.errors import MachineryFault
from tests.kafka.conftest import Send
from tests.kafka.store import Store, StoreIntake

TOPIC = "charging.sessions"


async def taken_in(client_options: dict[str, Any], store: Store) -> Store:
    await consume_until_caught_up(client_options, StoreIntake(store), group_id="publisher-tests")
    return store


async def test_a_key_goes_to_the_partition_that_other_clients_choose_for_it(
    client_options: dict[str, Any], store: Store, send: Send
) -> None:
    keys = [f"session-{number}".encode() for number in range(100)]
    await send([Outgoing(TOPIC, key, b"ours") for key in keys])
    async with AIOKafkaProducer(**client_options) as producer:
        for key in keys:
            await producer.send(TOPIC, b"theirs", key)
    homes: dict[bytes | None, set[int]] = {}
    for record in (await taken_in(client_options, store)).taken:
        homes.setdefault(record.key, set()).add(record.partition)
    assert len(homes) == 100
    assert all(len(partitions) == 1 for partitions in homes.values())


async def test_records_of_a_key_keep_their_order_over_many_batches(
    client_options: dict[str, Any], store: Store, send: Send
) -> None:
    padding = b" " * 5_000
    await send([Outgoing(TOPIC, b"%d" % (n % 3), b"%06d" % n + padding) for n in range(3_000)])
    by_key = (await taken_in(client_options, store)).by_key()
    assert sum(map(len, by_key.values())) == 3_000
    assert all(values == sorted(values, key=lambda value: value or b"") for values in by_key.values())


async def test_a_record_that_no_broker_takes_is_refused_before_it_is_sent(
    client_options: dict[str, Any], store: Store
) -> None:
    largest = RECORD_MAX_BYTES - 101
    refused: list[Outgoing] = []
    records = [Outgoing(TOPIC, b"k", b"x" * size) for size in (largest, largest + 1, 10_000_000, 5)]
    assert await publish(client_options, records, refused.append) == (2, 2)
    assert refused == records[1:3]
    assert sorted(len(value or b"") for value in (await taken_in(client_options, store)).values) == [5, largest]


async def test_equal_records_without_a_key_go_to_one_partition(
    client_options: dict[str, Any], store: Store, send: Send
) -> None:
    await send([Outgoing(TOPIC, None, b"the same") for _ in range(20)])
    taken = (await taken_in(client_options, store)).taken
    assert len(taken) == 20
    assert len({record.partition for record in taken}) == 1


async def test_a_failing_source_of_records_ends_the_publishing(client_options: dict[str, Any]) -> None:
    def records() -> Any:
        yield Outgoing(TOPIC, None, b"1")
        raise LookupError("the file ended early")

    with pytest.raises(LookupError):
        await publish(client_options, records())


async def test_a_topic_that_does_not_exist_is_named(kafka_options: dict[str, Any]) -> None:
    options = kafka_options
    with pytest.raises(MachineryFault, match="nowhere"):
        await publish(options, [Outgoing("nowhere", None, b"1")])
