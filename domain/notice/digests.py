"""When digests are due."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.calendar import ONE_DAY, opens_at
from domain.notice.subscription import Digest

# The day's digest: late enough to say what came in, early enough to do something about what goes out tomorrow.
DAILY_AT = time(18)
_HOUR = timedelta(hours=1)


def last_due(digest: Digest, now: datetime, zone: ZoneInfo) -> datetime:
    """When the last digest was due, that moment included: the full hour, or DAILY_AT in a zone."""
    if digest is not Digest.DAILY:
        return now.replace(minute=0, second=0, microsecond=0)
    day = now.astimezone(zone).date()
    due = opens_at(day, zone, DAILY_AT)
    return due if due <= now else opens_at(day - ONE_DAY, zone, DAILY_AT)


def next_due(digest: Digest, now: datetime, zone: ZoneInfo) -> datetime:
    """When the next digest is due, after a moment."""
    last = last_due(digest, now, zone)
    if digest is not Digest.DAILY:
        return last + _HOUR
    return opens_at(last.astimezone(zone).date() + ONE_DAY, zone, DAILY_AT)
