"""Sends webhooks: what is due, a few to each endpoint at a time, until each is taken or given up."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

import httpx

from api.outward.client import TOTAL_S, Outward
from api.outward.pauses import doubled, jittered, retry_after_s
from api.outward.sealing import Seal, SealBroken
from api.outward.signature import headers
from api.outward.targets import TargetRefused
from ledger.access import deliveries, webhooks
from ledger.access.deliveries import GIVEN_UP_AFTER, SCHEDULE, Due
from ledger.access.door import Door
from ledger.patience import wait_for_event

T = TypeVar("T")

_log = logging.getLogger(__name__)

_LOOK_S = 0.5
# Who has taken a delivery says what came of it within this, or somebody else sends it again.
_LEASE = timedelta(seconds=4 * TOTAL_S)
# What is on its way when we are told to end is waited for so long.
_END_S = 5.0
_GONE = 410
# After so many failures in a row the pause before an endpoint is tried again grows no more.
_PAUSE_S, _PAUSE_S_MAX = 5.0, 900.0
_RETRY_AFTER_S_MAX = 24 * 3600


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is on its way at once: in all, to one endpoint, and to all endpoints that failed last."""

    in_flight: int = 32
    each: int = 4
    failing: int = 16


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of an attempt: the status, or why there is none; and for how long the other side asks to be left."""

    answer: int | None
    error: str | None = None
    retry_after_s: float = 0.0

    @property
    def is_taken(self) -> bool:
        return self.answer is not None and 200 <= self.answer < 300


class Sender:
    """Sends until it is told to stop; several, in any number of processes, share what is due."""

    def __init__(
        self,
        door: Door,
        seal: Seal,
        outward: Outward,
        bounds: Bounds = Bounds(),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._door, self._seal, self._outward = door, seal, outward
        self._bounds, self._clock = bounds, clock
        self._on_the_way: dict[asyncio.Task[bool], Due] = {}
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="deliveries")

    async def run(self, stop: asyncio.Event, sent: Callable[[int, int], None] = lambda _taken, _failed: None) -> None:
        """Send what falls due until `stop` is set, then wait a moment for what is on its way.

        `sent` is told how many were taken and how many were not. Raises MachineryFault when the database is away:
        what was under way is then sent again later.
        """
        try:
            while not stop.is_set():
                begun = await self._begin()
                taken, failed = await self._settle(_LOOK_S)
                sent(taken, failed)
                if not begun and not self._on_the_way:
                    await wait_for_event(stop, _LOOK_S)
            await self._settle(_END_S, everything=True)
        finally:
            for task in self._on_the_way:
                task.cancel()
            if self._on_the_way:
                await asyncio.wait(self._on_the_way)
            self._on_the_way.clear()

    async def send_due(self) -> int:
        """Send what is due now, all of it; how many were taken."""
        taken = 0
        while await self._begin() or self._on_the_way:
            taken += (await self._settle(_LOOK_S))[0]
        return taken

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    async def _begin(self) -> int:
        """Begin as many as may be on their way; how many those are."""
        begun = 0
        for failing in (False, True):
            room, full, each = self._room(failing=failing)
            if room <= 0:
                continue
            claimed = await self._in_thread(partial(self._claim, failing, room, full, each))
            for due in claimed:
                self._on_the_way[asyncio.create_task(self._deliver(due))] = due
            begun += len(claimed)
        return begun

    def _room(self, *, failing: bool) -> tuple[int, list[str], int]:
        """For how many there is room, to whom not, and how many to each: to one that failed last, one at a time."""
        to = Counter(due.endpoint_id for due in self._on_the_way.values())
        free = self._bounds.in_flight - to.total()
        if not failing:
            return free, [id_ for id_, count in to.items() if count >= self._bounds.each], self._bounds.each
        doubtful = sum(due.failures > 0 for due in self._on_the_way.values())
        return min(free, self._bounds.failing - doubtful), list(to), 1

    def _claim(self, failing: bool, room: int, without: Sequence[str], each: int) -> list[Due]:
        now = self._clock()
        with self._door.transaction() as cursor:
            return deliveries.claim(cursor, now, now + _LEASE, room, each=each, failing=failing, without=without)

    async def _settle(self, wait_s: float, *, everything: bool = False) -> tuple[int, int]:
        """Wait for any (or all) of what is on its way; how many were taken and how many not, or what they raised."""
        if not self._on_the_way:
            return 0, 0
        when = asyncio.ALL_COMPLETED if everything else asyncio.FIRST_COMPLETED
        done, _ = await asyncio.wait(self._on_the_way, timeout=wait_s, return_when=when)
        for task in done:
            del self._on_the_way[task]
        results = [task.result() for task in done]
        return sum(results), len(results) - sum(results)

    async def _deliver(self, due: Due) -> bool:
        """One attempt, and what came of it written down; whether it was taken."""
        outcome = await self._attempt(due)
        await self._in_thread(lambda: self._write(due, outcome))
        return outcome.is_taken

    async def _attempt(self, due: Due) -> _Outcome:
        try:
            secrets = [self._seal.opened(each) for each in (due.secret, due.previous_secret) if each is not None]
            signed = headers(due.id, self._clock(), due.body, secrets)
            said = {"Content-Type": "application/json", "User-Agent": "WattLedger-Webhooks", **signed}
            answer = await self._outward.post(due.url, due.body, said)
        except (SealBroken, TargetRefused) as error:
            return _Outcome(None, str(error))
        except TimeoutError:
            return _Outcome(None, f"no answer within {TOTAL_S:.0f} s")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return _Outcome(None, f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": "))
        asked_s = retry_after_s(answer.headers.get("retry-after", ""), _RETRY_AFTER_S_MAX)
        return _Outcome(answer.status_code, retry_after_s=asked_s)

    def _write(self, due: Due, outcome: _Outcome) -> None:
        now = self._clock()
        with self._door.transaction() as cursor:
            if outcome.is_taken:
                deliveries.delivered(cursor, due, outcome.answer or 0, now)
                return
            next_at = now + jittered(SCHEDULE[due.step]) if due.step < len(SCHEDULE) else None
            pause = timedelta(seconds=max(doubled(due.failures, _PAUSE_S, _PAUSE_S_MAX), outcome.retry_after_s))
            deliveries.failed(
                cursor,
                due,
                outcome.answer,
                outcome.error,
                now=now,
                next_at=next_at,
                not_before=now + jittered(pause),
            )
            reason = _why_disabled(due, outcome, now)
            if reason is not None:
                webhooks.disable(cursor, due.endpoint_id, reason)
                _log.warning("webhook endpoint %s is disabled: %s", due.endpoint_id, reason)
            if next_at is None:
                _log.warning("a webhook is given up", extra={"webhook": due.id, "endpoint": due.endpoint_id})

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _why_disabled(due: Due, outcome: _Outcome, now: datetime) -> str | None:
    if outcome.answer == _GONE:
        return "it answered 410 Gone"
    if due.failing_since is not None and due.failing_since <= now - GIVEN_UP_AFTER:
        last = f"status {outcome.answer}" if outcome.answer is not None else str(outcome.error)
        return f"it has taken nothing for {GIVEN_UP_AFTER.days} days; last: {last}"[:300]
    return None
