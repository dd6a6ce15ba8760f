"""Records to Kafka, fast and each once: an idempotent producer, batches filled by partition, acknowledged by all."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Any, Self, TypeAlias
from zlib import crc32

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2
from tenacity import stop_after_delay, wait_fixed

from consumers.faults import broker_faults
from contracts.messages import TOPIC_OF, key_of
from ledger.errors import MachineryFault
from ledger.intake.positions import Partition
from ledger.patience import Patience, Words, look_for_reasons, until_async

Headers: TypeAlias = tuple[tuple[str, bytes], ...]

# What a broker takes as one batch unless it is told otherwise is 1,048,588 bytes; a record needs a batch around it.
RECORD_MAX_BYTES = 1_048_000
# A batch's own fields (61 bytes) and a record's (at most 30), and the lengths of a header's name and value.
_FRAME_BYTES = 100
_HEADER_FRAME_BYTES = 10
_BATCH_BYTES = 256 * 1024
_REQUEST_TIMEOUT_MS = 120_000
_PATIENCE_SECONDS = _REQUEST_TIMEOUT_MS / 1000
_RETRY_SECONDS, _LOOK_SECONDS = 0.3, 0.5
_NEW_TOPIC_SECONDS = 3.0
# Who is cancelled, as at the end of a process, waits so long for what no broker has taken.
_END_SECONDS = 1.0
# The loop gets a turn at least this often, or nothing would be sent while records are read.
_TURN_RECORDS = 500


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to be sent; those with equal keys stay in order."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Headers = ()

    @classmethod
    def of_event(cls, event: Mapping[str, Any]) -> Self:
        """The record of a structured event that the intake would take."""
        type_ = event["type"]
        return cls(TOPIC_OF[type_], key_of(type_, event["data"]).encode(), orjson.dumps(event))

    @property
    def size_bytes(self) -> int:
        """An upper bound of its size in a batch of its own."""
        size = len(self.value) + len(self.key or b"") + _FRAME_BYTES
        for name, value in self.headers:
            size += 4 * len(name) + len(value) + _HEADER_FRAME_BYTES
        return size


class Publisher:
    """Sends records while the `async with` block runs; leaving it in order waits until all are acknowledged.

    `client_options` are aiokafka's, `bootstrap_servers` among them. A record that no broker takes, for its size, goes
    to `on_too_large` instead, before anything of it is sent. A broker that is away is waited for, up to two minutes.
    """

    def __init__(
        self, client_options: Mapping[str, Any], on_too_large: Callable[[Outgoing], None] | None = None
    ) -> None:
        self._client_options = client_options
        self._on_too_large = on_too_large
        self._producer: AIOKafkaProducer | None = None
        self._open: dict[Partition, Any] = {}
        self._partition_counts: dict[str, int] = {}
        self._sending: set[asyncio.Future[Any]] = set()
        self._failure: BaseException | None = None
        self.sent = 0
        self.too_large = 0

    async def __aenter__(self) -> Self:
        self._producer = await self._patience().do_async(self._start)
        return self

    async def _start(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._client_options,
            enable_idempotence=True,
            acks="all",
            max_batch_size=_BATCH_BYTES,
            max_request_size=RECORD_MAX_BYTES,
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
        )
        try:
            with broker_faults("Kafka cannot be reached"):
                await producer.start()
        except MachineryFault:
            await producer.stop()
            raise
        return producer

    def _patience(self) -> Patience:
        return Patience(wait_fixed(_RETRY_SECONDS), stop_after_delay(_PATIENCE_SECONDS))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                await self.flush()
        finally:
            if self._producer is not None:
                await _end(self._producer, _END_SECONDS if isinstance(error, asyncio.CancelledError) else None)
            for future in self._sending:
                future.cancel()

    async def send_all(self, records: Iterable[Outgoing]) -> None:
        """Send records in order; they are on their way when this returns, and safe after `flush`.

        Raises MachineryFault when the brokers stay away or refuse a batch: some records may be there then.
        """
        for number, record in enumerate(records, 1):
            await self.send(record)
            if number % _TURN_RECORDS == 0:
                await asyncio.sleep(0)

    async def send(self, record: Outgoing) -> None:
        """As `send_all`, of one record."""
        if record.size_bytes > RECORD_MAX_BYTES:
            self.too_large += 1
            if self._on_too_large is not None:
                self._on_too_large(record)
            return
        count = self._partition_counts.get(record.topic) or await self._count_partitions(record.topic)
        home = (record.topic, _partition_of(record, count))
        batch = self._open.get(home)
        if batch is None:
            batch = self._open[home] = self._started.create_batch()
        if not _append(batch, record):
            await self._send_batch(home)
            batch = self._open[home] = self._started.create_batch()
            _append(batch, record)
        self.sent += 1

    async def flush(self) -> None:
        """Wait until every record was acknowledged. Raises MachineryFault as `send_all` does."""
        for home in list(self._open):
            await self._send_batch(home)
        words = Words()
        while self._sending:
            done, _ = await asyncio.wait(self._sending, timeout=_LOOK_SECONDS)
            if done:
                words.moved()
            else:
                look_for_reasons()
                words.say("Kafka to take what was sent")
        self._check()

    @property
    def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise RuntimeError("the publisher is not started; use it with 'async with'")
        return self._producer

    async def _count_partitions(self, topic: str) -> int:
        """The number of a topic's partitions; one that was made just now may need a moment to be known."""

        async def ask() -> int:
            with broker_faults(f"Kafka cannot be asked for the topic {topic}"):
                cluster = await self._started.client.fetch_all_metadata()
            return len(cluster.partitions_for_topic(topic) or ())

        count = await until_async(lambda: self._patience().do_async(ask), _RETRY_SECONDS, _NEW_TOPIC_SECONDS)
        if not count:
            raise MachineryFault(
                f"Kafka cannot be asked for the topic {topic}: it is not there; make the topics first"
            )
        self._partition_counts[topic] = count
        return count

    async def _send_batch(self, home: Partition) -> None:
        self._check()
        batch = self._open.pop(home)
        topic, partition = home
        with _taking_all():
            # Waits while an earlier batch of the partition waits, which bounds what is in memory.
            future = await self._started.send_batch(batch, topic, partition=partition)
        self._sending.add(future)
        future.add_done_callback(self._sent)

    def _sent(self, future: asyncio.Future[Any]) -> None:
        self._sending.discard(future)
        if not future.cancelled() and future.exception() is not None:
            self._failure = self._failure or future.exception()

    def _check(self) -> None:
        if self._failure is not None:
            with _taking_all():
                raise self._failure


async def _end(producer: AIOKafkaProducer, within_s: float | None) -> None:
    """End a producer once it has given up what it holds, or after so long: an idempotent one may never give up."""
    ending = asyncio.create_task(producer.stop())
    done, _ = await asyncio.wait({ending}, timeout=within_s)
    if done:
        ending.result()
    else:
        ending.cancel()
        # The library offers no way to give up: its sender would go on making connections behind our back.
        await asyncio.wait({asyncio.create_task(producer._sender.close())}, timeout=within_s)
        await producer.client.close()


async def publish(
    client_options: Mapping[str, Any],
    records: Iterable[Outgoing],
    on_too_large: Callable[[Outgoing], None] | None = None,
) -> tuple[int, int]:
    """Publishes records and waits for their acknowledgement; answers how many were sent, and were too large.

    Raises MachineryFault when the brokers stay away; publishing the same again is safe, since duplicates are known.
    """
    async with Publisher(client_options, on_too_large) as publisher:
        await publisher.send_all(records)
    return publisher.sent, publisher.too_large


def _append(batch: Any, record: Outgoing) -> bool:
    added = batch.append(timestamp=None, key=record.key, value=record.value, headers=list(record.headers))
    return added is not None


def _partition_of(record: Outgoing, count: int) -> int:
    """The partition that Kafka's own clients choose for a key; without one, by the value, the same each time."""
    hash_ = crc32(record.value) if record.key is None else _hash_of(record.key)
    return hash_ % count


@lru_cache(maxsize=65_536)
def _hash_of(key: bytes) -> int:
    return int(murmur2(key)) & 0x7FFFFFFF


def _taking_all() -> AbstractContextManager[None]:
    return broker_faults("Kafka did not take all records", "publish them again, duplicates do no harm")
