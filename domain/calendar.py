"""Business dates: local days that begin at an operator's cut-off, and the moments at which they open and close."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from domain.wall_clock import offset_change

SATURDAY = 5
ONE_DAY = timedelta(days=1)
BEGINNING = datetime.min.replace(tzinfo=UTC)


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


def add_days(day: date, count: int, business_days_only: bool) -> date:
    """`count` days later; with business days only, each step lands on the next Monday to Friday (rule P3)."""
    if not business_days_only:
        return day + timedelta(days=count)
    for _ in range(count):
        day += ONE_DAY
        while day.weekday() >= SATURDAY:
            day += ONE_DAY
    return day
