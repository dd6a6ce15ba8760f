"""How far the inbound logs reach, asked again and again by one client, for whoever looks after a live system."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from consumers.faults import BROKER_FAULTS, broker_faults
from consumers.topics import inbound_partitions
from ledger.errors import MachineryFault
from ledger.intake.positions import Partition

# A broker that is there answers in milliseconds.
_ANSWER_S = 5.0
# Partitions that are added later are found after this long, as clients find them.
_AFRESH_S = 300.0


class LogEnds:
    """The bounds of the inbound partitions; use it in one event loop, one call at a time, and `close` it."""

    def __init__(self, client_options: Mapping[str, Any]) -> None:
        self._client_options = client_options
        self._consumer: AIOKafkaConsumer | None = None
        self._asked: dict[TopicPartition, Partition] = {}
        self._since = 0.0

    async def read(self) -> dict[Partition, tuple[int, int]]:
        """The first offset of each partition and the one behind its last, open transactions of producers left out.

        Raises MachineryFault when the brokers do not answer within five seconds.
        """
        try:
            with broker_faults("Kafka does not answer"):
                async with asyncio.timeout(_ANSWER_S):
                    return await self._read()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End the client, if that is quick; the next `read` makes another one."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(*BROKER_FAULTS, MachineryFault):
                async with asyncio.timeout(_ANSWER_S):
                    await consumer.stop()

    async def _read(self) -> dict[Partition, tuple[int, int]]:
        if self._consumer is not None and time.monotonic() - self._since > _AFRESH_S:
            await self.close()
        if self._consumer is None:
            self._asked = {TopicPartition(*home): home for home in await inbound_partitions(self._client_options)}
            self._consumer = AIOKafkaConsumer(
                **self._client_options, enable_auto_commit=False, isolation_level="read_committed"
            )
            # It knows the brokers of assigned partitions at once, and fetches nothing of those that are paused.
            self._consumer.assign(list(self._asked))
            self._consumer.pause(*self._asked)
            await self._consumer.start()
            self._since = time.monotonic()
        firsts = await self._consumer.beginning_offsets(self._asked)
        ends = await self._consumer.end_offsets(self._asked)
        return {home: (firsts[tp], ends[tp]) for tp, home in self._asked.items()}
