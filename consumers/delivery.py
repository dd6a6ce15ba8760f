"""Handing batches to the intake: one thread, patience with the machinery, the search for the one bad record.

fault of the machinery    the same work again, with back-off, until it is done or we are asked to stop
partition lost            the batch is dropped: its records belong to another epoch
anything else             the batch is halved until the one bad record stands alone, and that one is quarantined
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self, TypeVar

from tenacity import wait_random_exponential
from tenacity.wait import wait_base

from engine.errors import PartitionLost
from engine.ports import Claim, Intake, Record
from ledger.errors import MachineryFault
from ledger.intake.positions import Partition, named
from ledger.patience import Patience, Stopping

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 3.0
_PAUSES = wait_random_exponential(multiplier=FIRST_PAUSE_SECONDS, max=LONGEST_PAUSE_SECONDS, min=FIRST_PAUSE_SECONDS)


class Delivery:
    """Calls an intake from one thread of its own, so that its calls never overlap and the event loop never waits.

    While a call is tried again the loop stays free, so heartbeats go on and the partitions stay ours.
    """

    def __init__(self, intake: Intake, pauses: wait_base = _PAUSES) -> None:
        """`pauses` are those between two tries while the machinery is at fault."""
        self._intake = intake
        self._thread = ThreadPoolExecutor(1, "intake")
        self._stopping = asyncio.Event()
        self._patience = Patience(pauses)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        # The call in hand ends in its own time; a transaction is not to be torn.
        await asyncio.to_thread(self._thread.shutdown)

    @property
    def last_fault(self) -> BaseException | None:
        """What keeps the machinery from answering now, if anything."""
        return self._patience.fault

    def stop(self) -> None:
        """Try nothing again from here on: what is waiting for another try raises Stopping."""
        self._stopping.set()

    async def claim(
        self, partitions: Sequence[Partition], still_wanted: Callable[[], bool]
    ) -> dict[Partition, Claim]:
        """The claims of partitions; raises Stopping when they are no longer wanted.

        That is looked at in the thread, too, right before the call: a claim made too late would rob the next owner.
        """

        def claim() -> dict[Partition, Claim]:
            if not still_wanted():
                raise Stopping
            return self._intake.claim(partitions)

        return await self._patiently(claim)

    async def deliver(self, records: Sequence[Record], epochs: Mapping[Partition, int]) -> int:
        """Take a batch in, record by record where it must be; answers how many had to be quarantined.

        Raises PartitionLost when an epoch is over (what was taken in before stays), Stopping when we are to stop.
        """
        quarantined = 0
        parts = [records]
        while parts:
            part = parts.pop()
            mine = _epochs_of(part, epochs)
            try:
                await self._patiently(self._intake.process, part, mine)
            except (PartitionLost, Stopping):
                raise
            except Exception as error:  # Whatever is wrong with one record, its neighbours go on.
                if len(part) > 1:
                    middle = len(part) // 2
                    parts += [part[middle:], part[:middle]]
                    continue
                where = {"partition": named(part[0].home), "offset": part[0].offset}
                _log.error("a record breaks the engine and is quarantined", exc_info=error, extra=where)
                await self._quarantine(part[0], error, mine)
                quarantined += 1
        return quarantined

    async def note_unread(self, partition: Partition, epoch: int, offset: int, reason: str) -> None:
        """Have people told of a record batch that cannot be read; raises as `deliver` does."""
        await self._patiently(self._intake.note_unread, partition, epoch, offset, reason)

    async def _quarantine(self, record: Record, error: Exception, epochs: Mapping[Partition, int]) -> None:
        """Set a record aside; one that cannot even be set aside holds its partition up and is not lost."""

        def quarantine() -> None:
            try:
                self._intake.quarantine(record, error, epochs)
            except (PartitionLost, MachineryFault):
                raise
            except Exception as second:
                where = f"{record.home} offset {record.offset}"
                raise MachineryFault(f"{where} cannot be quarantined: {second!r}; see the log") from second

        await self._patiently(quarantine)

    async def _patiently(self, call: Callable[..., _T], *arguments: Any) -> _T:
        """The result of a call in the thread, tried again as long as the machinery is at fault."""
        loop = asyncio.get_running_loop()
        return await self._patience.do_async(
            lambda: loop.run_in_executor(self._thread, call, *arguments), self._stopping
        )


def _epochs_of(records: Sequence[Record], epochs: Mapping[Partition, int]) -> dict[Partition, int]:
    """The epochs of just the partitions that the records lie in."""
    return {home: epochs[home] for home in {record.home for record in records}}
