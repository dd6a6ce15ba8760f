"""Gaps in what chargers told: messages that never came, registers that jumped, readings that stopped."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any, NamedTuple

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import zone
from domain.exact import Exact
from domain.network.gaps import GapKind
from domain.network.moments import QUARTER_US, microsecond_of, moment_of
from projections.network.asked import Asked
from projections.network.contact_days import DAY_US
from projections.network.session_uses import exactly

_OF = """
WHERE (%(operator_id)s::text IS NULL OR gap.operator_id = %(operator_id)s)
  AND (%(location_key)s::text IS NULL OR gap.location_key = %(location_key)s)
"""
# Days in which messages are missing, with the EVSE's place.
_MISSING = (
    """
SELECT gap.operator_id, gap.location_id, gap.location_key, gap.evse_uid, contact.missing
FROM projection.evses AS gap
JOIN projection.evse_contacts AS contact USING (operator_id, evse_key)
"""
    + _OF
    + """
  AND (contact.silences <> '{}' OR contact.missing <> '{}') AND contact.missing <> '{}'
  AND contact.day BETWEEN %(first_day)s AND %(last_day)s
"""
)
_JUMPS = (
    """
SELECT operator_id, location_id, location_key, evse_uid, session_id, jump_us, began_us, jump_wh
FROM projection.register_jumps AS gap
"""
    + _OF
    + " AND began_us >= %(first_us)s AND jump_us < %(last_us)s"
)
_READINGS = (
    """
SELECT operator_id, location_id, location_key, evse_uid, session_id, begin_us, end_us, limit_us, risk_wh
FROM projection.reading_gaps AS gap
"""
    + _OF
    + " AND begin_us < %(last_us)s AND coalesce(end_us, %(last_us)s) >= %(first_us)s"
)
# The quarter hours of sessions that were at an EVSE in some span.
_ENERGY = """
SELECT session.quarters, session.quarter_wh
FROM projection.network AS session
WHERE session.operator_id = %s AND session.location_key = %s AND lower(session.evse_uid) = lower(%s)
  AND session.started_at < %s AND session.until > %s AND session.left_out IS NULL
"""
_ZONES = """
SELECT site.operator_id, site.location_key, coalesce(site.time_zone, operator.time_zone, 'UTC')
FROM projection.sites AS site
LEFT JOIN projection.sites AS operator ON (operator.operator_id, operator.location_key) = (site.operator_id, '')
"""
# Long before anything was told.
_BEGINNING = 0


class Gap(NamedTuple):
    """A gap at an EVSE, in microseconds, in the order in which they are listed.

    `risk_wh` is what flowed in it by the registers around it, None where nobody knows; `end` None while it goes on;
    `number` of messages that are missing.
    """

    operator_id: str
    location_id: str
    evse_uid: str
    begin: int
    kind: GapKind
    session_id: str
    end: int | None
    risk_wh: Exact | None
    number: int | None


def gaps(cursor: Cursor[TupleRow], asked: Asked, until: datetime) -> list[Gap]:
    """The gaps that meet what is asked for, by operator, site, EVSE and moment; of open sessions up to `until`."""
    horizon = microsecond_of(until)
    first, last = _utc_edges(asked, horizon)
    question: Mapping[str, Any] = {
        "operator_id": asked.operator_id,
        "location_key": asked.location_id.casefold() if asked.location_id is not None else None,
        "first_us": first,
        "last_us": last,
        "first_day": first // DAY_US,
        "last_day": min(last // DAY_US + 1, 2**31 - 1),
    }
    zones = {(row[0], row[1]): row[2] for row in cursor.execute(_ZONES)}
    found = [
        (key, gap)
        for key, gap in (
            *_missing(cursor, question),
            *_jumps(cursor, question),
            *_readings(cursor, question, horizon),
        )
        if _meets(gap, asked, zones.get((gap.operator_id, key)) or zones.get((gap.operator_id, "")) or "UTC", horizon)
    ]
    return sorted((_with_risk(cursor, key, gap) for key, gap in found), key=lambda gap: gap[:6])


def _utc_edges(asked: Asked, horizon: int) -> tuple[int, int]:
    """A span that holds what is asked for in whatever zone."""
    utc = zone("UTC")
    since, before = asked.begin(utc), asked.before(utc)
    # Whatever a zone's clock says, it is less than a day off; the site's own cuts in the end.
    first = _BEGINNING if since is None else microsecond_of(since) - DAY_US
    last = horizon if before is None else min(horizon, microsecond_of(before) + DAY_US)
    return first, last


def _meets(gap: Gap, asked: Asked, zone_name: str, horizon: int) -> bool:
    since, before = asked.begin(zone(zone_name)), asked.before(zone(zone_name))
    end = horizon if gap.end is None else gap.end
    return (
        gap.begin < horizon
        and (since is None or end > microsecond_of(since))
        and (before is None or gap.begin < microsecond_of(before))
    )


def _missing(cursor: Cursor[TupleRow], question: Mapping[str, Any]) -> Iterator[tuple[str, Gap]]:
    for operator_id, location_id, key, uid, missing in cursor.execute(_MISSING, question, binary=True).fetchall():
        for at in range(0, len(missing), 3):
            begin, end, number = missing[at : at + 3]
            yield key, Gap(operator_id, location_id, uid, begin, GapKind.MISSING_MESSAGES, "", end, None, number)


def _jumps(cursor: Cursor[TupleRow], question: Mapping[str, Any]) -> Iterator[tuple[str, Gap]]:
    for operator_id, location_id, key, uid, session_id, begin, end, wh in cursor.execute(_JUMPS, question):
        kind = GapKind.REGISTER_JUMP
        yield key, Gap(operator_id, location_id, uid, begin, kind, session_id, end, Fraction(wh), None)


def _readings(cursor: Cursor[TupleRow], question: Mapping[str, Any], horizon: int) -> Iterator[tuple[str, Gap]]:
    for operator_id, location_id, key, uid, session_id, begin, end, limit, wh in cursor.execute(_READINGS, question):
        if end is not None or horizon - begin > limit:
            risk = None if wh is None else Fraction(wh)
            kind = GapKind.READINGS_STOP
            yield key, Gap(operator_id, location_id, uid, begin, kind, session_id, end, risk, None)


def _with_risk(cursor: Cursor[TupleRow], location_key: str, gap: Gap) -> Gap:
    """Of messages that are missing what the EVSE's sessions took meanwhile; a quarter hour in part counts in part."""
    if gap.kind is not GapKind.MISSING_MESSAGES or gap.end is None:
        return gap
    span = (moment_of(gap.end), moment_of(gap.begin))
    asked = (gap.operator_id, location_key, gap.evse_uid, *span)
    quarters = (
        pair for row in cursor.execute(_ENERGY, asked, binary=True) for pair in zip(row[0], row[1], strict=True)
    )
    return gap._replace(risk_wh=_within(quarters, gap.begin, gap.end))


def _within(quarters: Iterable[tuple[int, str]], begin: int, end: int) -> Exact:
    total: Exact = 0
    for quarter, wh in quarters:
        first = quarter * QUARTER_US
        shared = min(end, first + QUARTER_US) - max(begin, first)
        if shared > 0:
            total += exactly(wh) * Fraction(shared, QUARTER_US)
    return total
