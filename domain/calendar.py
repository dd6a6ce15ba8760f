"""Business dates: local days that begin at an operator's cut-off, when they open, and on which banks work."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

from domain.wall_clock import offset_change

ONE_DAY = timedelta(days=1)
BEGINNING, END = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def instant(text: str) -> datetime:
    """A UTC instant from RFC 3339 text."""
    moment = datetime.fromisoformat(text.upper())
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The IANA time zone of that name."""
    return ZoneInfo(name)


# `isoformat` asks a moment for its offset several times: put together from these, text takes a quarter of its time.
_TWO_DIGITS = tuple(f"{number:02d}" for number in range(60))
_day_text = lru_cache(maxsize=4096)(date.isoformat)


def utc_seconds(moment: datetime) -> str:
    """A moment in UTC cut to the second, such as `2026-03-01T10:00:00`."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    two = _TWO_DIGITS
    return f"{_day_text(moment.date())}T{two[moment.hour]}:{two[moment.minute]}:{two[moment.second]}"


def utc_text(moment: datetime) -> str:
    """RFC 3339 text in UTC with `Z`, to the microsecond where there are some."""
    if moment.microsecond:
        return f"{utc_seconds(moment)}.{moment.microsecond:06d}Z"
    return f"{utc_seconds(moment)}Z"


def business_date(moment: datetime, time_zone: ZoneInfo, cutoff: time) -> date:
    """The business date of a moment: its local date after subtracting the cut-off on the wall clock (rule P1)."""
    local = moment.astimezone(time_zone).replace(tzinfo=None)
    return (local - timedelta(hours=cutoff.hour, minutes=cutoff.minute)).date()


@lru_cache(maxsize=65536)
def opens_at(day: date, time_zone: ZoneInfo, cutoff: time) -> datetime:
    """The UTC instant at which a business date begins: the cut-off on the local wall clock.

    In an hour that daylight saving skips it is the first instant after the gap, in a repeated one the first of two.
    """
    local = datetime.combine(day, cutoff, tzinfo=time_zone)
    moment = local.astimezone(UTC)
    if moment.astimezone(time_zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return moment
    return _end_of_gap(local, time_zone)


def _end_of_gap(local: datetime, time_zone: ZoneInfo) -> datetime:
    """The first instant after the gap that swallowed this wall-clock time (PEP 495: fold 0 lands after, 1 before)."""
    before, after = local.replace(fold=1).astimezone(UTC), local.replace(fold=0).astimezone(UTC)
    return offset_change(before, after, time_zone)


def _no_holidays(_year: int) -> frozenset[date]:
    return frozenset()


@dataclass(frozen=True, slots=True)
class BankCalendar:
    """The days on which banks work: all but `weekend` (weekdays from Monday, 0) and those closed in a year."""

    name: str
    version: str = ""
    weekend: frozenset[int] = frozenset({5, 6})
    closed_in: Callable[[int], frozenset[date]] = _no_holidays

    def is_open(self, day: date) -> bool:
        """Whether banks work on a day."""
        return day.weekday() not in self.weekend and day not in self.closed_in(day.year)


# Where no calendar of holidays is known.
MONDAY_TO_FRIDAY = BankCalendar("MONDAY_TO_FRIDAY")

Calendars: TypeAlias = Callable[[str], BankCalendar | None]
"""Gives the calendar of a name (`TARGET`, `NL`); None where there is none of that name."""


def no_calendars(_name: str) -> BankCalendar | None:
    """Knows no calendar."""
    return None


def add_days(day: date, count: int, business_days_only: bool, calendar: BankCalendar = MONDAY_TO_FRIDAY) -> date:
    """`count` days later; with business days only, each step lands on the next day that is one (rule P3)."""
    if not business_days_only:
        return day + timedelta(days=count)
    for _ in range(count):
        day = next_open(day + ONE_DAY, calendar)
    return day


def next_open(day: date, *calendars: BankCalendar) -> date:
    """That day, or the first one after it on which all calendars are open (rule P4, "following")."""
    while not all(calendar.is_open(day) for calendar in calendars):
        day += ONE_DAY
    return day
