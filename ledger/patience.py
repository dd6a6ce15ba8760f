"""The one way to wait: a step is done again while the machinery is at fault, a condition asked until it holds.

No wait is silent for longer than two seconds, and whoever has a limit does not wait for what cannot pass by itself.
Pauses and limits are tenacity's own. A main loop, which follows a store until it is stopped, is none of these.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from math import inf
from threading import Event
from typing import Any, TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    Retrying,
    retry_if_exception,
    retry_if_not_result,
    sleep_using_event,
    stop_after_delay,
    stop_never,
    wait_fixed,
)
from tenacity.stop import stop_base
from tenacity.wait import wait_base

from ledger.errors import MachineryFault, NeedsHelp

_log = logging.getLogger(__name__)
T = TypeVar("T")

# When a wait is spoken of first, and how often from then on.
SILENT_S, AGAIN_S = 2.0, 10.0

# Asked where a fault is about to be waited out that may have a known reason: who finds one raises NeedsHelp.
REASONS: list[Callable[[], None]] = []


def look_for_reasons() -> None:
    """Raises NeedsHelp where something is known that keeps a server away until somebody mends it."""
    for look in REASONS:
        look()


class Words:
    """What is said of a wait: after two seconds, and then every ten."""

    def __init__(self) -> None:
        self.moved()

    def moved(self) -> None:
        """What was waited for came on; the next wait begins."""
        self._began = time.monotonic()
        self._next = self._began + SILENT_S

    @property
    def waited_s(self) -> float:
        """For how long nothing has moved."""
        return time.monotonic() - self._began

    def say(self, what: str) -> None:
        """To be called at each look in vain; `what` is waited for."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + AGAIN_S
            _log.warning("waiting for %s, for %.0f s by now", what, self.waited_s)


class Stopping(Exception):
    """We were asked to stop while something was being tried again; whoever asked for it catches it."""


class Patience:
    """Does steps again while they raise a MachineryFault, and raises it when it lasts longer than the limit.

    Whoever has a limit is told of a NeedsHelp at once. An outage lasts from the first fault until a step succeeds; it
    is logged at the first one and every ten seconds from then on. Pauses and limit count from the
    beginning of the step, and anew whenever the step says that it `worked`. A step that cannot say so has `worked_s`:
    then they count from its first fault, and an attempt that went on for this long had a server, so that the fault
    after it is a first one again.
    """

    def __init__(self, pauses: wait_base, limit: stop_base = stop_never, *, worked_s: float = inf) -> None:
        self._options: dict[str, Any] = {
            "wait": pauses,
            "stop": limit,
            "retry": retry_if_exception(_passes if limit is not stop_never else _is_fault),
            "reraise": True,
        }
        self._is_limited = limit is not stop_never
        self._told_at = self._fault_at = -inf
        self._worked_s, self._worked_at = worked_s, -inf
        self.fault: BaseException | None = None

    def worked(self) -> None:
        """What was away answers: the outage is over, and the next fault is the first of another one."""
        self._worked_at, self.fault = time.monotonic(), None

    def do(self, step: Callable[[], T], stop: Event | None = None) -> T:
        """What the step returns. Raises Stopping once the event is set, which ends a pause, and never an attempt."""
        asked = stop or Event()
        tries = Retrying(**self._options, **self._row(asked.is_set), sleep=sleep_using_event(asked))
        result = tries(step)
        self.worked()
        return result

    async def do_async(self, step: Callable[[], Awaitable[T]], stop: asyncio.Event | None = None) -> T:
        """As `do`; the event loop is free meanwhile."""
        asked = stop or asyncio.Event()

        async def attempt() -> T:
            return await step()

        async def pause(seconds: float) -> None:
            await wait_for_event(asked, seconds)

        tries: Callable[[Callable[[], Awaitable[T]]], Awaitable[T]] = AsyncRetrying(
            **self._options, **self._row(asked.is_set), sleep=pause
        )
        result = await tries(attempt)
        self.worked()
        return result

    def _row(self, is_stopped: Callable[[], bool]) -> dict[str, Any]:
        """What tenacity calls before and after each attempt, and before each pause, in one row of them."""
        attempted_at = -inf

        def begin_attempt(_: RetryCallState) -> None:
            nonlocal attempted_at
            # Asked here, so that a stop that came during a pause is followed by no attempt.
            if is_stopped():
                raise Stopping
            attempted_at = time.monotonic()

        def end_attempt(state: RetryCallState) -> None:
            now = time.monotonic()
            if self._worked_at > attempted_at:
                state.attempt_number, state.start_time = 1, self._worked_at
            elif now - attempted_at > self._worked_s:
                state.attempt_number, state.start_time, self.fault = 1, now, None
            elif self._worked_s < inf and state.attempt_number == 1:
                state.start_time = now

        def begin_pause(state: RetryCallState) -> None:
            # Who is stopping tries nothing again, and does not say so.
            if not is_stopped() and state.outcome is not None:
                if self._is_limited:
                    look_for_reasons()
                self._note_fault(state.outcome.exception())

        return {"before": begin_attempt, "after": end_attempt, "before_sleep": begin_pause}

    def _note_fault(self, fault: BaseException | None) -> None:
        now = time.monotonic()
        if self.fault is None:
            self._fault_at = self._told_at = now
            _log.warning("%s; trying again", fault)
        elif now - self._told_at >= AGAIN_S:
            self._told_at = now
            _log.warning("%s; trying again, for %.0f s by now", fault, now - self._fault_at)
        else:
            _log.debug("%s; trying again", fault)
        self.fault = fault


def _is_fault(error: BaseException) -> bool:
    return isinstance(error, MachineryFault)


def _passes(error: BaseException) -> bool:
    return isinstance(error, MachineryFault) and not isinstance(error, NeedsHelp)


async def wait_for_event(event: asyncio.Event, seconds: float) -> None:
    """Return once the event is set, and after so many seconds at the latest.

    Not by `asyncio.wait_for`: in Python 3.11 that one forgets that its task was cancelled where the event is set just
    then, and whoever waits for the task's end waits for ever (python/cpython issue 86296, mended in 3.12).
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


@asynccontextmanager
async def as_async_event(stop: Event, look_s: float = 0.2) -> AsyncIterator[asyncio.Event]:
    """An event of this loop that is set soon after one of threads is, for as long as the block runs."""
    stopping = asyncio.Event()

    async def watch() -> None:
        while not stop.is_set():
            await asyncio.sleep(look_s)
        stopping.set()

    watching = asyncio.create_task(watch())
    try:
        yield stopping
    finally:
        watching.cancel()


def until(
    condition: Callable[[], T],
    every_s: float,
    limit_s: float = inf,
    stop: Event | None = None,
    *,
    waits_for: str | None = None,
) -> T:
    """Ask a condition until it holds: its answer then, or its last one when the limit is reached.

    What it `waits_for` is said from the second second on. Raises Stopping as `Patience.do` does.
    """
    asked, words = stop or Event(), Words()

    def ask() -> T:
        if asked.is_set():
            raise Stopping
        answer = condition()
        if not answer and waits_for is not None:
            words.say(waits_for)
        return answer

    return Retrying(**_asking(every_s, limit_s), sleep=sleep_using_event(asked))(ask)


async def until_async(condition: Callable[[], Awaitable[T]], every_s: float, limit_s: float = inf) -> T:
    """As `until`; the event loop is free meanwhile."""

    async def ask() -> T:
        return await condition()

    asks: Callable[[Callable[[], Awaitable[T]]], Awaitable[T]] = AsyncRetrying(**_asking(every_s, limit_s))
    return await asks(ask)


def _asking(every_s: float, limit_s: float) -> dict[str, Any]:
    return {
        "wait": wait_fixed(every_s),
        "stop": stop_after_delay(limit_s),
        "retry": retry_if_not_result(bool),
        "retry_error_callback": _last_answer,
    }


def _last_answer(state: RetryCallState) -> Any:
    return state.outcome.result() if state.outcome is not None else None
