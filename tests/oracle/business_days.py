"""Business dates, cut-offs and maturing dates on the wall clock of an operator's time zone."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def business_date(moment: datetime, zone: str, cutoff: str) -> date:
    """The local date after taking the cut-off from the wall clock."""
    wall = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    hours, minutes = map(int, cutoff.split(":"))
    return (wall - timedelta(hours=hours, minutes=minutes)).date()


def start_of(day: date, zone: str, cutoff: str) -> datetime:
    """When a business date begins: at its cut-off, the first instant after a skipped one, the first of a repeated."""
    hours, minutes = map(int, cutoff.split(":"))
    wall = datetime.combine(day, time(hours, minutes))
    moment = wall.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)
    if moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == wall:
        return moment
    return _end_of_gap(wall, zone)


def _end_of_gap(wall: datetime, zone: str) -> datetime:
    """The first instant whose wall clock is past a time that was skipped, found minute by minute."""
    moment = wall.replace(tzinfo=UTC) - timedelta(hours=16)
    while moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) < wall:
        moment += timedelta(minutes=1)
    return moment


def plus_days(day: date, count: int, *, business_days_only: bool) -> date:
    """A date some days on; in business days they are counted one by one, Monday to Friday."""
    if not business_days_only:
        return day + timedelta(days=count)
    for _ in range(count):
        day += timedelta(days=1)
        while day.weekday() >= 5:
            day += timedelta(days=1)
    return day
