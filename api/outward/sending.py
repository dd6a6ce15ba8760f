"""Sends what is due to many targets at once, a few to each, so that none delays another.

What is due, how it is sent and where the outcome is kept, a `Queue` knows: `webhooks` for endpoints, `notices` for
subscriptions by webhook and by mail.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Generic, NamedTuple, Protocol, TypeVar

from api.outward.client import TOTAL_S
from api.outward.pauses import doubled, jittered
from ledger.access.deliveries import GIVEN_UP_AFTER, SCHEDULE
from ledger.patience import wait_for_event

T = TypeVar("T")

_LOOK_S, _TOGETHER_S = 0.5, 0.01
# Of so many targets it is known who was served last.
_SERVED_MAX = 256
# Who has taken a delivery says what came of it within this, or somebody else sends it again.
LEASE = timedelta(seconds=4 * TOTAL_S)
# What is on its way when we are told to end is waited for so long.
_END_S = 5.0
# After so many failures in a row the pause before a target is tried again grows no more.
_PAUSE_S, _PAUSE_S_MAX = 5.0, 900.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is on its way at once: in all, to one target, and to all targets that failed last.

    What has been on its way for `slow_s` counts for none of these, since many that never answer would take every
    place; its target is sent nothing else meanwhile. With such there are no more than `most`.
    """

    in_flight: int = 32
    each: int = 4
    failing: int = 16
    slow_s: float = 0.5
    most: int = 512


class Turns(NamedTuple):
    """Whose turn it is: nobody's of those `without`, and last theirs who were `served` of late, in that order."""

    without: Sequence[str]
    served: Sequence[str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt: the code that was answered, or why there is none.

    `retry_after_s` is for how long the other side asks to be left. With `is_final` it is not tried again; `gone` is
    why nothing more is to be sent to this target. `is_away` says that the attempt reached nobody who could have
    judged it, so that it counts for nothing.
    """

    answer: int | None
    error: str | None = None
    retry_after_s: float = 0.0
    is_taken: bool = False
    is_final: bool = False
    gone: str | None = None
    is_away: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from an attempt that failed.

    `next_at` is when the delivery is tried again (None: never), `not_before` when its target is tried at the
    earliest, `disabled` why the target is sent nothing more, where that is so.
    """

    next_at: datetime | None
    not_before: datetime
    disabled: str | None


class Delivery(Protocol):
    """A delivery that is due, as far as it is sent by turns: `failures` are those of its target in a row."""

    @property
    def target_id(self) -> str:
        """Whose it is."""

    @property
    def step(self) -> int:
        """Its place in the schedule of attempts."""

    @property
    def failures(self) -> int:
        """How many attempts at its target failed in a row before it."""

    @property
    def failing_since(self) -> datetime | None:
        """Since when they do."""


D = TypeVar("D", bound=Delivery)


class Queue(Protocol[D]):
    """Deliveries of one kind. All but `attempt` is called in a thread."""

    def claim(
        self, now: datetime, lease: datetime, limit: int, *, each: int, failing: bool, turns: Turns
    ) -> Sequence[D]:
        """So many that are due, `each` of a target at most, ours until `lease`; of those that failed last or not."""

    async def attempt(self, due: D, now: datetime) -> Outcome:
        """One attempt. Raises nothing but what ends the sender."""

    def taken(self, due: D, answer: int, now: datetime) -> None:
        """Write down that it was taken."""

    def not_taken(self, due: D, outcome: Outcome, verdict: Verdict, now: datetime) -> None:
        """Write down that it was not, and what follows."""


class Sender(Generic[D]):
    """Sends until it is told to stop; several, in any number of processes, share what is due."""

    def __init__(
        self,
        queue: Queue[D],
        bounds: Bounds = Bounds(),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._queue, self._bounds, self._clock = queue, bounds, clock
        # Each with when it began, by the clock of the loop.
        self._on_the_way: dict[asyncio.Task[Outcome], tuple[D, float]] = {}
        # Targets that were served of late, in that order.
        self._served: dict[str, None] = {}
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

    async def deliver(self, due: D) -> Outcome:
        """One attempt at a delivery that was taken, and what came of it written down."""
        outcome = await self._queue.attempt(due, self._clock())
        await self._in_thread(partial(self._write, due, outcome))
        return outcome

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
            begins = asyncio.get_running_loop().time()
            for due in claimed:
                self._on_the_way[asyncio.create_task(self.deliver(due))] = (due, begins)
            begun += len(claimed)
        return begun

    def _room(self, *, failing: bool) -> tuple[int, list[str], int]:
        """For how many there is room, to whom not, and how many to each: to one that failed last, one at a time."""
        bounds, since = self._bounds, asyncio.get_running_loop().time() - self._bounds.slow_s
        slow = {due.target_id for due, began in self._on_the_way.values() if began <= since}
        fresh = [due for due, began in self._on_the_way.values() if began > since]
        to = Counter(due.target_id for due in fresh)
        free = min(bounds.in_flight - len(fresh), bounds.most - len(self._on_the_way))
        if not failing:
            full = {id_ for id_, count in to.items() if count >= bounds.each}
            return free, sorted(full | slow), bounds.each
        doubtful = sum(due.failures > 0 for due in fresh)
        return min(free, bounds.failing - doubtful), sorted({*to} | slow), 1

    def _claim(self, failing: bool, room: int, without: Sequence[str], each: int) -> Sequence[D]:
        now = self._clock()
        turns = Turns(without, list(self._served))
        claimed = self._queue.claim(now, now + LEASE, room, each=each, failing=failing, turns=turns)
        for due in claimed:
            self._served.pop(due.target_id, None)
            self._served[due.target_id] = None
        for id_ in list(self._served)[:-_SERVED_MAX]:
            del self._served[id_]
        return claimed

    async def _settle(self, wait_s: float, *, everything: bool = False) -> tuple[int, int]:
        """Wait for any (or all) of what is on its way; how many were taken and how many not, or what they raised."""
        if not self._on_the_way:
            return 0, 0
        when = asyncio.ALL_COMPLETED if everything else asyncio.FIRST_COMPLETED
        await asyncio.wait(self._on_the_way, timeout=wait_s, return_when=when)
        # Others end in the same moment: places are given anew to all of them at once.
        await asyncio.sleep(_TOGETHER_S)
        done = [task for task in self._on_the_way if task.done()]
        for task in done:
            del self._on_the_way[task]
        taken = sum(task.result().is_taken for task in done)
        return taken, len(done) - taken

    def _write(self, due: D, outcome: Outcome) -> None:
        now = self._clock()
        if outcome.is_taken:
            self._queue.taken(due, outcome.answer or 0, now)
        else:
            self._queue.not_taken(due, outcome, verdict_on(due, outcome, now), now)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def verdict_on(due: Delivery, outcome: Outcome, now: datetime) -> Verdict:
    """What follows from an attempt that failed, by the schedule of Standard Webhooks and the pauses of a target."""
    again = due.step < len(SCHEDULE) and not outcome.is_final
    pause = timedelta(seconds=max(doubled(due.failures, _PAUSE_S, _PAUSE_S_MAX), outcome.retry_after_s))
    return Verdict(
        now + jittered(SCHEDULE[due.step]) if again else None,
        now + jittered(pause),
        _why_disabled(due, outcome, now),
    )


def _why_disabled(due: Delivery, outcome: Outcome, now: datetime) -> str | None:
    if outcome.gone is not None:
        return outcome.gone
    if due.failing_since is not None and due.failing_since <= now - GIVEN_UP_AFTER:
        last = f"status {outcome.answer}" if outcome.answer is not None else str(outcome.error)
        return f"it has taken nothing for {GIVEN_UP_AFTER.days} days; last: {last}"[:300]
    return None
