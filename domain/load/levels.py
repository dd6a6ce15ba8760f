"""Equal levels: all rise together, the lowest first, until each is at its most or below a limit that is full."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final

from domain.load.circuits import Limit, Path

_BILLION: Final = 1_000_000_000


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
        """How much is missing to the next whole step, or to the cap where that comes first."""
        return min(self.step_a - self.a % self.step_a, self.cap - self.a)

    @property
    def in_steps(self) -> int:
        """What it has, down to a whole step; its floor and its cap are what they are."""
        return self.a if self.a == self.cap else max(self.a // self.step_a * self.step_a, self.floor)

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
    or they meet the next level. What is full is closed to all below it, those of higher levels too: its rest is for
    steps. So each turn ends something: a car, a limit or a level. Each is looked up by the level at which it comes,
    and a turn costs what it changes.
    """
    waiting = sorted((seat for seat in seats if seat.a < seat.cap), key=lambda seat: seat.a, reverse=True)
    rising = _Rising()
    while waiting or rising.count:
        if not rising.count:
            rising.level = waiting[-1].a
        while waiting and waiting[-1].a == rising.level:
            rising.join(waiting.pop())
        if rising.count:
            rising.rise(waiting[-1].a if waiting else None)


@dataclass(slots=True, eq=False)
class _Shared:
    """A limit that cars rise below: what of it a tenth for all of them takes, and when it is full at that.

    The room of the limit is that at level `since`. Of `below` those are to be left out that rise no more. It is full
    at a level and a part of a tenth, in billionths: of two at one level the one comes first that is full first.
    """

    limit: Limit
    since: int
    load: int = 0
    full_at: tuple[int, int] = (-1, 0)
    is_closed: bool = False
    is_changed: bool = False
    below: list[Seat] = field(default_factory=list)

    def change(self, load: int, level: int) -> None:
        """Have so much more, or less, taken of it from a level on."""
        if level != self.since:
            self.limit.room -= (level - self.since) * self.load
            self.since = level
        self.load += load

    def find_full(self) -> None:
        """Say when it will be full."""
        tenths, rest = divmod(max(self.limit.room, 0), self.load)
        self.full_at = self.since + tenths, rest * _BILLION // self.load


class _Rising:
    """The cars at the lowest level, the limits above them, and at which level each of these comes to its end."""

    def __init__(self) -> None:
        self.level = 0
        self.count = 0
        self._shared: dict[Limit, _Shared] = {}
        # Cars on one circuit have one path.
        self._above: dict[int, Sequence[tuple[_Shared, int]]] = {}
        self._changed: list[_Shared] = []
        # Heaps compare what comes after a level: numbers, so that they never come to what cannot be compared.
        self._caps: list[tuple[int, int, Seat]] = []
        self._full: list[tuple[tuple[int, int], int, _Shared]] = []
        self._number = 0

    def join(self, seat: Seat) -> None:
        """Let a car at this level rise with the others, where no limit above it is closed."""
        above = self._above.get(id(seat.path))
        if above is None:
            above = self._above[id(seat.path)] = [(self._of(limit), weight) for limit, weight in seat.path]
        for shared, _ in above:
            if shared.is_closed:
                return
        self.count += 1
        seat.is_rising = True
        self._number += 1
        heappush(self._caps, (seat.cap, self._number, seat))
        self._change(above, 1)
        for shared, _ in above:
            shared.below.append(seat)

    def _change(self, above: Sequence[tuple[_Shared, int]], times: int) -> None:
        """Have so many times as much more of all of these taken as one car takes."""
        for shared, weight in above:
            shared.change(times * weight, self.level)
            if not shared.is_changed:
                shared.is_changed = True
                self._changed.append(shared)

    def _of(self, limit: Limit) -> _Shared:
        shared = self._shared.get(limit)
        if shared is None:
            shared = self._shared[limit] = _Shared(limit, self.level)
        return shared

    def rise(self, highest: int | None) -> None:
        """Rise as far as all can together, and not above a level; take out who cannot rise any more."""
        full = self._next_full()
        while not self._caps[0][2].is_rising:
            heappop(self._caps)
        level = self._caps[0][0]
        if full is not None:
            level = min(level, full.full_at[0])
        self.level = level if highest is None else min(level, highest)
        while self._caps and self._caps[0][0] <= self.level:
            self._stop(heappop(self._caps)[2])
        # One that is full frees what cars below it would have taken of others: only then the next is looked for.
        while (full := self._next_full()) is not None and full.full_at[0] <= self.level:
            full.is_closed = True
            for seat in full.below:
                self._stop(seat)

    def _next_full(self) -> _Shared | None:
        """The limit that is full first, as things are now."""
        for shared in self._changed:
            shared.is_changed = False
            if shared.load:
                shared.change(0, self.level)
                shared.find_full()
                self._number += 1
                heappush(self._full, (shared.full_at, self._number, shared))
        self._changed.clear()
        while self._full:
            full_at, _, shared = self._full[0]
            if shared.load and shared.full_at == full_at:
                return shared
            heappop(self._full)
        return None

    def _stop(self, seat: Seat) -> None:
        if not seat.is_rising:
            return
        self.count -= 1
        seat.is_rising = False
        seat.a = self.level
        self._change(self._above[id(seat.path)], -1)
