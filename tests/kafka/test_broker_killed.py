"""A broker that is killed in the middle of things loses and repeats nothing."""

import asyncio
import gc
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.app import Consumption
from consumers.publisher import Outgoing, Publisher
from consumers.run import consume_until_caught_up
from consumers.topics import ensure_topics
from tests.kafka.store import Store, StoreIntake, until
from tests.support.made_ahead import with_kafka
from wattledger.embedded import EmbeddedKafka
from wattledger.settings import default_cache_dir

RECORDS = 20_000


@pytest.fixture(autouse=True)
def _connections_forgotten() -> Iterator[None]:
    """aiokafka forgets connections that were being made when a broker died; they are not to fail the next test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def mortal_kafka(tmp_path: Path) -> Iterator[EmbeddedKafka]:
    """A broker of the test's own, to be killed."""
    with EmbeddedKafka(with_kafka(tmp_path), default_cache_dir()) as server:
        yield server


def records(first: int, count: int) -> list[Outgoing]:
    return [Outgoing("payments", b"%d" % (n % 50), b"%08d" % n) for n in range(first, first + count)]


async def kill_and_restart(kafka: EmbeddedKafka) -> None:
    kafka.kill()
    await asyncio.to_thread(kafka.start)


def assert_complete(store: Store) -> None:
    assert sorted(store.values, key=lambda value: value or b"") == [b"%08d" % n for n in range(RECORDS)]
    assert all(values == sorted(values, key=lambda value: value or b"") for values in store.by_key().values())
    assert store.again == 0


async def test_publishing_goes_on_after_the_broker_was_killed_and_repeats_nothing(
    mortal_kafka: EmbeddedKafka,
) -> None:
    options = mortal_kafka.client_options
    await ensure_topics(options)
    async with Publisher(options) as publisher:
        await publisher.send_all(records(0, RECORDS // 2))
        restarting = asyncio.create_task(kill_and_restart(mortal_kafka))
        await publisher.send_all(records(RECORDS // 2, RECORDS // 2))
        await publisher.flush()
        await restarting
    store = Store()
    assert await consume_until_caught_up(options, StoreIntake(store), group_id="later") == RECORDS
    assert_complete(store)


async def test_who_is_told_to_end_waits_no_longer_for_a_broker_that_is_gone(mortal_kafka: EmbeddedKafka) -> None:
    options = mortal_kafka.client_options
    await ensure_topics(options)
    is_on_its_way = asyncio.Event()

    async def send() -> None:
        async with Publisher(options) as publisher:
            await publisher.send_all(records(0, 10))
            await publisher.flush()
            mortal_kafka.kill()
            await publisher.send_all(records(10, 10))
            is_on_its_way.set()
            await publisher.flush()

    sending = asyncio.create_task(send())
    await is_on_its_way.wait()
    sending.cancel()
    done, _ = await asyncio.wait({sending}, timeout=5)
    assert done


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "in a group"])
async def test_consuming_goes_on_after_the_broker_was_killed(mortal_kafka: EmbeddedKafka, alone: bool) -> None:
    options = mortal_kafka.client_options
    await ensure_topics(options)
    async with Publisher(options) as publisher:
        await publisher.send_all(records(0, RECORDS))
    store = Store()
    intake = StoreIntake(store)
    homes = [("payments", number) for number in range(6)] if alone else None
    async with Consumption(options, intake, group_id="killed", max_records=100, alone=homes):
        await until(lambda: len(store.taken) > 500)
        await kill_and_restart(mortal_kafka)
        await until(lambda: len(store.taken) == RECORDS)
    assert_complete(store)
