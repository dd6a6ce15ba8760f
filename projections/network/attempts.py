"""Attempts to charge, from the sessions of the network that are over."""

from datetime import datetime
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.exact import Exact
from domain.network.attempts import Attempt
from domain.network.moments import microsecond_of
from projections.network.asked import Asked, sites_asked
from projections.network.session_uses import exactly

# What was void is no attempt; what is not over may yet come to something.
_ENDED = """
SELECT session.operator_id, session.location_key, session.evse_uid, session.started_at, session.session_id,
       session.location_id, session.ended_at, session.driver, session.energy_wh, session.left_out,
       (SELECT coalesce(sum(place * edge), 0)::bigint
        FROM (SELECT edge, CASE WHEN number %% 2 = 0 THEN 1 ELSE -1 END AS place
              FROM unnest(session.charging) WITH ORDINALITY AS moment (edge, number)) AS edges),
       session.quarter_wh
FROM projection.network AS session
JOIN unnest(%s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[])
    AS asked (operator_id, location_key, since, before)
  ON (asked.operator_id, asked.location_key) = (session.operator_id, session.location_key)
 AND session.started_at >= asked.since AND session.started_at < asked.before
WHERE session.ended_at IS NOT NULL AND session.left_out IS DISTINCT FROM 'VOIDED'
ORDER BY session.operator_id, session.location_key, session.started_at, session.session_id
"""
_FOREVER = ("-infinity", "infinity")


def attempts_of(cursor: Cursor[TupleRow], asked: Asked) -> list[Attempt]:
    """The attempts that began in what is asked for, by operator, site and moment."""
    sites = sites_asked(cursor, asked)
    rows = [
        (site.operator_id, site.location_key, _text(asked.begin(site.time_zone), 0), _text(before, 1))
        for site in sites
        for before in [asked.before(site.time_zone)]
    ]
    if not rows:
        return []
    named = [list(column) for column in zip(*rows, strict=True)]
    return [_attempt(row) for row in cursor.execute(_ENDED, named, binary=True)]


def _text(moment: datetime | None, end: int) -> str:
    return _FOREVER[end] if moment is None else moment.isoformat()


def _attempt(row: Any) -> Attempt:
    operator_id, location_key, uid, began, session_id, location_id, ended, driver, energy, left_out, charging, wh = (
        row
    )
    most: Exact | None = max((exactly(each) for each in wh), default=None)
    return Attempt(
        operator_id,
        location_key,
        uid.casefold(),
        microsecond_of(began),
        session_id,
        location_id,
        uid,
        microsecond_of(ended),
        driver,
        charging,
        exactly(energy),
        None if most is None else most * 4,
        left_out,
    )
