"""One book in motion: consumers with their partitions, the append lock they share, the clock, the projections.

What waits for what is as in the engine. A consumer takes what lies in its partitions, up to a batch, works on it,
waits for the append lock, has it until the commit, and takes the next batch. The clock's sets take the same lock. The
projector follows what was committed, a set a transaction. Costs come from measurements, waiting from the simulation.
"""

from bisect import bisect_right
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import TypeAlias

import simpy

from benchmarks.simulation.arrivals import Produced

Steps: TypeAlias = Generator[simpy.Event, object, None]

# As many sessions as the clock takes into a set, and as many events as the projector applies at once.
CLOCK_SESSIONS_MAX, CLOCK_LOOK_S = 1_000, 1.0
PROJECTED_MAX = 5_000


@dataclass(frozen=True, slots=True)
class Work:
    """Seconds of a piece of work: `fixed_s` for the whole, then for each message and for each session that ends."""

    fixed_s: float
    message_s: float
    session_s: float

    def of(self, messages: int, sessions: int) -> float:
        """Seconds of so much."""
        return self.fixed_s + messages * self.message_s + sessions * self.session_s


@dataclass(frozen=True, slots=True)
class Machine:
    """A book's processes: a batch costs `free` without the lock and `locked` with it, and so do the clock's sets."""

    consumers: int
    batch_records_max: int
    free: Work
    locked: Work
    projected: Work
    clock_free: Work
    clock_locked: Work

    def __post_init__(self) -> None:
        if self.consumers < 1 or self.batch_records_max < 1:
            raise ValueError("a book has one consumer at least, and a batch one record: raise what is 0")


@dataclass(slots=True)
class Outcome:
    """What came of a run: waits by message in seconds, how long lock and consumers were busy, what was not visible.

    The waits of messages that became visible are sorted when the run is over.
    """

    seconds: float
    committed_s: list[float] = field(default_factory=list)
    visible_s: list[float] = field(default_factory=list)
    batches: int = 0
    lock_busy_s: float = 0.0
    consumer_busy_s: float = 0.0
    backlog_max: int = 0
    left_at_half: int = 0
    left_at_end: int = 0


@dataclass(slots=True)
class _Queue:
    """A consumer's partitions as one line of messages: when each was produced, and how many sessions ended before."""

    at_s: list[float]
    ended: list[int]
    taken: int = 0

    def waiting(self, now: float) -> int:
        """Messages that are there and were not taken."""
        return bisect_right(self.at_s, now, self.taken) - self.taken


class Book:
    """The processes of one book over one stretch of messages; make it, then `run` it once."""

    def __init__(self, machine: Machine, produced: Sequence[Produced]) -> None:
        self._machine, self._produced = machine, produced
        self._env = simpy.Environment()
        self._lock = simpy.Resource(self._env)
        self._queues = _queues(produced, machine.consumers)
        self._committed: list[tuple[list[float], int]] = []
        self._news = self._env.event()
        self._ended_unseen = 0
        self._visible_so_far = 0
        self._all_at_s = [each.at_s for each in produced]
        self._outcome = Outcome(0.0)

    def run(self, seconds: float) -> Outcome:
        """Let it go for so long; messages that are not visible by then are left over."""
        for queue in self._queues:
            self._env.process(self._consume(queue))
        self._env.process(self._project())
        self._env.process(self._tick())
        self._env.run(until=seconds / 2)
        self._outcome.left_at_half = self._waiting()
        self._env.run(until=seconds)
        self._outcome.left_at_end = self._waiting()
        self._outcome.backlog_max = max(self._outcome.backlog_max, self._outcome.left_at_end)
        self._outcome.seconds = seconds
        self._outcome.visible_s.sort()
        return self._outcome

    def _consume(self, queue: _Queue) -> Steps:
        machine, env = self._machine, self._env
        while queue.taken < len(queue.at_s):
            count = min(queue.waiting(env.now), machine.batch_records_max)
            if not count:
                yield env.timeout(queue.at_s[queue.taken] - env.now)
                continue
            began = env.now
            first, queue.taken = queue.taken, queue.taken + count
            sessions = queue.ended[queue.taken] - queue.ended[first]
            yield env.timeout(machine.free.of(count, sessions))
            yield from self._append(machine.locked.of(count, sessions))
            self._commit(queue.at_s[first : queue.taken], sessions)
            self._outcome.consumer_busy_s += env.now - began

    def _append(self, seconds: float) -> Steps:
        with self._lock.request() as turn:
            yield turn
            yield self._env.timeout(seconds)
            self._outcome.lock_busy_s += seconds

    def _commit(self, at_s: list[float], sessions: int) -> None:
        self._outcome.batches += 1
        now = self._env.now
        self._outcome.committed_s += [now - each for each in at_s]
        self._ended_unseen += sessions
        self._committed.append((at_s, sessions))
        if not self._news.triggered:
            self._news.succeed()

    def _project(self) -> Steps:
        while True:
            if not self._committed:
                yield self._news
                self._news = self._env.event()
                continue
            at_s, sessions = self._next_set()
            yield self._env.timeout(self._machine.projected.of(len(at_s), sessions))
            self._outcome.backlog_max = max(self._outcome.backlog_max, self._waiting())
            self._visible_so_far += len(at_s)
            now = self._env.now
            self._outcome.visible_s += [now - each for each in at_s]

    def _next_set(self) -> tuple[list[float], int]:
        """Whole commits, the oldest first, until a set is full."""
        at_s, sessions, taken = list(self._committed[0][0]), self._committed[0][1], 1
        for more, ended in self._committed[1:]:
            if len(at_s) + len(more) > PROJECTED_MAX:
                break
            at_s += more
            sessions += ended
            taken += 1
        del self._committed[:taken]
        return at_s, sessions

    def _tick(self) -> Steps:
        """The clock looks every second, and does what became due in sets."""
        machine = self._machine
        while True:
            yield self._env.timeout(CLOCK_LOOK_S)
            due, self._ended_unseen = self._ended_unseen, 0
            for _ in range(ceil(due / CLOCK_SESSIONS_MAX)):
                sessions = min(due, CLOCK_SESSIONS_MAX)
                due -= sessions
                yield self._env.timeout(machine.clock_free.of(0, sessions))
                yield from self._append(machine.clock_locked.of(0, sessions))

    def _waiting(self) -> int:
        """Messages that were produced and are not visible."""
        return bisect_right(self._all_at_s, self._env.now) - self._visible_so_far


def _queues(produced: Sequence[Produced], consumers: int) -> list[_Queue]:
    """Messages by the consumer that has their session's partition."""
    queues = [_Queue([], [0]) for _ in range(consumers)]
    for at_s, session, ends in produced:
        queue = queues[session % consumers]
        queue.at_s.append(at_s)
        queue.ended.append(queue.ended[-1] + ends)
    return queues


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """The value that this share of all stay at or below, by nearest rank; raises ValueError when there is none."""
    if not sorted_values:
        raise ValueError("no message became visible: run for longer")
    return sorted_values[max(0, ceil(share * len(sorted_values)) - 1)]
