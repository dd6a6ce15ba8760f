"""A payout processor at Kafka: reads `settlement.batches` by positions of its own, and sends answers.

The processor keeps its positions with what it has read, so that no group and no offset in Kafka is needed. What it
does with orders is its own business (`Desk`); here is only how records come and go.
"""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from tenacity import wait_fixed

from consumers.faults import broker_faults
from consumers.publisher import Outgoing, Publisher
from ledger.patience import Patience, Stopping, as_async_event

BATCHES, RESULTS = "settlement.batches", "payout.results"

_LOOK_MS = 200
_RETRY_SECONDS = 0.5
_HEADERS = (("content-type", b"application/cloudevents+json"),)


class Desk(Protocol):
    """What a payout processor does; each call may be its last before it is killed."""

    def positions(self) -> Mapping[int, int]:
        """The next offset of each partition that it has read of."""
        ...

    def take(self, records: Sequence[tuple[int, int, bytes]]) -> None:
        """Keep records (partition, offset, value), and that they were read."""
        ...

    def work(self) -> bool:
        """Do what is to be done; whether there was anything."""
        ...

    def answers(self) -> Sequence[tuple[str, bytes]]:
        """What is to be sent: key and value; the same again until it is `answered`."""
        ...

    def answered(self) -> None:
        """What `answers` gave has arrived."""
        ...


async def run_desk(
    client_options: Mapping[str, Any], desk: Desk, stop: threading.Event, *, once: bool = False
) -> None:
    """Read, work and answer until the event is set, or, `once`, until nothing is left to do now.

    `client_options` are aiokafka's. Brokers that are away, and a topic that is not there yet, are waited for.
    """
    patience = Patience(wait_fixed(_RETRY_SECONDS))

    async def attempt() -> None:
        async with Publisher(client_options) as publisher:
            consumer = AIOKafkaConsumer(BATCHES, **client_options, auto_offset_reset="earliest")
            try:
                await _follow(consumer, publisher, desk, stop, patience, once=once)
            finally:
                await consumer.stop()

    with suppress(Stopping):
        async with as_async_event(stop) as stopping:
            await patience.do_async(attempt, stopping)


async def _follow(
    consumer: AIOKafkaConsumer,
    publisher: Publisher,
    desk: Desk,
    stop: threading.Event,
    patience: Patience,
    *,
    once: bool,
) -> None:
    with broker_faults(f"the topic {BATCHES} cannot be read", "check its address; WattLedger makes the topic"):
        await consumer.start()
        homes = consumer.assignment()
        for partition, offset in desk.positions().items():
            if (home := TopicPartition(BATCHES, partition)) in homes:
                consumer.seek(home, offset)
        ends = await consumer.end_offsets(homes) if once else {}
    while not stop.is_set():
        with broker_faults(f"the topic {BATCHES} cannot be read"):
            found = await consumer.getmany(timeout_ms=_LOOK_MS)
        records = [(each.partition, each.offset, each.value or b"") for each in chain(*found.values())]
        if records:
            desk.take(records)
        did = desk.work()
        did = await _answer(publisher, desk) or did
        patience.worked()
        if once and not did and not records and await _has_read(consumer, ends):
            return


async def _has_read(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    return all([await consumer.position(home) >= end for home, end in ends.items()])


async def _answer(publisher: Publisher, desk: Desk) -> bool:
    """Send what is to be sent and have it acknowledged; whether there was anything."""
    answers = desk.answers()
    if not answers:
        return False
    await publisher.send_all(Outgoing(RESULTS, key.encode(), value, _HEADERS) for key, value in answers)
    await publisher.flush()
    desk.answered()
    return True
