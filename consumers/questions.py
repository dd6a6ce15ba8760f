"""Questions of gateways at Kafka: read in a group of their own, beside the intake, and answered many at once.

A batch that waits for a partner holds up no other: each is a task, and what is committed is the offset before which
all are done. Who takes over after a crash reads some again, which have their answers by then.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError
from tenacity import wait_random_exponential

from consumers.faults import BROKER_FAULTS, broker_faults
from consumers.reading import Reading
from consumers.topics import ensure_topics
from contracts.authorizations import QUESTIONS_TOPIC
from ledger.patience import Patience, Stopping, as_async_event

# Where brokers are; None while nobody knows.
Options = Callable[[], Mapping[str, Any] | None]
Take = Callable[[Sequence[ConsumerRecord]], Awaitable[None]]

# Batches under way, and how many questions each has at most.
_AT_ONCE = 64
_BATCH = 100
_WAIT_MS = 20
_COMMIT_EVERY_S = 1.0
_LOOK_S = 0.2
_GRACE_S = 3.0

_log = logging.getLogger(__name__)


class Line:
    """The questions of one partition that are under way, by offset."""

    def __init__(self) -> None:
        self._open: set[int] = set()
        self.next: int | None = None
        self._told: int | None = None

    def begin(self, offset: int) -> None:
        """One more is read."""
        self._open.add(offset)
        self.next = offset + 1

    def end(self, offset: int) -> None:
        """It is answered."""
        self._open.discard(offset)

    def news(self) -> int | None:
        """The offset before which all are answered; None where that was told before."""
        found = min(self._open, default=self.next)
        if found == self._told:
            return None
        self._told = found
        return found


class Questions:
    """One member of the group, for as long as it is connected."""

    def __init__(self, consumer: AIOKafkaConsumer, take: Take) -> None:
        self._consumer, self._take = consumer, take
        self._lines: dict[TopicPartition, Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._reading = Reading(_BATCH, _WAIT_MS, self._rewind, self._pass)
        self._committed_at = 0.0

    async def step(self) -> None:
        """Read what has come, and have it answered; raises what the brokers do."""
        batch = await self._reading.next_batch(self._consumer)
        if batch:
            while len(self._tasks) >= _AT_ONCE:
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            lines = []
            for record in batch:
                line = self._lines.setdefault(TopicPartition(record.topic, record.partition), Line())
                line.begin(record.offset)
                lines.append(line)
            task = asyncio.create_task(self._answer(batch, lines))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        now = asyncio.get_running_loop().time()
        if now >= self._committed_at + _COMMIT_EVERY_S:
            self._committed_at = now
            await self.commit()

    async def _answer(self, batch: Sequence[ConsumerRecord], lines: Sequence[Line]) -> None:
        try:
            await self._take(batch)
        except Exception:
            # Nothing that a record holds breaks an answer; what does is ours, and the next ones go on.
            _log.exception("%d questions are not answered", len(batch))
        for record, line in zip(batch, lines, strict=True):
            line.end(record.offset)

    async def commit(self) -> None:
        """Tell the brokers before which offsets all are answered."""
        mine = self._consumer.assignment()
        offsets = {
            home: offset for home, line in self._lines.items() if home in mine and (offset := line.news()) is not None
        }
        if offsets:
            with suppress(IllegalStateError, *BROKER_FAULTS):
                await self._consumer.commit(offsets)

    def forget(self, homes: Iterable[TopicPartition]) -> None:
        """Partitions come or go: they are read on from what was committed."""
        for home in homes:
            self._lines.pop(home, None)

    async def end(self) -> None:
        """Let those under way be answered, for a moment; the rest is another one's."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_GRACE_S)
        await self.commit()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _rewind(self) -> None:
        for home, line in self._lines.items():
            if line.next is not None and home in self._consumer.assignment():
                self._consumer.seek(home, line.next)

    def _pass(self, home: TopicPartition, offset: int, failure: Exception) -> None:
        """Bytes that are no records: nobody waits for their answer, and those behind them are read."""
        _log.error("partition %d of %s cannot be read at offset %d: %s", home.partition, home.topic, offset, failure)
        self._consumer.seek(home, offset + 1)
        self._consumer.resume(home)


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._questions.commit()
        self._questions.forget(revoked)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._questions.forget(assigned)


async def read_questions(options: Options, take: Take, stop: threading.Event, group_id: str) -> None:
    """Read and answer until the event is set; brokers that are away are waited for."""
    patience = Patience(wait_random_exponential(multiplier=0.5, max=5.0))

    async def attempt() -> None:
        while (found := options()) is None:
            if stop.is_set():
                return
            await asyncio.sleep(_LOOK_S)
        await ensure_topics(found)
        await _follow(found, take, stop, group_id, patience)

    with suppress(Stopping):
        async with as_async_event(stop) as stopping:
            await patience.do_async(attempt, stopping)


async def _follow(
    options: Mapping[str, Any], take: Take, stop: threading.Event, group_id: str, patience: Patience
) -> None:
    consumer = AIOKafkaConsumer(
        **options,
        group_id=f"{group_id}-authorizations",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        fetch_max_wait_ms=50,
        session_timeout_ms=10_000,
        heartbeat_interval_ms=1_000,
    )
    questions = Questions(consumer, take)
    consumer.subscribe([QUESTIONS_TOPIC], listener=_Rebalance(questions))
    try:
        with broker_faults(f"the topic {QUESTIONS_TOPIC} cannot be read"):
            await consumer.start()
            while not stop.is_set():
                await questions.step()
                patience.worked()
    finally:
        await questions.end()
        with suppress(*BROKER_FAULTS):
            await consumer.stop()
