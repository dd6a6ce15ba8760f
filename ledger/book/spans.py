"""Spans of effective time that buckets of a balance cover: months, days and finer ones, all in UTC."""

from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import TypeAlias

# An effective time in microseconds since 1970 UTC and an amount in minor units, debit positive.
Movement: TypeAlias = tuple[int, int]

MONTH, DAY, HOUR, MINUTE, SECOND, MOMENT = LEVELS = (1, 2, 3, 4, 5, 6)

_DAY_US = 86_400_000_000
_LENGTHS_US = {DAY: _DAY_US, HOUR: 3_600_000_000, MINUTE: 60_000_000, SECOND: 1_000_000, MOMENT: 1}
_FIRST_DAY = date(1970, 1, 1).toordinal()
_CYCLE_DAYS = 146_097


def span_of(level: int, moment_us: int) -> tuple[int, int]:
    """Start and end of the span of a level that a moment is in; the end belongs to the next one."""
    if level == MONTH:
        return _month_of(moment_us // _DAY_US)
    length_us = _LENGTHS_US[level]
    start_us = moment_us - moment_us % length_us
    return start_us, start_us + length_us


def by_span(level: int, movements: list[Movement]) -> Iterator[tuple[int, list[Movement]]]:
    """Movements, sorted, by the start of the span of a level that they are in."""
    done = 0
    while done < len(movements):
        start_us, end_us = span_of(level, movements[done][0])
        if done == 0 and movements[-1][0] < end_us:
            yield start_us, movements
            return
        until = bisect_left(movements, (end_us,), done)
        yield start_us, movements[done:until]
        done = until


@lru_cache(maxsize=1_000)
def _month_of(day: int) -> tuple[int, int]:
    # The calendar repeats after 400 years; within them there is a date for every day, and a next month.
    cycle = day - day % _CYCLE_DAYS
    within = date.fromordinal(_FIRST_DAY + day - cycle)
    first = day - within.day + 1
    return first * _DAY_US, (first + monthrange(within.year, within.month)[1]) * _DAY_US
