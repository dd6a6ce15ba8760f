"""A charger park at Kafka: says what happens there, reads what chargers are told, and lets its time go on.

The park has a time of its own. It goes on as soon as whoever manages the load has read all that was said, and at the
latest after as long as a tick lasts on the clock on the wall: a virtual hour takes seconds, and a load service that
is dead, or brokers that are away, cost the park exactly as much time as they would cost a real one.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import chain
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from consumers.faults import broker_faults
from consumers.publisher import Outgoing, Publisher
from consumers.topics import admin_of, ensure_topics
from ledger.errors import MachineryFault

PROFILES = "settlement.profiles"
SITES = "sites"
SAID_ON = (SITES, "charging.sessions", "charging.chargers")
LOAD_GROUP = "wattledger-load"

_LOOK_SECONDS = 0.005
_READ_MS = 50
_HEADERS = (("content-type", b"application/cloudevents+json"),)


class Said(Protocol):
    """A record for Kafka: where it goes, and what it is."""

    @property
    def topic(self) -> str:
        """Its topic."""
        ...

    @property
    def key(self) -> str:
        """What it is about; records of one key stay in order."""
        ...

    @property
    def value(self) -> bytes:
        """A structured event."""
        ...


class Park(Protocol):
    """What a park does; who runs it says when time goes on."""

    @property
    def tick_s(self) -> int:
        """How many of its seconds a tick is."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether nothing more is planned."""
        ...

    def open(self) -> Sequence[Said]:
        """What is said before time begins."""
        ...

    def take(self, value: bytes) -> None:
        """A command to a charger, of this park or of others."""
        ...

    def tick(self) -> Sequence[Said]:
        """Let a tick pass; what is said meanwhile."""
        ...


async def run_park(
    client_options: Mapping[str, Any],
    park: Park,
    stop: threading.Event,
    *,
    group: str = LOAD_GROUP,
    on_tick: Callable[[], None] = lambda: None,
) -> None:
    """Run a park to its end, or until the event is set; topics that are missing are made.

    `client_options` are aiokafka's; `group` is the consumer group under which the load service says how far it has
    read the topics of `SAID_ON`; `on_tick` is called after each tick. Raises MachineryFault where brokers stay away.
    """
    await ensure_topics(client_options)
    async with _floor(client_options, group) as floor:
        await floor.say(park.open())
        await floor.followed(park.tick_s)
        owed_s = 0.0
        while not park.is_over and not stop.is_set():
            began = time.monotonic()
            for value in await floor.commands():
                park.take(value)
            await floor.say(park.tick())
            on_tick()
            await floor.followed(park.tick_s, began)
            owed_s += max(0.0, time.monotonic() - began - park.tick_s)
            while owed_s >= park.tick_s and not park.is_over:
                # Brokers that were away have not made the cars wait.
                owed_s -= park.tick_s
                await floor.say(park.tick())
                on_tick()


async def last_said(client_options: Mapping[str, Any]) -> list[bytes]:
    """The last record of each partition of `sites`: a park begins behind them, since time goes on only.

    Raises MachineryFault where the brokers cannot be reached.
    """
    await ensure_topics(client_options)
    async with AsyncExitStack() as ending:
        with broker_faults(f"the topic {SITES} cannot be read"):
            admin = await ending.enter_async_context(admin_of(client_options))
            (described,) = await admin.describe_topics([SITES])
            homes = [TopicPartition(SITES, part["partition"]) for part in described["partitions"]]
            reader = await _assigned(client_options, homes, ending)
            ends = {home: end for home, end in (await reader.end_offsets(homes)).items() if end}
            for home, end in ends.items():
                reader.seek(home, end - 1)
            found = [(await reader.getone(home)).value for home in ends]
    return [each for each in found if each]


class _Floor:
    """The way between a park and its brokers.

    Who asks how far the topics go has a connection of its own: on one that waits for records it would wait, too.
    """

    def __init__(
        self,
        publisher: Publisher,
        reader: AIOKafkaConsumer,
        asker: AIOKafkaConsumer,
        admin: AIOKafkaAdminClient,
        group: str,
    ) -> None:
        self._publisher, self._reader, self._asker = publisher, reader, asker
        self._admin, self._group = admin, group
        self._told_on = reader.assignment()
        self._said_on = asker.assignment() - self._told_on

    async def say(self, said: Iterable[Said]) -> None:
        """Publish, and wait until the brokers have it."""
        records = (Outgoing(each.topic, each.key.encode(), each.value, _HEADERS) for each in said)
        await self._publisher.send_all(records)
        await self._publisher.flush()

    async def commands(self) -> list[bytes]:
        """What chargers were told by now; nothing while the brokers are away."""
        found: list[bytes] = []
        with suppress(MachineryFault), broker_faults(f"the topic {PROFILES} cannot be read"):
            ends = await self._asker.end_offsets(self._told_on)
            while any([await self._reader.position(home) < end for home, end in ends.items()]):
                records = await self._reader.getmany(timeout_ms=_READ_MS)
                found += [each.value or b"" for each in chain(*records.values())]
        return found

    async def followed(self, seconds_max: float, since: float | None = None) -> None:
        """Wait until the load service has read what was said, for so long at most."""
        deadline = (time.monotonic() if since is None else since) + seconds_max
        ends: Mapping[TopicPartition, int] = {}
        while time.monotonic() < deadline:
            with suppress(MachineryFault), broker_faults("it cannot be asked how far the topics were read"):
                ends = ends or await self._asker.end_offsets(self._said_on)
                read = await self._admin.list_consumer_group_offsets(self._group)
                if all(end == 0 or (home in read and read[home].offset >= end) for home, end in ends.items()):
                    return
            await asyncio.sleep(_LOOK_SECONDS)


@asynccontextmanager
async def _floor(client_options: Mapping[str, Any], group: str) -> AsyncIterator[_Floor]:
    async with AsyncExitStack() as ending:
        publisher = await ending.enter_async_context(Publisher(client_options))
        admin = await ending.enter_async_context(admin_of(client_options))
        with broker_faults(f"the topic {PROFILES} cannot be read"):
            described = await admin.describe_topics([PROFILES, *SAID_ON])
            homes = [
                TopicPartition(each["topic"], part["partition"]) for each in described for part in each["partitions"]
            ]
            reader = await _assigned(client_options, [each for each in homes if each.topic == PROFILES], ending)
            asker = await _assigned(client_options, homes, ending)
            asker.pause(*homes)
            # What others were told before is nothing to this park.
            await reader.seek_to_end()
        yield _Floor(publisher, reader, asker, admin, group)


async def _assigned(
    client_options: Mapping[str, Any], homes: Iterable[TopicPartition], ending: AsyncExitStack
) -> AIOKafkaConsumer:
    consumer = AIOKafkaConsumer(**client_options, enable_auto_commit=False, auto_offset_reset="latest")
    ending.push_async_callback(consumer.stop)
    consumer.assign(list(homes))
    await consumer.start()
    return consumer
