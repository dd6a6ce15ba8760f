"""What is asked of the network: whose, where, and from when to when by the clocks of the sites."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import LiteralString
from zoneinfo import ZoneInfo

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import opens_at, zone

# A site is where its location version published last says it is, else where its operator is; else in UTC.
_SITES: LiteralString = """
SELECT site.operator_id, site.location_key, site.location_id, coalesce(site.time_zone, operator.time_zone, 'UTC')
FROM projection.sites AS site
LEFT JOIN projection.sites AS operator ON operator.operator_id = site.operator_id AND operator.location_key = ''
WHERE site.location_key <> ''
  AND (%(operator_id)s::text IS NULL OR site.operator_id = %(operator_id)s)
  AND (%(location_key)s::text IS NULL OR site.location_key = %(location_key)s)
ORDER BY site.operator_id, site.location_key
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """Of one operator and one location, where they are named, from `since` on and up to before or with `until`.

    A date is a whole day in the zone of each site, at both ends; a moment counts from then on, or up to before it.
    None is without an end.
    """

    operator_id: str | None = None
    location_id: str | None = None
    since: date | datetime | None = None
    until: date | datetime | None = None

    def begin(self, time_zone: ZoneInfo) -> datetime | None:
        """The first moment at a site in that zone."""
        return None if self.since is None else _moment(self.since, time_zone)

    def before(self, time_zone: ZoneInfo) -> datetime | None:
        """The first moment after it at a site in that zone."""
        if self.until is None or isinstance(self.until, datetime):
            return self.until
        return _moment(self.until + timedelta(days=1), time_zone)

    @property
    def is_backwards(self) -> bool:
        """Whether it ends before it begins, wherever that is."""
        begin, before = self.begin(ZoneInfo("UTC")), self.before(ZoneInfo("UTC"))
        return begin is not None and before is not None and before <= begin


def _moment(at: date | datetime, time_zone: ZoneInfo) -> datetime:
    return at.astimezone(UTC) if isinstance(at, datetime) else opens_at(at, time_zone, time())


@dataclass(frozen=True, slots=True)
class Site:
    """A site: its operator, its id without case and as it was published, and its time zone."""

    operator_id: str
    location_key: str
    location_id: str
    time_zone: ZoneInfo


def sites_asked(cursor: Cursor[TupleRow], asked: Asked) -> list[Site]:
    """The sites of which something is known that are asked for, by operator and id."""
    key = asked.location_id.casefold() if asked.location_id is not None else None
    rows = cursor.execute(_SITES, {"operator_id": asked.operator_id, "location_key": key}).fetchall()
    return [Site(operator_id, key, location_id, zone(name)) for operator_id, key, location_id, name in rows]
