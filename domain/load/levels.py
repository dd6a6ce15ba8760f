"""Equal levels: all rise together, the lowest first, until each is at its most or below a limit that is full."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from domain.load.circuits import Limit, Path


@dataclass(slots=True, eq=False)
class Seat:
    """The place of a car: the limits above it, and what it has so far, in tenths of an ampere.

    `floor` is the least that it may have beside nothing, `cap` the most, `promise` what it was promised; `is_sated`
    where the need that it declared makes the cap.
    """

    path: Path
    step_a: int
    floor: int
    cap: int
    is_sated: bool = False
    promise: int | None = None
    a: int = 0

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

    Those at the lowest level rise until one of them is at its cap, a limit is full, or they meet the next level. What
    is full holds all below it, so that each turn ends something: a car, a limit or a level.
    """
    waiting = sorted((seat for seat in seats if seat.a < seat.cap), key=lambda seat: seat.a, reverse=True)
    rising = _Rising(waiting)
    while waiting or rising.seats:
        if not rising.seats:
            rising.level = waiting[-1].a
        while waiting and waiting[-1].a == rising.level:
            rising.join(waiting.pop())
        rising.rise(waiting[-1].a if waiting else None)
        rising.stop_those_that_cannot_rise()


class _Rising:
    """The cars at the lowest level, the limits they are below, and what of these a tenth for all takes."""

    def __init__(self, seats: Sequence[Seat]) -> None:
        self.level = 0
        self.seats: dict[int, Seat] = {}
        self._limits: dict[int, Limit] = {id(limit): limit for seat in seats for limit, _ in seat.path}
        self._below: dict[int, set[int]] = {key: set() for key in self._limits}
        self._caps: list[tuple[int, int]] = []
        self._number = 0
        for limit in self._limits.values():
            limit.load = 0

    def join(self, seat: Seat) -> None:
        """Let a car at this level rise with the others."""
        self._number += 1
        self.seats[self._number] = seat
        heappush(self._caps, (seat.cap, self._number))
        for limit, weight in seat.path:
            limit.load += weight
            self._below[id(limit)].add(self._number)

    def rise(self, highest: int | None) -> None:
        """Rise as far as all can together, and not above a level."""
        while self._caps[0][1] not in self.seats:
            heappop(self._caps)
        tenths = self._caps[0][0] - self.level
        if highest is not None:
            tenths = min(tenths, highest - self.level)
        for limit in self._limits.values():
            if limit.load:
                tenths = min(tenths, max(limit.room, 0) // limit.load)
        self.level += tenths
        for limit in self._limits.values():
            limit.room -= tenths * limit.load

    def stop_those_that_cannot_rise(self) -> None:
        """Take out who is at its cap, or below a limit that has no room for all of them."""
        for key, limit in self._limits.items():
            if limit.load and limit.room < limit.load:
                for number in tuple(self._below[key]):
                    self._stop(number)
        while self._caps and (self._caps[0][0] <= self.level or self._caps[0][1] not in self.seats):
            _, number = heappop(self._caps)
            if number in self.seats:
                self._stop(number)

    def _stop(self, number: int) -> None:
        seat = self.seats.pop(number)
        seat.a = self.level
        for limit, weight in seat.path:
            limit.load -= weight
            self._below[id(limit)].discard(number)
