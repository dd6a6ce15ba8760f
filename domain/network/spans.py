"""Spans of time in whole microseconds since 1970 (UTC), half open: their union, their parts, and local days."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, time
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

from domain.calendar import ONE_DAY, opens_at
from domain.network.moments import microsecond_of, moment_of

# From a moment on, up to before another one.
Span: TypeAlias = tuple[int, int]


def united(spans: Iterable[Span]) -> list[Span]:
    """The union of spans, in order, none touching another; what has no length is left out."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if end <= begin:
            continue
        if found and begin <= found[-1][1]:
            if end > found[-1][1]:
                found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return found


def length(spans: Iterable[Span]) -> int:
    """How many microseconds spans have together; what several share counts in each."""
    return sum(end - begin for begin, end in spans)


def within(spans: Iterable[Span], begin: int, end: int) -> list[Span]:
    """The parts of spans that lie in [begin, end)."""
    return [(max(first, begin), min(last, end)) for first, last in spans if first < end and last > begin]


def without(spans: Sequence[Span], taken: Sequence[Span]) -> list[Span]:
    """What is left of spans where none of `taken` is; both in order, as `united` gives them."""
    found: list[Span] = []
    place = 0
    for begin, end in spans:
        while place < len(taken) and taken[place][1] <= begin:
            place += 1
        at = place
        while at < len(taken) and taken[at][0] < end:
            if taken[at][0] > begin:
                found.append((begin, taken[at][0]))
            begin = max(begin, taken[at][1])
            at += 1
        if begin < end:
            found.append((begin, end))
    return found


@lru_cache(maxsize=65_536)
def day_in(day: date, time_zone: ZoneInfo) -> Span:
    """A local day, midnight to midnight: of 23 or 25 hours where clocks change, of none where it is skipped."""
    begin, end = (opens_at(each, time_zone, time()) for each in (day, day + ONE_DAY))
    return microsecond_of(begin), microsecond_of(end)


def local_days(begin: int, end: int, time_zone: ZoneInfo) -> Iterator[tuple[date, Span]]:
    """The local days that [begin, end) meets, each with the part of it that lies in there; of a moment, its day."""
    day = moment_of(begin).astimezone(time_zone).date()
    last = max(begin, end - 1)
    while True:
        opens, closes = day_in(day, time_zone)
        if opens > last:
            return
        if closes > begin:
            yield day, (max(opens, begin), min(closes, end))
        day += ONE_DAY


def most_at_once(spans: Iterable[Span]) -> int:
    """The most of these spans that lie over each other at any moment; one that ends lets the next one begin."""
    steps = sorted(step for begin, end in spans if begin < end for step in ((begin, 1), (end, -1)))
    most = now = 0
    for _, change in steps:
        now += change
        most = max(most, now)
    return most
