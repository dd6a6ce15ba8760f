"""Quiet hours: when nothing but what is critical is told, by the operator's wall clock."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from domain.calendar import ONE_DAY, opens_at
from domain.values import value


@value
class QuietHours:
    """From `begin` to `end` of the wall clock; over midnight where `end` is the earlier one."""

    begin: time
    end: time

    def over_at(self, now: datetime, zone: ZoneInfo) -> datetime | None:
        """When the quiet hours end in which a moment lies, in UTC; None where it lies in none.

        An edge in an hour that daylight saving skips is where the clock goes on; of one that comes twice, the hours
        begin with the first and end with the second, so that nobody is woken in between.
        """
        today = now.astimezone(zone).date()
        for day in (today - ONE_DAY, today):
            begin = opens_at(day, zone, self.begin)
            over = _closes_at(datetime.combine(day + ONE_DAY if self.end <= self.begin else day, self.end), zone)
            if begin <= now < over:
                return over
        return None


def _closes_at(local: datetime, zone: ZoneInfo) -> datetime:
    """The last instant at which the wall clock shows a time, or the first after the gap that swallowed it."""
    second = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if second.astimezone(zone).replace(tzinfo=None) == local:
        return second
    return opens_at(local.date(), zone, local.time())
