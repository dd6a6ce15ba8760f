"""Load of sites as it is asked for: by quarter hour, day or site, monthly peaks, and the sessions that are left out.

Energy is compared and added as it is kept, to 30 places, and told rounded to 20 places, then half up to 6.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Context, Decimal
from enum import StrEnum
from typing import Any, LiteralString, NamedTuple

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import opens_at
from domain.network.moments import QUARTER_US, microsecond_of, quarter_number, quarter_start
from ledger.arrays import columns as arrays
from projections.network.asked import Asked, Site, sites_asked

# Quarter hours of what is asked for: of sessions, and of the meter where it covers them.
_ASKED: LiteralString = """
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest(%(number)s::integer[], %(operator_id)s::text[], %(location_key)s::text[],
                         %(first)s::integer[], %(before)s::integer[])
        AS asked (number, operator_id, location_key, first, before)
)
"""
_QUARTERS: LiteralString = f"""{_ASKED}, used AS (
    SELECT number, load.* FROM asked JOIN projection.site_load AS load USING (operator_id, location_key)
    WHERE quarter >= first AND quarter < before
), imported AS (
    SELECT number, import.* FROM asked JOIN projection.site_import AS import USING (operator_id, location_key)
    WHERE quarter >= first AND quarter < before
)
SELECT number, quarter, coalesce(energy_wh, 0), coalesce(sessions, 0), import_wh,
       greatest(import_wh - coalesce(energy_wh, 0), 0 * import_wh),
       greatest(coalesce(energy_wh, 0) - import_wh, 0 * import_wh)
FROM used FULL JOIN imported USING (number, quarter)
ORDER BY number, quarter
LIMIT %(limit)s
"""  # noqa: S608 (constants)
# Sums of spans; other and unexplained energy are of each quarter hour by itself.
_SUMS: LiteralString = f"""{_ASKED}
SELECT number, coalesce(used.energy_wh, 0), import.import_wh, import.other_wh, import.unexplained_wh
FROM asked
CROSS JOIN LATERAL (
    SELECT sum(energy_wh) AS energy_wh FROM projection.site_load AS load
    WHERE (load.operator_id, load.location_key) = (asked.operator_id, asked.location_key)
      AND quarter >= first AND quarter < before
) AS used
CROSS JOIN LATERAL (
    SELECT sum(import_wh) AS import_wh,
           sum(greatest(import_wh - coalesce(load.energy_wh, 0), 0)) AS other_wh,
           sum(greatest(coalesce(load.energy_wh, 0) - import_wh, 0)) AS unexplained_wh
    FROM projection.site_import AS kept
    LEFT JOIN projection.site_load AS load USING (operator_id, location_key, quarter)
    WHERE (kept.operator_id, kept.location_key) = (asked.operator_id, asked.location_key)
      AND quarter >= first AND quarter < before
) AS import
WHERE used.energy_wh IS NOT NULL OR import.import_wh IS NOT NULL
ORDER BY number
"""  # noqa: S608 (constants)
# Of each span the quarter hour with the most energy, of equals the first, and all energy of it.
_PEAKS: LiteralString = f"""{_ASKED}
SELECT number, used.energy_wh, used.peak_wh, used.quarter, import.peak_wh, import.quarter
FROM asked
CROSS JOIN LATERAL (
    SELECT sum(energy_wh) AS energy_wh, max(round(energy_wh, 20)) AS peak_wh,
           (array_agg(quarter ORDER BY round(energy_wh, 20) DESC, quarter))[1] AS quarter
    FROM projection.site_load AS load
    WHERE (load.operator_id, load.location_key) = (asked.operator_id, asked.location_key)
      AND load.quarter >= first AND load.quarter < before
) AS used
LEFT JOIN LATERAL (
    SELECT round(import_wh, 20) AS peak_wh, kept.quarter FROM projection.site_import AS kept
    WHERE (kept.operator_id, kept.location_key) = (asked.operator_id, asked.location_key)
      AND kept.quarter >= first AND kept.quarter < before
    ORDER BY 1 DESC, 2 LIMIT 1
) AS import ON true
WHERE used.energy_wh IS NOT NULL OR import.peak_wh IS NOT NULL
ORDER BY number
"""  # noqa: S608 (constants)
# From when to when something is known of sites.
_REACH: LiteralString = """
SELECT site.operator_id, site.location_key,
       min(least(load.first, import.first)), max(greatest(load.last, import.last))
FROM unnest(%s::text[], %s::text[]) AS site (operator_id, location_key)
CROSS JOIN LATERAL (
    SELECT min(quarter) AS first, max(quarter) AS last FROM projection.site_load AS load
    WHERE (load.operator_id, load.location_key) = (site.operator_id, site.location_key)
) AS load
CROSS JOIN LATERAL (
    SELECT min(quarter) AS first, max(quarter) AS last FROM projection.site_import AS import
    WHERE (import.operator_id, import.location_key) = (site.operator_id, site.location_key)
) AS import
GROUP BY site.operator_id, site.location_key
"""
_LEFT_OUT: LiteralString = """
SELECT session_id, operator_id, location_id, evse_uid, connector_id, started_at, ended_at, left_out
FROM projection.network
WHERE left_out IS NOT NULL
  AND (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
  AND (%(location_key)s::text IS NULL OR location_key = %(location_key)s)
ORDER BY session_id
"""
# The digits that a quotient has before it is rounded.
_EXACT = Context(prec=60)
_FIRST, _LAST = -(2**31), 2**31 - 1


class By(StrEnum):
    """What load is told by: each quarter hour or local day of a site, or a site as a whole."""

    QUARTER = "quarter"
    DAY = "day"
    SITE = "site"


@dataclass(frozen=True, slots=True)
class Load:
    """Energy of a site's sessions in Wh, and what its meter says where that is known.

    `start` is a quarter hour, `day` a local day; `sessions` is of a quarter hour alone. `other_wh` is what was
    imported beside sessions, `unexplained_wh` by how much sessions took more than the meter says.
    """

    site: Site
    energy_wh: Decimal
    measured_wh: Decimal | None
    other_wh: Decimal | None
    unexplained_wh: Decimal | None
    start: datetime | None = None
    day: date | None = None
    sessions: int | None = None


@dataclass(frozen=True, slots=True)
class Peak:
    """The highest quarter hour of a local month at a site (`month` is its first day), of equals the first.

    `quarters` are those of the month that began by the horizon; of the meter the same, where it says something.
    """

    site: Site
    month: date
    energy_wh: Decimal
    peak_wh: Decimal | None
    start: datetime | None
    quarters: int
    measured_peak_wh: Decimal | None
    measured_start: datetime | None

    @property
    def load_factor(self) -> Decimal | None:
        """Mean to peak power of sessions; None without a peak."""
        if not self.peak_wh or not self.quarters:
            return None
        return _EXACT.divide(self.energy_wh, _EXACT.multiply(self.peak_wh, Decimal(self.quarters)))


class LeftOut(NamedTuple):
    """A session that is in no figure of energy, and why."""

    session_id: str
    operator_id: str
    location_id: str
    evse_uid: str
    connector_id: str
    started_at: datetime | None
    ended_at: datetime | None
    reason: str


class _Span(NamedTuple):
    """Quarter hours of a site, the last one not included; of a day or a month where they are one's."""

    site: Site
    first: int
    before: int
    day: date | None = None


def quarters(
    cursor: Cursor[TupleRow], asked: Asked, limit: int | None = None, after: tuple[str, str, datetime] | None = None
) -> list[Load]:
    """The quarter hours of sites in which anything was taken or measured, in order, so many behind one of them."""
    spans = [_Span(site, *_ends(site, asked)) for site in sites_asked(cursor, asked)]
    if after is not None:
        spans = [
            span._replace(first=max(span.first, quarter_number(after[2]) + 1))
            if _key(span.site) == after[:2]
            else span
            for span in spans
            if _key(span.site) >= after[:2]
        ]
    rows = _rows(cursor, _QUARTERS, spans, limit)
    return [_quarter(spans[number].site, row) for number, *row in rows]


def sums(cursor: Cursor[TupleRow], asked: Asked, by: By) -> list[Load]:
    """Energy of sites, by local day where that is asked for; what has none is left out."""
    spans = [_Span(site, *_ends(site, asked)) for site in sites_asked(cursor, asked)]
    if by is By.DAY:
        spans = list(_days(_within_reach(cursor, spans)))
    found = []
    for number, energy_wh, measured_wh, other_wh, unexplained_wh in _rows(cursor, _SUMS, spans):
        span = spans[number]
        found.append(Load(span.site, energy_wh, measured_wh, other_wh, unexplained_wh, day=span.day))
    return found


def peaks(cursor: Cursor[TupleRow], asked: Asked, until: datetime | None) -> list[Peak]:
    """The peaks of the local months of sites that the span touches, in order; `until` is the horizon."""
    spans = [_Span(site, *_ends(site, asked)) for site in sites_asked(cursor, asked)]
    months = list(_months(_within_reach(cursor, spans)))
    end = _LAST if until is None else quarter_number(until)
    found = []
    for number, energy_wh, peak_wh, quarter, measured_wh, measured in _rows(cursor, _PEAKS, months):
        span = months[number]
        assert span.day is not None
        passed = max(min(span.before, end + 1), (quarter or span.first) + 1) - span.first
        found.append(
            Peak(
                span.site,
                span.day,
                energy_wh or Decimal(0),
                peak_wh,
                None if quarter is None else quarter_start(quarter),
                min(passed, span.before - span.first),
                measured_wh,
                None if measured is None else quarter_start(measured),
            )
        )
    return found


def left_out(cursor: Cursor[TupleRow], asked: Asked) -> list[LeftOut]:
    """Sessions that are in no figure of energy, by id; those without a start are of no operator and no time."""
    key = asked.location_id.casefold() if asked.location_id is not None else None
    question = {"operator_id": asked.operator_id, "location_key": key}
    zones = {_key(site): site for site in sites_asked(cursor, asked)} if asked.since or asked.until else {}
    found = [LeftOut(*row) for row in cursor.execute(_LEFT_OUT, question).fetchall()]
    return [each for each in found if _is_within(each, asked, zones)]


def _is_within(each: LeftOut, asked: Asked, sites: dict[tuple[str, str], Site]) -> bool:
    if asked.since is None and asked.until is None:
        return True
    site = sites.get((each.operator_id, each.location_id.casefold()))
    if site is None or each.started_at is None:
        return False
    begin, before = asked.begin(site.time_zone), asked.before(site.time_zone)
    return (begin is None or each.started_at >= begin) and (before is None or each.started_at < before)


def _quarter(site: Site, row: Sequence[Any]) -> Load:
    quarter, energy_wh, sessions, measured_wh, other_wh, unexplained_wh = row
    start = quarter_start(quarter)
    return Load(site, energy_wh, measured_wh, other_wh, unexplained_wh, start=start, sessions=sessions)


def _key(site: Site) -> tuple[str, str]:
    return site.operator_id, site.location_key


def _ends(site: Site, asked: Asked) -> tuple[int, int]:
    """The first quarter hour that begins within what is asked for at a site, and the first behind it."""
    begin, before = asked.begin(site.time_zone), asked.before(site.time_zone)
    return _FIRST if begin is None else _first_from(begin), _LAST if before is None else _first_from(before)


def _first_from(at: datetime) -> int:
    return -(-microsecond_of(at) // QUARTER_US)


def _within_reach(cursor: Cursor[TupleRow], spans: Sequence[_Span]) -> Iterator[_Span]:
    """The same, each only from the first to the last quarter hour of which something is known."""
    if not spans:
        return
    rows = cursor.execute(_REACH, arrays([_key(span.site) for span in spans])).fetchall()
    reach = {(row[0], row[1]): row[2:] for row in rows if row[2] is not None}
    for span in spans:
        known = reach.get(_key(span.site))
        if known is not None and span.first <= known[1] and span.before > known[0]:
            yield span._replace(first=max(span.first, known[0]), before=min(span.before, known[1] + 1))


def _days(spans: Iterator[_Span]) -> Iterator[_Span]:
    """Each local day of spans, cut to them."""
    for span in spans:
        zone = span.site.time_zone
        day = quarter_start(span.first).astimezone(zone).date()
        first = span.first
        while first < span.before:
            day += timedelta(days=1)
            until = min(_first_from(opens_at(day, zone, time())), span.before)
            if until > first:
                yield _Span(span.site, first, until, day - timedelta(days=1))
            first = max(until, first)


def _months(spans: Iterator[_Span]) -> Iterator[_Span]:
    """Each local month that spans touch, as a whole."""
    for span in spans:
        zone = span.site.time_zone
        month = quarter_start(span.first).astimezone(zone).date().replace(day=1)
        while (first := _first_from(opens_at(month, zone, time()))) < span.before:
            following = (month + timedelta(days=31)).replace(day=1)
            yield _Span(span.site, first, _first_from(opens_at(following, zone, time())), month)
            month = following


def _rows(
    cursor: Cursor[TupleRow], query: LiteralString, spans: Sequence[_Span], limit: int | None = None
) -> list[TupleRow]:
    if not spans:
        return []
    rows = [(number, *_key(span.site), span.first, span.before) for number, span in enumerate(spans)]
    names = ("number", "operator_id", "location_key", "first", "before")
    question: dict[str, Any] = dict(zip(names, arrays(rows), strict=True))
    return cursor.execute(query, question | {"limit": limit}).fetchall()
