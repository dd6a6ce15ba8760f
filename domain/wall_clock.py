"""When a local wall clock shows given minutes of the day and when it is put forward or back, to the second."""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


def wall_clock_instants(start: datetime, end: datetime, minutes: Iterable[int], time_zone: ZoneInfo) -> set[datetime]:
    """UTC instants from `start` to `end` at which a comparison with these minutes of the local day can change.

    A minute that daylight saving repeats counts both times and one that it skips not at all; the jump itself is an
    instant too, so a window that ends in the skipped hour ends at the jump.
    """
    times = [time(*divmod(minute, 60), tzinfo=time_zone, fold=fold) for minute in minutes for fold in (0, 1)]
    instants = set(offset_changes(start, end, time_zone))
    day, last = start.astimezone(time_zone).date(), end.astimezone(time_zone).date()
    while day <= last:
        for clock in times:
            local = datetime.combine(day, clock)
            at = local.astimezone(UTC)
            if start <= at <= end and _shows(at, local, time_zone):
                instants.add(at)
        day += _DAY
    return instants


def _shows(at: datetime, local: datetime, time_zone: ZoneInfo) -> bool:
    return at.astimezone(time_zone).replace(tzinfo=None) == local.replace(tzinfo=None)


def offset_changes(start: datetime, end: datetime, time_zone: ZoneInfo) -> list[datetime]:
    """The UTC instants after `start` and up to `end` at which the zone's offset changes, to the second."""
    changes = []
    while start < end:
        probe = min(start + _DAY, end)
        if start.astimezone(time_zone).utcoffset() != probe.astimezone(time_zone).utcoffset():
            changes.append(offset_change(start, probe, time_zone))
        start = probe
    return changes


def offset_change(before: datetime, after: datetime, time_zone: ZoneInfo) -> datetime:
    """The first UTC instant with another offset than `before`, where the zone changes it once up to `after`.

    Halves the span until it is a second: offsets change at whole seconds, and zoneinfo does not list them.
    """
    before = before.replace(microsecond=0)
    offset = before.astimezone(time_zone).utcoffset()
    low, high = 0, -((before - after) // _SECOND)
    while high - low > 1:
        middle = (low + high) // 2
        if (before + middle * _SECOND).astimezone(time_zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return before + high * _SECOND
