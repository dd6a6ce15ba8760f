"""The part of `network` that knows which session was the first of its driver at an operator."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TypeAlias

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.network.moments import microsecond_of
from domain.network.session_use import SessionUse
from domain.network.use import DIRECT
from ledger.arrays import array, columns

TABLE = "driver_session_row"

# Operator, driver, start in microseconds, session, local date of the start, channel.
Row: TypeAlias = tuple[str, str, int, str, date, str]

_BEFORE = """
SELECT operator_id, driver, started_us, session_id, date, channel
FROM projection.driver_session_row WHERE generation = %s AND session_id = ANY(%s)
"""
_FORGET = """
DELETE FROM projection.driver_session_row AS kept
USING unnest(%s::text[], %s::text[], %s::bigint[], %s::text[]) AS gone (operator_id, driver, started_us, session_id)
WHERE kept.generation = %s AND (kept.operator_id, kept.driver, kept.started_us, kept.session_id)
    = (gone.operator_id, gone.driver, gone.started_us, gone.session_id)
"""
_PUT = """
INSERT INTO projection.driver_session_row
    (generation, operator_id, driver, started_us, session_id, date, channel, is_first)
SELECT %s, new.*, false
FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[], %s::date[], %s::text[]) AS new
"""
# The first of each driver is marked, and what was it before no more.
_MARK = """
WITH touched AS MATERIALIZED (
    SELECT driver.operator_id, driver.driver, earliest.started_us, earliest.session_id
    FROM unnest(%(operators)s::text[], %(drivers)s::text[]) AS driver (operator_id, driver)
    CROSS JOIN LATERAL (
        SELECT started_us, session_id FROM projection.driver_session_row AS kept
        WHERE kept.generation = %(generation)s AND kept.operator_id = driver.operator_id
          AND kept.driver = driver.driver
        ORDER BY started_us, session_id LIMIT 1
    ) AS earliest
), unmarked AS (
    UPDATE projection.driver_session_row AS kept SET is_first = false
    FROM touched
    WHERE kept.generation = %(generation)s AND kept.is_first
      AND (kept.operator_id, kept.driver) = (touched.operator_id, touched.driver)
      AND (kept.started_us, kept.session_id) <> (touched.started_us, touched.session_id)
)
UPDATE projection.driver_session_row AS kept SET is_first = true
FROM touched
WHERE kept.generation = %(generation)s AND NOT kept.is_first
  AND (kept.operator_id, kept.driver, kept.started_us, kept.session_id)
    = (touched.operator_id, touched.driver, touched.started_us, touched.session_id)
"""


def place_drivers(
    cursor: Cursor[TupleRow], generation: int, uses: Mapping[str, SessionUse], days: Mapping[str, date]
) -> None:
    """Put these sessions under their drivers, on the days on which they start; those that took no time under none."""
    if not uses:
        return
    before: set[Row] = set(cursor.execute(_BEFORE, (generation, array(list(uses)))).fetchall())
    now = {_row(use, days[session_id]) for session_id, use in uses.items() if session_id in days and use.driver}
    gone, new = sorted(before - now), sorted(now - before)
    if gone:
        cursor.execute(_FORGET, (*columns([row[:4] for row in gone]), generation))
    if new:
        cursor.execute(_PUT, (generation, *columns(new)))
    touched: Sequence[tuple[str, str]] = sorted({row[:2] for row in (*gone, *new)})
    if touched:
        operators, drivers = columns(touched)
        cursor.execute(_MARK, {"operators": operators, "drivers": drivers, "generation": generation})


def _row(use: SessionUse, day: date) -> Row:
    assert use.started_at is not None
    assert use.driver is not None
    return use.operator_id, use.driver, microsecond_of(use.started_at), use.session_id, day, use.partner or DIRECT
