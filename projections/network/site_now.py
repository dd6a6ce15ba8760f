"""A site and what it may draw: the limits in force, what its meter says now, and its quarter hours beside them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import LiteralString

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.exact import Exact, whole
from domain.load.limit_power import limit_w, mean_limits_w
from domain.network.moments import QUARTER_US, US_PER_SECOND, microsecond_of
from projections.load.alerts import LIMIT_MISSED, Alert, AlertFilter, alerts
from projections.load.profiles import CarNow
from projections.load.profiles import site_now as steered_now
from projections.network.asked import Asked, Site
from projections.network.horizon import network_horizon
from projections.network.load import Load, quarters
from projections.network.site_limits import ToldLimit, in_force, limits_told

_READINGS: LiteralString = """
SELECT read_at, import_wh FROM projection.site_readings
WHERE operator_id = %s AND location_key = %s
ORDER BY read_at DESC LIMIT 2
"""
_SECONDS_AN_HOUR, _QUARTERS_AN_HOUR = 3_600, 4
# Of what was missed the latest are told with a site.
MISSED_SHOWN = 20
# Between readings that are further apart nothing is known of now.
_APART_US_MAX = _SECONDS_AN_HOUR * US_PER_SECOND


@dataclass(frozen=True, slots=True)
class Flow:
    """What a site imported on the mean between the last two readings of its meter, in W, up to the last of them."""

    power_w: Exact
    read_at: datetime


@dataclass(frozen=True, slots=True)
class SiteNow:
    """A site as of `at`: `limits` are those in force, one a reason; who gets what; and what was missed last.

    Cars and what was missed are as the service that steers sites wrote them, which may be behind or ahead of `at`.
    """

    site: Site
    at: datetime | None
    limits: Sequence[ToldLimit]
    flow: Flow | None
    cars: Sequence[CarNow]
    missed: Sequence[Alert]

    @property
    def is_managed(self) -> bool:
        """Whether some limit is in force that is to be kept."""
        return any(not each.version.is_off for each in self.limits)

    @property
    def limit_w(self) -> Exact | None:
        """The lowest of the limits in force."""
        return lowest_of(self.limits)


@dataclass(frozen=True, slots=True)
class AgainstLimit:
    """A quarter hour, and the limit of its mean power in W; None where none was in force for some of it."""

    load: Load
    limit_w: Exact | None

    @property
    def above_w(self) -> Exact | None:
        """By how much the meter, or where it says nothing the sessions, went above the limit; None without one."""
        if self.limit_w is None:
            return None
        drawn_wh = self.load.energy_wh if self.load.measured_wh is None else self.load.measured_wh
        return max(whole(Fraction(drawn_wh) * _QUARTERS_AN_HOUR - self.limit_w), 0)


def lowest_of(limits: Iterable[ToldLimit]) -> Exact | None:
    """The lowest of limits that are all in force, in W; None where there is none."""
    found = (limit_w(each.version) for each in limits)
    return min((each for each in found if each is not None), default=None)


def site_now(cursor: Cursor[TupleRow], site: Site) -> SiteNow:
    """A site as of the moment up to which messages have come."""
    at = network_horizon(cursor)
    limits = in_force(limits_of(cursor, site), at) if at is not None else []
    steered = steered_now(cursor, site.operator_id, site.location_id)
    missed = alerts(cursor, AlertFilter(site.operator_id, site.location_id, LIMIT_MISSED), MISSED_SHOWN)
    return SiteNow(site, at, limits, _flow(cursor, site), steered.cars if steered else (), missed)


def limits_of(cursor: Cursor[TupleRow], site: Site) -> Sequence[ToldLimit]:
    """Every version of what a site may draw."""
    found = limits_told(cursor, site.operator_id, site.location_key)
    return found.get((site.operator_id, site.location_key), [])


def against_limit(
    cursor: Cursor[TupleRow], site: Site, asked: Asked, limit: int | None = None, after: datetime | None = None
) -> list[AgainstLimit]:
    """The quarter hours of one site that is asked for, so many behind one, each with its limit."""
    behind = (site.operator_id, site.location_key, after) if after is not None else None
    loads = quarters(cursor, asked, limit, behind)
    starts = [microsecond_of(each.start) for each in loads if each.start is not None]
    versions = [each.version for each in limits_of(cursor, site)]
    limits = mean_limits_w(versions, [(start, start + QUARTER_US) for start in starts])
    return [AgainstLimit(load, limit_w) for load, limit_w in zip(loads, limits, strict=True)]


def _flow(cursor: Cursor[TupleRow], site: Site) -> Flow | None:
    rows = cursor.execute(_READINGS, (site.operator_id, site.location_key)).fetchall()
    if len(rows) < 2:
        return None
    (last, last_wh), (first, first_wh) = rows
    lasted_us = microsecond_of(last) - microsecond_of(first)
    # Where a register falls its meter was another one, or began anew.
    if lasted_us > _APART_US_MAX or last_wh < first_wh:
        return None
    return Flow(whole(Fraction(last_wh - first_wh) * _SECONDS_AN_HOUR * US_PER_SECOND / lasted_us), last)
