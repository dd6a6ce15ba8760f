"""Running the consumption: for ever until a signal, or until everything published so far is taken in."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

from tenacity import stop_after_delay, stop_never, wait_fixed

from consumers.app import BATCH_MAX_RECORDS, UNREAD_SECONDS, Consumption
from consumers.topics import inbound_bounds, inbound_partitions
from consumers.watch import UNWATCHED, Watch
from engine.ports import Intake
from ledger.errors import MachineryFault, NeedsHelp
from ledger.intake.positions import Partition
from ledger.patience import AGAIN_S, SILENT_S, Patience, look_for_reasons, until_async, wait_for_event

_log = logging.getLogger(__name__)

OnProgress: TypeAlias = Callable[[int, int], None]

_LOOK_SECONDS = 0.05
_STOP_LOOK_SECONDS = 0.2
_RETRY_SECONDS = 0.3


def run_forever(
    client_options: Mapping[str, Any],
    intake_factory: Callable[[], Intake],
    stop: threading.Event,
    *,
    group_id: str,
    max_records: int = BATCH_MAX_RECORDS,
    unread_seconds: float = UNREAD_SECONDS,
    watch: Watch = UNWATCHED,
) -> None:
    """Shares the inbound topics with the group until the event is set; the batch in hand is finished first.

    Faults of the database and the brokers are waited out. Raises LogReplaced when Kafka and the database do not
    belong together, and UnreadBatch when a record batch could not be read for `unread_seconds`; other partitions are
    taken in meanwhile.
    """
    intake = intake_factory()

    def consumption() -> Consumption:
        return Consumption(
            client_options,
            intake,
            group_id=group_id,
            max_records=max_records,
            unread_seconds=unread_seconds,
            watch=watch,
        )

    asyncio.run(_forever(consumption, stop, watch))


async def _forever(make: Callable[[], Consumption], stop: threading.Event, watch: Watch) -> None:
    consumption = make()
    async with consumption:

        async def is_over() -> bool:
            watch.moves("intake")
            watch.holds(len(consumption.held))
            consumption.check()
            return stop.is_set()

        await until_async(is_over, _STOP_LOOK_SECONDS)


def backlog(client_options: Mapping[str, Any], next_offsets: Mapping[Partition, int]) -> dict[Partition, int]:
    """How many offsets each inbound partition holds from the next one to take on.

    Less than none where it ends before what was taken: such a log was replaced, which consuming it tells.

    Raises MachineryFault when the brokers do not answer.
    """
    return asyncio.run(_backlog(client_options, next_offsets))


async def _backlog(client_options: Mapping[str, Any], next_offsets: Mapping[Partition, int]) -> dict[Partition, int]:
    bounds = await inbound_bounds(client_options)
    return {home: end - max(first, next_offsets.get(home, first)) for home, (first, end) in bounds.items()}


async def consume_until_caught_up(
    client_options: Mapping[str, Any],
    intake: Intake,
    *,
    group_id: str,
    partitions: Collection[Partition] | None = None,
    on_progress: OnProgress | None = None,
    max_records: int = BATCH_MAX_RECORDS,
    patience_seconds: float | None = None,
) -> int:
    """Takes in everything that the inbound topics hold at the time of the call; answers how many offsets that were.

    It reads all partitions itself (or those that are named), so that it starts at once and no member of the group
    that was killed holds it up; running members notice and carry on afterwards. `on_progress` is told offsets done
    and in total. A killed broker or database is waited for: for as long as it takes, or until nothing moved for
    `patience_seconds`, which raises MachineryFault. Raises LogReplaced when Kafka and the database do not belong
    together, and UnreadBatch when everything else is taken in and a record batch cannot be read.
    """
    if partitions is None:
        limit = stop_never if patience_seconds is None else stop_after_delay(patience_seconds)
        partitions = await Patience(wait_fixed(_RETRY_SECONDS), limit).do_async(
            lambda: inbound_partitions(client_options)
        )
    if not partitions:
        return 0
    consumption = Consumption(client_options, intake, group_id=group_id, max_records=max_records, alone=partitions)
    async with consumption:
        return await _CatchUp(consumption, on_progress, patience_seconds).finish()


class _CatchUp:
    """Watches a consumption until it has passed the ends that its partitions had when they were claimed first."""

    def __init__(
        self, consumption: Consumption, on_progress: OnProgress | None, patience_seconds: float | None
    ) -> None:
        self._consumption = consumption
        self._ends: dict[Partition, int] = {}
        self._on_progress = on_progress
        self._patience_seconds = patience_seconds
        self._starts: dict[Partition, int] = {}
        self._reached: dict[Partition, int] = {}
        self._reported: tuple[int, int] | None = None
        self._moved_at, self._told_s = time.monotonic(), 0.0

    async def finish(self) -> int:
        """Waits for the ends; answers how many offsets lay before them."""
        while True:
            self._consumption.check()
            self._look()
            done, total = self._tell()
            if self._ends and await self._all_reached():
                for unread in self._consumption.unread.values():
                    raise unread
                return total
            self._check_patience(done)
            await wait_for_event(self._consumption.moved, _LOOK_SECONDS)
            self._consumption.moved.clear()

    def _look(self) -> None:
        held = self._consumption.held
        if held and not self._ends:
            self._ends = {home: each.end_offset for home, each in held.items()}
            self._starts = {home: each.start_offset for home, each in held.items()}
        for home, each in held.items():
            self._reached[home] = min(max(self._reached.get(home, 0), each.next_offset), self._ends[home])

    def _tell(self) -> tuple[int, int]:
        done = sum(self._reached[home] - start for home, start in self._starts.items())
        total = sum(self._ends[home] - start for home, start in self._starts.items())
        if (done, total) != self._reported:
            self._reported = (done, total)
            self._moved_at, self._told_s = time.monotonic(), 0.0
            if self._on_progress is not None and self._ends:
                self._on_progress(done, total)
        return done, total

    async def _all_reached(self) -> bool:
        """Whether every end was passed, if only by what is no record at the very end (marks of transactions).

        A partition that stands still before what cannot be read goes no further.
        """
        unread = self._consumption.unread
        for home, end in self._ends.items():
            if self._reached[home] < end and home not in unread:
                fetched = await self._consumption.fetched_through(home)
                if fetched is None or fetched < end:
                    return False
        return True

    def _check_patience(self, done: int) -> None:
        waited = time.monotonic() - self._moved_at
        if waited > SILENT_S and self._patience_seconds is not None:
            if isinstance(self._consumption.last_fault, NeedsHelp):
                raise self._consumption.last_fault
            look_for_reasons()
            if waited > self._told_s + AGAIN_S:
                self._told_s = waited
                _log.warning("nothing was taken in for %.0f s by now, after %d records", waited, done)
        if self._patience_seconds is not None and waited > self._patience_seconds:
            fault = self._consumption.last_fault or "Kafka sends nothing more"
            raise MachineryFault(
                f"nothing moved for {waited:.0f} s after {done} records: {fault}; run the command again"
            )
