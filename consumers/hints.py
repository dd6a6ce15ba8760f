"""Offsets committed to Kafka as a hint: for lag monitors only, since consumers read on from the database."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition

from consumers.faults import BROKER_FAULTS
from ledger.intake.positions import Partition

_log = logging.getLogger(__name__)
_EVERY_SECONDS = 0.5


class OffsetHints:
    """Commits the latest offsets at most twice a second, behind the batches and never in their way."""

    def __init__(self, consumer: Callable[[], AIOKafkaConsumer]) -> None:
        self._consumer = consumer
        self._latest: dict[Partition, int] = {}
        self._task: asyncio.Task[None] | None = None

    def note(self, offsets: Mapping[Partition, int]) -> None:
        """Remember next offsets to be committed soon."""
        self._latest.update(offsets)
        if self._task is None:
            self._task = asyncio.create_task(self._commit_soon())

    async def _commit_soon(self) -> None:
        await asyncio.sleep(_EVERY_SECONDS)
        self._task = None
        await self._commit()

    async def _commit(self) -> None:
        offsets, self._latest = self._latest, {}
        if not offsets:
            return
        try:
            await self._consumer().commit({TopicPartition(*home): offset for home, offset in offsets.items()})
        except BROKER_FAULTS as error:
            _log.info("Kafka did not take the offset hints (%s); the database has the positions", error)

    async def close(self) -> None:
        """Commit what is left, if that is quick."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_EVERY_SECONDS):
                await self._commit()
