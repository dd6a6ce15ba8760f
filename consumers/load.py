"""Sites whose load is steered, at Kafka: which are ours, what is told of them, and what their cars are told.

The group that reads `sites` says whose a site is: the member that has its partition. Beside it each member reads all
partitions of the three topics by itself, from where the sites that it owns have come to.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.partitioner import murmur2
from tenacity import wait_random_exponential

from consumers.faults import BROKER_FAULTS, broker_faults
from consumers.publisher import Outgoing, Publisher
from consumers.reading import Reading
from consumers.topics import ensure_topics, inbound_partitions
from engine.load.steering import LostSites, Read, Sending, Steering
from ledger.errors import MachineryFault
from ledger.patience import Patience, Stopping, as_async_event

SITES_TOPIC: Final = "sites"
_TOPICS: Final = (SITES_TOPIC, "charging.sessions", "charging.chargers")
_BATCH, _WAIT_MS = 500, 10
# So often sites are looked at where nothing comes: what time alone changes is due by the second.
_LOOK_S = 0.25


class Watch(Protocol):
    """Is told that the loop moves, what it took and told, and how many sites it steers."""

    def moves(self, loop: str) -> None:
        """It has gone round once more."""

    def add(self, **counts: int) -> None:
        """So many more."""

    def holds(self, partitions: int) -> None:
        """So many partitions of `sites` are ours."""


def partition_of(location_id: str, partitions: int) -> int:
    """The partition of `sites` whose owner steers a location, in whatever case its id is written.

    It is by the partitioner of Kafka's own clients; which one a message is on matters to nobody, since all are read.
    """
    return (int(murmur2(location_id.casefold().encode())) & 0x7FFFFFFF) % partitions


async def steer_sites(
    client_options: Mapping[str, Any],
    make: Callable[[], Steering],
    stop: threading.Event,
    *,
    group_id: str,
    watch: Watch,
) -> None:
    """Steer what sites become ours until the event is set; brokers and a database that are away are waited for."""
    patience = Patience(wait_random_exponential(multiplier=0.3, max=3.0))

    async def attempt() -> None:
        await ensure_topics(client_options)
        steering = make()
        try:
            await _Loop(client_options, steering, group_id, watch).run(stop, patience)
        except LostSites as lost:
            raise MachineryFault("another process steers these sites: they are shared out again") from lost
        finally:
            await asyncio.to_thread(steering.close)

    with suppress(Stopping):
        async with as_async_event(stop) as stopping:
            await patience.do_async(attempt, stopping)


class _Ours(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """The partitions of `sites` that the group gave us; None while it shares them out."""

    def __init__(self) -> None:
        self.partitions: frozenset[int] | None = None
        self.changes = 0

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self.partitions = None
        self.changes += 1

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self.partitions = frozenset(each.partition for each in assigned)
        self.changes += 1


class _Loop:
    """One connection to the brokers."""

    def __init__(self, options: Mapping[str, Any], steering: Steering, group_id: str, watch: Watch) -> None:
        self._options, self._steering, self._watch = options, steering, watch
        common: dict[str, Any] = {"enable_auto_commit": False, "isolation_level": "read_committed"}
        self._group = AIOKafkaConsumer(
            **options,
            **common,
            group_id=f"{group_id}-load-sites",
            session_timeout_ms=6_000,
            heartbeat_interval_ms=1_000,
        )
        self._reader = AIOKafkaConsumer(
            **options, **common, group_id=f"{group_id}-load", auto_offset_reset="earliest", fetch_max_wait_ms=50
        )
        self._ours, self._seen = _Ours(), -1
        self._reading = Reading(_BATCH, _WAIT_MS, self._rewind, self._pass)
        self._taken: dict[TopicPartition, int] = {}
        self._ends: Mapping[TopicPartition, int] | None = None
        self._looked_at = 0.0

    async def run(self, stop: threading.Event, patience: Patience) -> None:
        """Read and steer until the event is set; raises what the brokers and the database do."""
        self._group.subscribe([SITES_TOPIC], listener=self._ours)
        try:
            with broker_faults("sites cannot be read"):
                await self._group.start()
                await self._reader.start()
                async with Publisher(self._options) as publisher:
                    while not stop.is_set():
                        await self._step(publisher)
                        patience.worked()
        finally:
            for consumer in (self._group, self._reader):
                with suppress(*BROKER_FAULTS):
                    await consumer.stop()

    async def _step(self, publisher: Publisher) -> None:
        self._watch.moves("load")
        # What the group reads is read by the reader, too: it only has to be seen to live.
        self._group.pause(*(self._group.assignment() - self._group.paused()))
        await self._group.getmany(timeout_ms=0)
        if self._ours.changes != self._seen:
            await self._begin(publisher)
        if not self._ours.partitions:
            await asyncio.sleep(_WAIT_MS / 1_000)
            return
        batch = await self._reading.next_batch(self._reader)
        if self._ours.changes == self._seen:
            await self._take(batch, publisher)

    async def _begin(self, publisher: Publisher) -> None:
        """Sites became ours, or are no more: go on from what is kept of those that are."""
        self._seen, ours = self._ours.changes, self._ours.partitions
        self._watch.holds(len(ours or ()))
        if not ours:
            return
        homes = await self._homes()
        count = sum(1 for home in homes if home.topic == SITES_TOPIC)
        offsets, unsent = await asyncio.to_thread(self._steering.own, ours, count, partition_of)
        await self._send(publisher, unsent)
        self._reader.assign(homes)
        self._ends = await self._reader.end_offsets(homes)
        self._steering.shorten({_named(home): end for home, end in self._ends.items()})
        firsts = await self._reader.beginning_offsets(homes)
        self._taken = {home: max(min(offsets.get(_named(home), 0), self._ends[home]), firsts[home]) for home in homes}
        self._rewind()

    async def _homes(self) -> list[TopicPartition]:
        return [TopicPartition(*home) for home in await inbound_partitions(self._options) if home[0] in _TOPICS]

    async def _has_caught_up(self) -> bool:
        """Whether all is read that was there when sites became ours."""
        assert self._ends is not None
        positions = [(await self._reader.position(home), end) for home, end in self._ends.items()]
        return all(position >= end for position, end in positions)

    async def _take(self, batch: Sequence[ConsumerRecord], publisher: Publisher) -> None:
        for record in batch:
            self._taken[TopicPartition(record.topic, record.partition)] = record.offset + 1
        begins = self._ends is not None and await self._has_caught_up()
        acts = begins or self._ends is None
        now = time.monotonic()
        if not batch and not begins and now < self._looked_at + _LOOK_S:
            return
        self._looked_at = now
        if begins:
            self._ends = None
        reads = [Read(f"{each.topic}/{each.partition}", each.offset, each.value, each.headers) for each in batch]
        outcome = await asyncio.to_thread(self._steering.take, reads, acts=acts, after_a_pause=begins)
        await self._send(publisher, outcome.records)
        self._watch.add(records=len(batch), profiles=outcome.commands)
        if batch and acts:
            # Only for who wants to know how far we are: we ourselves go on from what is stored.
            await self._reader.commit(dict(self._taken))

    async def _send(self, publisher: Publisher, sendings: Sequence[Sending]) -> None:
        if sendings:
            await publisher.send_all(Outgoing(each.topic, each.key, each.value) for each in sendings)
            await publisher.flush()
        self._steering.sent()

    def _rewind(self) -> None:
        for home, offset in self._taken.items():
            self._reader.seek(home, offset)

    def _pass(self, home: TopicPartition, offset: int, failure: Exception) -> None:
        """Bytes that are no records, which the intake tells of: those behind them are read."""
        self._taken[home] = offset + 1
        self._reader.seek(home, offset + 1)
        self._reader.resume(home)


def _named(home: TopicPartition) -> str:
    return f"{home.topic}/{home.partition}"
