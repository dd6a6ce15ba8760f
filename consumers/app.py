"""The FastStream application that reads the inbound topics and hands their records, batch by batch, to the intake.

Positions are the database's: a partition is claimed there and read on from there, and the offsets in Kafka are hints.
A consumer shares the topics with its group, or reads given partitions alone until it has caught up.
"""

import asyncio
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka import TopicPartition as KafkaPartition
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker, KafkaMessage, TopicPartition
from faststream.kafka.message import FAKE_CONSUMER
from tenacity import wait_fixed

from consumers.delivery import Delivery
from consumers.errors import UnreadBatch
from consumers.faults import broker_faults
from consumers.hints import OffsetHints
from consumers.ownership import Held, Ownership, RebalanceListener
from consumers.reading import Reading
from consumers.security import security_of
from consumers.watch import UNWATCHED, Watch
from contracts.messages import INBOUND_TOPICS
from engine.errors import PartitionLost
from engine.ports import Intake
from ledger.errors import MachineryFault
from ledger.intake.positions import Partition, named
from ledger.patience import Patience, Stopping

_log = logging.getLogger(__name__)

BATCH_MAX_RECORDS = 4000
# How long a member of the group goes on with its other partitions when one cannot be read on, before it ends.
UNREAD_SECONDS = 60.0

_SESSION_TIMEOUT_MS = 10_000
_FETCH: Mapping[str, Any] = {
    "fetch_max_wait_ms": 100,
    "fetch_max_bytes": 16 * 1024 * 1024,
    "max_partition_fetch_bytes": 2 * 1024 * 1024,
    "consumer_timeout_ms": 50,
    # What a producer took back is nothing that happened.
    "isolation_level": "read_committed",
    "auto_offset_reset": "earliest",
}
_GROUP: Mapping[str, Any] = {
    "session_timeout_ms": _SESSION_TIMEOUT_MS,
    "heartbeat_interval_ms": 1_000,
    # A database that is away for long is waited for; the heartbeats say that we are alive.
    "max_poll_interval_ms": 30 * 60 * 1000,
}
# A zombie hears from its group within this time; a partition that was taken by somebody outside the group is claimed
# back after it.
_RECLAIM_SHARED_SECONDS = 1.5 * _SESSION_TIMEOUT_MS / 1000
_RECLAIM_ALONE_SECONDS = 1.0
_START_RETRY_SECONDS = 0.3
_WAIT_MS = 50
_GRACEFUL_SECONDS = 60.0


class Consumption:
    """A running consumer; `async with` starts it and ends it in order, after the batch in hand.

    `client_options` are aiokafka's, `bootstrap_servers` among them. With `alone` it reads those partitions without
    the group's leave, claiming back what others take; otherwise it shares the inbound topics with the group.

    A partition with a record batch that cannot be read stands still there, and the others go on: a member of a group
    ends with UnreadBatch after `unread_seconds`, so that it is noticed and started again; who reads `alone` looks at
    `unread`.
    """

    def __init__(
        self,
        client_options: Mapping[str, Any],
        intake: Intake,
        *,
        group_id: str,
        max_records: int = BATCH_MAX_RECORDS,
        alone: Collection[Partition] | None = None,
        unread_seconds: float = UNREAD_SECONDS,
        watch: Watch = UNWATCHED,
    ) -> None:
        self._watch = watch
        self._client_options = client_options
        self._group_id = group_id
        self._max_records = max_records
        self._alone = alone
        self._delivery = Delivery(intake)
        self._ownership = Ownership(self._delivery, self._fail)
        self._unread_seconds = unread_seconds
        self._unread: dict[Partition, tuple[Held, UnreadBatch]] = {}
        self._noting: set[asyncio.Task[None]] = set()
        self._reading = Reading(max_records, _WAIT_MS, self._rewind, self._stand_still)
        self._hints = OffsetHints(self._current_consumer)
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._busy = False
        self.batches = 0
        self.quarantined = 0
        self.moved = asyncio.Event()
        self._app, self._subscriber = self._build()

    @property
    def held(self) -> Mapping[Partition, Held]:
        """The partitions that are ours, with the next offset of each."""
        return self._ownership.held

    @property
    def unread(self) -> Mapping[Partition, UnreadBatch]:
        """The partitions of ours that stand still before a batch that cannot be read."""
        return {home: error for home, (held, error) in self._unread.items() if self.held.get(home) is held}

    @property
    def last_fault(self) -> BaseException | None:
        """What keeps the machinery from answering now, if anything."""
        return self._delivery.last_fault

    async def fetched_through(self, partition: Partition) -> int | None:
        """The offset behind everything that was fetched of a partition and taken in; None while it is not ours.

        It passes what a log holds that is no record, such as the marks of transactions.
        """
        held = self.held.get(partition)
        if held is None or self._in_hand:
            return None
        position = int(await self._current_consumer().position(KafkaPartition(*partition)))
        return None if self._in_hand or self.held.get(partition) is not held else position

    @property
    def _in_hand(self) -> bool:
        """Whether something was fetched and is not taken in yet."""
        return self._busy or self._reading.holds

    def check(self) -> None:
        """Raises what ended the consumption, if something did."""
        if self._failure.done():
            self._failure.result()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._delivery.stop()
        self._ownership.let_go()
        async with self._delivery:
            if self._subscriber.consumer is not None:
                await self._hints.close()
            await asyncio.gather(*self._noting)
            await self._app.stop()
        if self._failure.done():
            self._failure.exception()

    def _build(self) -> tuple[FastStream, Any]:
        broker = KafkaBroker(
            self._client_options["bootstrap_servers"],
            security=security_of(self._client_options),
            client_id=self._group_id,
            consumer_only=True,
            apply_types=False,
            graceful_timeout=_GRACEFUL_SECONDS,
            logger=_Faults(),
        )
        listener = RebalanceListener(self._ownership, self._current_consumer)
        source: dict[str, Any] = {"listener": listener, **_GROUP}
        if self._alone is not None:
            source = {"partitions": [TopicPartition(*partition) for partition in sorted(self._alone)]}
        topics = INBOUND_TOPICS if self._alone is None else ()
        subscriber = broker.subscriber(
            *topics,
            batch=True,
            group_id=self._group_id,
            max_records=self._max_records,
            ack_policy=AckPolicy.MANUAL,
            parser=_whole_batch,
            decoder=_records,
            **_FETCH,
            **source,
        )
        subscriber(self._take)
        subscriber.get_msg = self._reading.next_batch
        return FastStream(broker, logger=None), subscriber

    async def _start(self) -> None:
        await Patience(wait_fixed(_START_RETRY_SECONDS)).do_async(self._connect)
        if self._alone is not None:
            self._ownership.take_over(self._current_consumer(), self._alone)

    async def _connect(self) -> None:
        try:
            with broker_faults("Kafka cannot be reached"):
                await self._app.start()
        except MachineryFault:
            await self._app.stop()
            raise

    def _current_consumer(self) -> AIOKafkaConsumer:
        return self._subscriber.consumer

    def _rewind(self) -> None:
        self._ownership.rewind(self._current_consumer())

    def _stand_still(self, partition: KafkaPartition, offset: int, failure: Exception) -> None:
        home = (partition.topic, partition.partition)
        held = self.held.get(home)
        if held is None:
            return
        reason = " ".join(str(failure).split()) or type(failure).__name__
        error = UnreadBatch(
            f"topic {home[0]}, partition {home[1]}: the record batch at offset {offset} cannot be read "
            f"({reason}); docs/operations.md, Batches that cannot be read, says what to do"
        )
        _log.error("%s; the other partitions go on", error, extra={"partition": named(home), "offset": offset})
        noting = asyncio.create_task(self._note_unread(home, held, offset, error, reason))
        self._noting.add(noting)
        noting.add_done_callback(self._noting.discard)

    async def _note_unread(self, home: Partition, held: Held, offset: int, error: UnreadBatch, reason: str) -> None:
        """Have people told of it before anybody ends for it."""
        try:
            await self._delivery.note_unread(home, held.epoch, offset, reason)
        except PartitionLost:
            if self.held.get(home) is held:
                self._doubt()
            return
        except Stopping:
            return
        except Exception as failure:
            self._fail(failure)
            return
        self._unread[home] = (held, error)
        if self._alone is None:
            asyncio.get_running_loop().call_later(self._unread_seconds, self._give_up, home)

    def _give_up(self, home: Partition) -> None:
        if error := self.unread.get(home):
            self._fail(error)

    async def _take(self, batch: tuple[ConsumerRecord, ...]) -> None:
        self._busy = True
        try:
            await self._take_in(batch)
        except Stopping:
            return
        except Exception as failure:
            # FastStream would go on with the next batch, and this one would be lost.
            self._fail(failure)
        finally:
            self._busy = False

    async def _take_in(self, batch: Sequence[ConsumerRecord]) -> None:
        records = await self._ownership.select(self._current_consumer(), batch)
        if not records:
            return
        next_offsets = {record.home: record.offset + 1 for record in records}
        owned = {home: self.held[home] for home in next_offsets}
        epochs = {home: held.epoch for home, held in owned.items()}
        began = time.monotonic()
        try:
            quarantined = await self._delivery.deliver(records, epochs)
        except PartitionLost as lost:
            _log.info("%s; its batch was dropped", lost, extra={"partition": ",".join(map(named, owned))})
            # Where the claims are new already, reading goes on from them.
            if all(self.held.get(home) is held for home, held in owned.items()):
                self._doubt()
            return
        for home, held in owned.items():
            held.next_offset = next_offsets[home]
        self.batches += 1
        self.quarantined += quarantined
        written = (record.timestamp for record in batch if (record.topic, record.partition) in owned)
        self._watch.took(written, quarantined, time.monotonic() - began)
        self._hints.note(next_offsets)
        self.moved.set()

    def _doubt(self) -> None:
        """Take nothing more: a rebalance is about to say why, or else they are claimed again after a while."""
        consumer = self._current_consumer()
        assigned = [(tp.topic, tp.partition) for tp in consumer.assignment()]
        wait = _RECLAIM_SHARED_SECONDS if self._alone is None else _RECLAIM_ALONE_SECONDS
        self._ownership.take_over(consumer, assigned, wait)

    def _fail(self, failure: Exception) -> None:
        self._ownership.let_go()
        if not self._failure.done():
            self._failure.set_exception(failure)


class _Faults:
    """What FastStream has to say, as far as it is a fault; the rest is ours to say."""

    def log(self, level: int, message: Any, /, **details: Any) -> None:
        if level >= logging.ERROR:
            # Whether a traceback is shown is for whoever formats the line.
            _log.log(level, "%s", message, exc_info=details.get("exc_info"))


async def _whole_batch(batch: tuple[ConsumerRecord, ...]) -> KafkaMessage:
    # FastStream's own parser decodes every header and body; any of them may hold any bytes.
    first = batch[0]
    identity = f"{first.topic}-{first.partition}-{first.offset}"
    return KafkaMessage(batch, b"", message_id=identity, correlation_id=identity, consumer=FAKE_CONSUMER)


async def _records(message: KafkaMessage) -> Any:
    return message.raw_message
