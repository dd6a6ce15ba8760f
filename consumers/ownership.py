"""Which partitions are ours, under which epoch, and where each is read on: claims in PostgreSQL, seeks in Kafka."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError
from tenacity import wait_fixed

from consumers.delivery import Delivery
from consumers.errors import LogReplaced
from consumers.faults import broker_faults
from engine.ports import Claim, Record
from ledger.intake.positions import Partition, named
from ledger.patience import Patience, Stopping, until_async

_log = logging.getLogger(__name__)

_RETRY_SECONDS = 0.2
# A broker that has just come back may for a moment not know the end of its log.
_REPLACED_SECONDS = 3.0


@dataclass(slots=True)
class Held:
    """A partition that is ours: the claim's epoch, start, and the end there was then; and the next record to take."""

    epoch: int
    start_offset: int
    end_offset: int
    next_offset: int


class Ownership:
    """The partitions that a consumer may hand over; empty while claims are being made.

    Reading stands still for partitions without a claim, and what was fetched for them before is dropped: it is read
    again from where the claim says.
    """

    def __init__(self, delivery: Delivery, on_failure: Callable[[Exception], None]) -> None:
        self._delivery = delivery
        self._on_failure = on_failure
        self._held: dict[Partition, Held] = {}
        self._turn = 0
        self._claiming: asyncio.Task[None] | None = None

    @property
    def held(self) -> Mapping[Partition, Held]:
        """What is ours now."""
        return self._held

    def let_go(self) -> None:
        """Nothing is ours any more, and a claim that is being made is no longer wanted."""
        self._turn += 1
        self._held = {}
        if self._claiming is not None:
            self._claiming.cancel()
            self._claiming = None

    def take_over(
        self, consumer: AIOKafkaConsumer, partitions: Iterable[Partition], after_seconds: float = 0.0
    ) -> None:
        """Claim partitions in the background and read on from where the claims say.

        Heartbeats go on meanwhile, however long the database takes.
        """
        self.let_go()
        wanted = sorted(partitions)
        if wanted:
            consumer.pause(*map(_tp, wanted))
            self._claiming = asyncio.create_task(self._take_over(consumer, wanted, after_seconds))

    async def _take_over(self, consumer: AIOKafkaConsumer, partitions: Sequence[Partition], pause: float) -> None:
        turn = self._turn
        try:
            await asyncio.sleep(pause)
            claims = await self._delivery.claim(partitions, lambda: self._turn == turn)
            held = await _located(consumer, claims)
            if self._turn == turn:
                self._read_on(consumer, held)
        except Stopping:
            return
        except Exception as failure:
            if self._turn == turn:
                self._on_failure(failure)

    def _read_on(self, consumer: AIOKafkaConsumer, held: Mapping[Partition, Held]) -> None:
        # Without an await in between, so that no record is handed over under a claim it was not read under.
        for partition, each in held.items():
            consumer.seek(_tp(partition), each.next_offset)
        self._held = dict(held)
        consumer.resume(*map(_tp, held))
        _log.info("reading %d partitions on from their stored positions", len(held))

    def rewind(self, consumer: AIOKafkaConsumer) -> None:
        """Read what is ours on from the record to take next, whatever was fetched since."""
        for partition, each in self._held.items():
            consumer.seek(_tp(partition), each.next_offset)

    async def select(self, consumer: AIOKafkaConsumer, batch: Sequence[ConsumerRecord]) -> list[Record]:
        """The records of a fetched batch that are ours to take, in order."""
        last_offsets = {(record.topic, record.partition): record.offset for record in batch}
        fresh = {
            home: self._held[home] for home, last in last_offsets.items() if await self._fresh(consumer, home, last)
        }
        return [
            Record(
                r.topic,
                r.partition,
                r.offset,
                r.key,
                r.value,
                tuple((name, value or b"") for name, value in r.headers),
            )
            for r in batch
            if (held := fresh.get((r.topic, r.partition))) is not None and r.offset >= held.next_offset
        ]

    async def _fresh(self, consumer: AIOKafkaConsumer, home: Partition, last_offset: int) -> bool:
        """Whether records up to an offset were fetched since the partition became ours; a seek leaves them behind."""
        if home not in self._held:
            return False
        try:
            return bool(await consumer.position(_tp(home)) > last_offset)
        except IllegalStateError:
            return False


class RebalanceListener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Keeps an ownership in step with what the group assigns to a consumer."""

    def __init__(self, ownership: Ownership, consumer: Callable[[], AIOKafkaConsumer]) -> None:
        self._ownership = ownership
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """What is being handed over now is judged by its epoch; nothing more is."""
        self._ownership.let_go()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Claim what is ours now."""
        self._ownership.take_over(self._consumer(), [(tp.topic, tp.partition) for tp in assigned])


async def _located(consumer: AIOKafkaConsumer, claims: Mapping[Partition, Claim]) -> dict[Partition, Held]:
    """Claimed partitions with the offset from which each is read: the claim's, or the first there is.

    Raises LogReplaced for a partition that ends before what was already read of it.
    """
    homes = [_tp(home) for home in claims]
    held: dict[Partition, Held] = {}
    firsts: Mapping[TopicPartition, int] = {}

    async def is_whole() -> bool:
        nonlocal held, firsts
        firsts, ends = await _bounds(consumer, homes)
        held = {home: _held(claim, firsts[_tp(home)], ends[_tp(home)]) for home, claim in claims.items()}
        return not any(map(_is_cut, held.values()))

    # An outage begins the wait for the ends anew: a broker that has just come back may not know them yet.
    looking = partial(until_async, is_whole, _RETRY_SECONDS, _REPLACED_SECONDS)
    if not await Patience(wait_fixed(_RETRY_SECONDS)).do_async(looking):
        raise LogReplaced(_replaced(*next((home, each) for home, each in held.items() if _is_cut(each))))
    _warn_of_gaps(held, firsts)
    return held


async def _bounds(
    consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]
) -> tuple[Mapping[TopicPartition, int], Mapping[TopicPartition, int]]:
    """The first offset of each partition, and the one behind its last."""
    with broker_faults("Kafka does not say where its partitions begin and end"):
        return await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)


def _held(claim: Claim, first_offset: int, end_offset: int) -> Held:
    start = first_offset if claim.next_offset is None else claim.next_offset
    return Held(claim.epoch, start, end_offset, start)


def _is_cut(held: Held) -> bool:
    """Whether the partition ends before what was already read of it."""
    return held.next_offset > held.end_offset


def _replaced(partition: Partition, held: Held) -> str:
    topic, number = partition
    return (
        f"Kafka's topic {topic}, partition {number}, ends at offset {held.end_offset}, and the database has read it "
        f"up to {held.next_offset}: this is not the log that was read, or it lost its end; connect the broker that "
        "belongs to this database, or start with an empty database"
    )


def _warn_of_gaps(held: Mapping[Partition, Held], firsts: Mapping[TopicPartition, int]) -> None:
    for partition, each in held.items():
        first = firsts[_tp(partition)]
        if each.next_offset < first:
            lost = (each.next_offset, first - 1)
            _log.warning(
                "Kafka dropped offsets %d to %d of %s before they were read",
                *(*lost, named(partition)),
                extra={"partition": named(partition)},
            )


def _tp(partition: Partition) -> TopicPartition:
    return TopicPartition(*partition)
