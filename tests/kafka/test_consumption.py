"""Each record is taken in once and in order, whatever happens to consumers, partitions and the database."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from consumers.app import BATCH_MAX_RECORDS, Consumption
from consumers.errors import LogReplaced
from consumers.publisher import Outgoing
from consumers.run import consume_until_caught_up, run_forever
from engine.ports import Record
from ledger.errors import MachineryFault
from tests.kafka.conftest import Send
from tests.kafka.store import Store, StoreIntake, until

TOPIC = "charging.sessions"


def some_records(count: int, keys: int = 20, first: int = 0) -> list[Outgoing]:
    """Numbered records, their keys taken in turn."""
    return [Outgoing(TOPIC, b"key-%d" % (number % keys), b"%08d" % number) for number in range(first, first + count)]


def in_order(store: Store) -> bool:
    """Whether the records of every key were taken in the order in which they were sent."""
    return all(values == sorted(values, key=lambda value: value or b"") for values in store.by_key().values())


async def test_everything_published_before_the_call_is_taken_in_once_and_in_order(
    client_options: dict[str, Any], store: Store, send: Send
) -> None:
    await send(some_records(5_000))
    seen: list[tuple[int, int]] = []
    total = await consume_until_caught_up(
        client_options, StoreIntake(store), group_id="alone", on_progress=lambda *step: seen.append(step)
    )
    assert total == 5_000
    assert sorted(store.values, key=lambda value: value or b"") == [b"%08d" % number for number in range(5_000)]
    assert in_order(store)
    assert store.again == 0
    assert max(store.batches) <= BATCH_MAX_RECORDS
    assert seen[0] == (0, 5_000)
    assert seen[-1] == (5_000, 5_000)
    assert seen == sorted(seen)


async def test_after_a_restart_reading_goes_on_from_the_stored_position(
    client_options: dict[str, Any], store: Store, send: Send
) -> None:
    await send(some_records(300))
    await consume_until_caught_up(client_options, StoreIntake(store), group_id="restarted")
    await send(some_records(200, first=300))
    assert await consume_until_caught_up(client_options, StoreIntake(store), group_id="restarted") == 200
    assert await consume_until_caught_up(client_options, StoreIntake(store), group_id="restarted") == 0
    assert len(store.taken) == 500
    assert store.again == 0


async def test_a_lost_offset_in_kafka_makes_nothing_be_taken_twice(
    client_options: dict[str, Any], store: Store, send: Send, group_id: str
) -> None:
    await send(some_records(100))
    async with Consumption(client_options, StoreIntake(store), group_id=group_id):
        await until(lambda: len(store.taken) == 100)
    # A new group has no offset in Kafka at all; it would start at the beginning of the topics.
    await send(some_records(50, first=100))
    async with Consumption(client_options, StoreIntake(store), group_id=f"{group_id}-without-offsets"):
        await until(lambda: len(store.taken) == 150)
    assert store.again == 0
    assert in_order(store)


async def test_what_has_no_position_yet_is_read_from_the_beginning(
    client_options: dict[str, Any], store: Store, send: Send
) -> None:
    await send(some_records(10))
    before = sum(store.positions.values())
    fresh = Store()
    assert await consume_until_caught_up(client_options, StoreIntake(fresh), group_id="fresh") == before + 10


async def test_a_zombie_writes_nothing(client_options: dict[str, Any], store: Store, send: Send) -> None:
    await send(some_records(400))
    entered, go_on = threading.Event(), threading.Event()

    def stall(records: Sequence[Record]) -> None:
        entered.set()
        go_on.wait(180)

    zombie = StoreIntake(store, before_write=stall)
    homes = list(store.positions)
    async with Consumption(client_options, zombie, group_id="zombie", alone=homes):
        await until(entered.is_set)
        assert await consume_until_caught_up(client_options, StoreIntake(store), group_id="owner") == 400
        go_on.set()
        await until(lambda: store.lost > 0)
        assert zombie.taken == 0
    assert len(store.taken) == 400
    assert store.again == 0


async def test_a_partition_taken_by_somebody_outside_the_group_is_claimed_back(
    client_options: dict[str, Any], store: Store, send: Send
) -> None:
    robbed = StoreIntake(store)
    async with Consumption(client_options, robbed, group_id="robbed", alone=list(store.positions)) as consumption:
        await until(lambda: bool(consumption.held))
        store.epochs.update(store.positions)
        await send(some_records(60))
        await until(lambda: len(store.taken) == 60)
    assert store.lost >= 1
    assert robbed.taken == 60
    assert store.again == 0


async def test_a_record_that_breaks_us_is_quarantined_and_its_neighbours_are_taken_in(
    client_options: dict[str, Any], store: Store, send: Send
) -> None:
    bad = {b"%08d" % number for number in (0, 77, 78, 499)}
    intake = StoreIntake(store, breaks_on=lambda record: record.value in bad)
    await send(some_records(500))
    assert await consume_until_caught_up(client_options, intake, group_id="poisoned") == 500
    assert {record.value for record, _ in store.quarantined} == bad
    assert len(store.quarantined) == 4
    assert all(isinstance(error, ValueError) for _, error in store.quarantined)
    assert len(store.taken) == 496
    assert in_order(store)
    assert store.again == 0


async def test_a_fault_of_the_database_is_waited_out_and_quarantines_nothing(
    client_options: dict[str, Any], store: Store, send: Send
) -> None:
    await send(some_records(3_000))
    store.down = True
    catching_up = asyncio.create_task(
        consume_until_caught_up(client_options, StoreIntake(store), group_id="patient", max_records=100)
    )
    await until(lambda: store.refusals >= 3)
    store.down = False
    await until(lambda: len(store.taken) > 100)
    store.down, before = True, store.refusals
    await until(lambda: store.refusals >= before + 3)
    store.down = False
    assert await catching_up == 3_000
    assert len(store.taken) == 3_000
    assert not store.quarantined
    assert in_order(store)
    assert store.again == 0


async def test_a_fault_that_outlasts_the_patience_is_told(
    client_options: dict[str, Any], store: Store, send: Send
) -> None:
    await send(some_records(10))
    store.down = True
    with pytest.raises(MachineryFault, match="the database does not answer"):
        await consume_until_caught_up(client_options, StoreIntake(store), group_id="impatient", patience_seconds=0.5)


async def test_a_log_that_ends_before_the_stored_position_is_not_read(
    client_options: dict[str, Any], store: Store
) -> None:
    store.positions[TOPIC, 0] += 1_000
    with pytest.raises(LogReplaced, match=r"charging\.sessions, partition 0, ends at offset"):
        await consume_until_caught_up(client_options, StoreIntake(store), group_id="replaced")


async def test_an_end_that_may_become_known_is_waited_for_without_a_warning(
    client_options: dict[str, Any], store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.positions[TOPIC, 0] += 1_000
    with pytest.raises(LogReplaced):
        await consume_until_caught_up(client_options, StoreIntake(store), group_id="waits")
    assert not [record.getMessage() for record in caplog.records if record.name == "ledger.patience"]


async def test_an_end_that_becomes_known_in_time_is_read_on_from(
    client_options: dict[str, Any], store: Store, send: Send
) -> None:
    store.positions[TOPIC, 0] += 1
    async with Consumption(client_options, StoreIntake(store), group_id="behind", alone=[(TOPIC, 0)]) as consumption:
        await until(lambda: store.epochs[TOPIC, 0] == 1)
        assert not consumption.held
        await send([Outgoing(TOPIC, b"key", b"passed"), *some_records(200)])
        await until(lambda: bool(consumption.held))
        consumption.check()


async def test_two_consumers_share_the_partitions_and_take_everything_once(
    client_options: dict[str, Any], store: Store, send: Send, group_id: str
) -> None:
    one, two = StoreIntake(store), StoreIntake(store)
    async with Consumption(client_options, one, group_id=group_id, max_records=200) as first:
        await until(lambda: len(first.held) == len(store.positions))
        await send(some_records(4_000))
        await until(lambda: one.taken > 0)
        # Joining in the middle takes half of the partitions away from the first.
        async with Consumption(client_options, two, group_id=group_id, max_records=200) as second:
            await until(lambda: 0 < len(first.held) < len(store.positions) and bool(second.held))
            assert not first.held.keys() & second.held.keys()
            await send(some_records(4_000, first=4_000))
            await until(lambda: len(store.taken) == 8_000)
            assert two.taken > 0
        await send(some_records(1_000, first=8_000))
        await until(lambda: len(store.taken) == 9_000)
    assert store.again == 0
    assert not store.quarantined
    assert in_order(store)


async def test_records_that_are_not_text_come_through_as_they_are(
    client_options: dict[str, Any], store: Store, send: Send
) -> None:
    garbage = bytes(range(256))
    await send(
        [Outgoing(TOPIC, garbage, garbage, (("origin", garbage), ("origin", b""))), Outgoing(TOPIC, None, b"")]
    )
    await consume_until_caught_up(client_options, StoreIntake(store), group_id="bytes")
    found = {record.value: record for record in store.taken}
    assert found[garbage].key == garbage
    assert found[garbage].headers == (("origin", garbage), ("origin", b""))
    assert found[b""].key is None


async def test_what_a_producer_took_back_is_not_taken_in(client_options: dict[str, Any], store: Store) -> None:
    async with AIOKafkaProducer(**client_options, transactional_id="gateway") as producer:
        async with producer.transaction():
            await producer.send(TOPIC, b"kept", partition=1)
        await producer.begin_transaction()
        await producer.send_and_wait(TOPIC, b"taken back", partition=1)
        await producer.abort_transaction()
    # The partition ends with the mark of the abort, which is no record and still has an offset.
    await consume_until_caught_up(client_options, StoreIntake(store), group_id="transactions")
    assert store.values == [b"kept"]


def test_who_is_told_to_stop_ends_after_the_batch_in_hand(
    kafka_options: dict[str, Any], store: Store, group_id: str
) -> None:
    stop = threading.Event()

    class Intake(StoreIntake):
        def claim(self, partitions: Sequence[tuple[str, int]]) -> Any:
            stop.set()
            return super().claim(partitions)

    run_forever(kafka_options, lambda: Intake(store), stop, group_id=group_id)
    assert store.epochs
