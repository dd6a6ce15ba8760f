"""Reading the partitions batch by batch, so that one whose next batch cannot be read holds up no other.

A client that meets such a batch (a codec it has no library for, bytes that are no batch) raises in the middle of
handing out what it has fetched, and drops the records of other partitions that it had in hand. From then on each
partition is read by itself, record by record, from where the last one that was taken in ends: nothing is lost, and
the offset of what cannot be read is known.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from itertools import chain
from typing import TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import ConsumerStoppedError, CorruptRecordException, KafkaError, UnsupportedCodecError

# Which partition, the offset of the batch, and what the client says.
OnUnread: TypeAlias = Callable[[TopicPartition, int, Exception], None]

# What was damaged on its way is sound when it is fetched again.
_TRIES_MAX = 2


class Reading:
    """What is fetched of a consumer's partitions, at most `max_records` a batch.

    `rewind` seeks every partition to the record that is to be taken in next. A partition that cannot be read on is
    paused, and told to `on_unread`; whoever resumes it has it tried again.
    """

    def __init__(self, max_records: int, wait_ms: int, rewind: Callable[[], None], on_unread: OnUnread) -> None:
        self._max_records, self._wait_ms = max_records, wait_ms
        self._rewind, self._on_unread = rewind, on_unread
        self._failures: Counter[TopicPartition] = Counter()
        self._each_by_itself = False
        self.holds = False

    async def next_batch(self, consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord, ...]:
        """Records in the order of each partition; none where none came for a while.

        From its first record on, and until the next batch is asked for, it `holds` something.
        """
        self.holds = False
        batch: tuple[ConsumerRecord, ...] = ()
        if self._each_by_itself:
            batch = await self._next_of_each(consumer)
        else:
            try:
                found = await consumer.getmany(timeout_ms=self._wait_ms, max_records=self._max_records)
                self.holds = bool(found)
                batch = tuple(chain(*found.values()))
            except Exception as failure:
                if not _is_of_a_batch(failure):
                    raise
                # Before anything else has a turn: the consumer's positions are past records that were dropped.
                self._rewind()
                self._each_by_itself = True
        if not batch:
            await asyncio.sleep(self._wait_ms / 1000)
        return batch

    async def _next_of_each(self, consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord, ...]:
        batch: list[ConsumerRecord] = []
        for partition in sorted(consumer.assignment() - consumer.paused()):
            batch += await self._next_of(consumer, partition)
        return tuple(batch)

    async def _next_of(self, consumer: AIOKafkaConsumer, partition: TopicPartition) -> list[ConsumerRecord]:
        records: list[ConsumerRecord] = []
        try:
            while len(records) < self._max_records and (found := await consumer.getmany(partition, max_records=1)):
                self.holds = True
                records += found[partition]
        except Exception as failure:
            if not _is_of_a_batch(failure):
                raise
            if not records:
                await self._note(consumer, partition, failure)
        if records:
            del self._failures[partition]
        return records

    async def _note(self, consumer: AIOKafkaConsumer, partition: TopicPartition, failure: Exception) -> None:
        """What stands at the position cannot be read: it is fetched again, and after some tries no more."""
        self._failures[partition] += 1
        if self._failures[partition] == _TRIES_MAX:
            del self._failures[partition]
            offset = await consumer.position(partition)
            consumer.pause(partition)
            self._on_unread(partition, offset, failure)


def _is_of_a_batch(failure: Exception) -> bool:
    """Whether a batch could not be read, and it is not that the consumer or the brokers are not as they should be."""
    if isinstance(failure, UnsupportedCodecError | CorruptRecordException):
        return True
    # Codecs, text and structures each have errors of their own.
    return not isinstance(failure, KafkaError | ConsumerStoppedError)
