"""Equal levels: all rise together, the lowest first, until each is at its most or below a limit that is full."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush

from domain.load.circuits import Limit, Path


@dataclass(slots=True, eq=False)
class Seat:
    """The place of a car: the limits above it, and what it has so far, in tenths of an ampere.

    `floor` is the least that it may have beside nothing, `cap` the most, `promise` what it was promised; `is_sated`
    where the need that it declared makes the cap, `is_rising` while its level is not found yet.
    """

    path: Path
    step_a: int
    floor: int
    cap: int
    is_sated: bool = False
    promise: int | None = None
    a: int = 0
    is_rising: bool = False

    @property
    def next_step(self) -> int:
        """How much is missing to the next whole step."""
        return self.step_a - self.a % self.step_a

    def fits(self, tenths: int) -> bool:
        """Whether all limits above have room for so much more."""
        return all(limit.room >= weight * tenths for limit, weight in self.path)

    def take(self, tenths: int) -> None:
        """Have so much more, or less."""
        self.a += tenths
        for limit, weight in self.path:
            limit.room -= weight * tenths


def level(seats: Iterable[Seat]) -> None:
    """Let all rise together, the lowest first (max-min).

    Those at the lowest level rise until one of them is at its cap, a limit has no room for a tenth for each of them,
    or they meet the next level. What is full holds all below it, so that each turn ends something: a car, a limit or
    a level. Each of these is looked up by the level at which it comes: a turn costs what it changes.
    """
    waiting = sorted((seat for seat in seats if seat.a < seat.cap), key=lambda seat: seat.a, reverse=True)
    rising = _Rising()
    while waiting or rising.count:
        if not rising.count:
            rising.level = waiting[-1].a
        while waiting and waiting[-1].a == rising.level:
            rising.join(waiting.pop())
        rising.rise(waiting[-1].a if waiting else None)
        rising.stop_those_that_cannot_rise()


@dataclass(slots=True, eq=False)
class _Shared:
    """A limit that cars rise below: what of it a tenth for all of them takes, and when it is full at that.

    The room of the limit is that at level `since`. Of `below` those are to be left out that rise no more.
    """

    limit: Limit
    since: int
    load: int = 0
    full_at: int = -1
    below: list[Seat] = field(default_factory=list)

    def change(self, load: int, level: int) -> None:
        """Have so much more, or less, taken of it from a level on."""
        self.limit.room -= (level - self.since) * self.load
        self.since = level
        self.load += load


class _Rising:
    """The cars at the lowest level, the limits above them, and at which level each of these comes to its end."""

    def __init__(self) -> None:
        self.level = 0
        self.count = 0
        self._shared: dict[Limit, _Shared] = {}
        self._changed: dict[Limit, _Shared] = {}
        self._caps: list[tuple[int, int, Seat]] = []
        self._full: list[tuple[int, int, _Shared]] = []
        # Heaps compare what comes after a level: numbers, so that they never come to what cannot be compared.
        self._number = 0

    def join(self, seat: Seat) -> None:
        """Let a car at this level rise with the others."""
        self.count += 1
        seat.is_rising = True
        self._number += 1
        heappush(self._caps, (seat.cap, self._number, seat))
        for limit, weight in seat.path:
            shared = self._shared.get(limit)
            if shared is None:
                shared = self._shared[limit] = _Shared(limit, self.level)
            shared.change(weight, self.level)
            shared.below.append(seat)
            self._changed[limit] = shared

    def rise(self, highest: int | None) -> None:
        """Rise as far as all can together, and not above a level."""
        for shared in self._changed.values():
            if shared.load:
                shared.full_at = self.level + max(shared.limit.room, 0) // shared.load
                self._number += 1
                heappush(self._full, (shared.full_at, self._number, shared))
        self._changed.clear()
        while not self._caps[0][2].is_rising:
            heappop(self._caps)
        while self._full and not _holds(self._full[0]):
            heappop(self._full)
        ends = [self._caps[0][0]]
        if self._full:
            ends.append(self._full[0][0])
        if highest is not None:
            ends.append(highest)
        self.level = min(ends)

    def stop_those_that_cannot_rise(self) -> None:
        """Take out who is at its cap, or below a limit that has no room for all of them."""
        stopping: list[Seat] = []
        while self._full and self._full[0][0] <= self.level:
            entry = heappop(self._full)
            if _holds(entry):
                stopping += entry[2].below
        while self._caps and self._caps[0][0] <= self.level:
            stopping.append(heappop(self._caps)[2])
        for seat in stopping:
            if seat.is_rising:
                self._stop(seat)

    def _stop(self, seat: Seat) -> None:
        self.count -= 1
        seat.is_rising = False
        seat.a = self.level
        for limit, weight in seat.path:
            shared = self._shared[limit]
            shared.change(-weight, self.level)
            self._changed[limit] = shared


def _holds(entry: tuple[int, int, _Shared]) -> bool:
    """Whether a limit is still full at the level that was found for it."""
    full_at, _, shared = entry
    return shared.load > 0 and shared.full_at == full_at
