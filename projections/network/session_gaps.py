"""Gaps in what was told of sessions: replaced when the session changes, or the one before it at its plug."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.exact import Exact, half_up
from domain.network.gaps import JUMP_MIN_WH, at_plug, reading_gaps
from ledger.arrays import array, columns
from projections.network.batch import Batch, UseChange

# Wh are kept to so many places: registers have no more.
_PLACES = 9

# The sessions that follow some others at their plugs.
_FOLLOWING = """
SELECT following.session_id
FROM projection.plug_session_row AS own
CROSS JOIN LATERAL (
    SELECT session_id FROM projection.plug_session_row AS later
    WHERE later.generation = own.generation AND later.operator_id = own.operator_id
      AND later.evse_key = own.evse_key AND later.connector_key = own.connector_key
      AND (later.began_us, later.session_id) > (own.began_us, own.session_id)
    ORDER BY later.began_us, later.session_id LIMIT 1
) AS following
WHERE own.generation = %s AND own.session_id = ANY(%s)
"""
_DROP_PLUGS = "DELETE FROM projection.plug_session_row WHERE generation = %s AND session_id = ANY(%s)"
_PUT_PLUGS = """
INSERT INTO projection.plug_session_row (generation, session_id, operator_id, location_id, location_key, evse_uid,
    evse_key, connector_key, began_us, ended_us, start_wh, stop_wh)
SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
                         %s::bigint[], %s::bigint[], %s::numeric[], %s::numeric[])
"""
_JUMPS = """
UPDATE projection.plug_session_row AS kept
SET jump_us = CASE WHEN kept.start_wh - found.stop_wh >= %(least)s THEN found.ended_us END,
    jump_wh = CASE WHEN kept.start_wh - found.stop_wh >= %(least)s THEN kept.start_wh - found.stop_wh END
FROM (
    SELECT own.session_id, earlier.stop_wh, earlier.ended_us
    FROM projection.plug_session_row AS own
    LEFT JOIN LATERAL (
        SELECT stop_wh, ended_us FROM projection.plug_session_row AS before
        WHERE before.generation = own.generation AND before.operator_id = own.operator_id
          AND before.evse_key = own.evse_key AND before.connector_key = own.connector_key
          AND (before.began_us, before.session_id) < (own.began_us, own.session_id)
        ORDER BY before.began_us DESC, before.session_id DESC LIMIT 1
    ) AS earlier ON true
    WHERE own.generation = %(generation)s AND own.session_id = ANY(%(sessions)s)
) AS found
WHERE kept.generation = %(generation)s AND kept.session_id = found.session_id
"""
_DROP_READINGS = "DELETE FROM projection.reading_gap_row WHERE generation = %s AND session_id = ANY(%s)"
_PUT_READINGS = """
INSERT INTO projection.reading_gap_row (generation, session_id, begin_us, end_us, limit_us, risk_wh, operator_id,
    location_id, location_key, evse_uid)
SELECT %s, * FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::numeric[], %s::text[], %s::text[],
                         %s::text[], %s::text[])
"""


@dataclass(frozen=True, slots=True)
class SessionGaps:
    """Keeps sessions at their plugs with the jumps between them, and where readings stop."""

    topics: frozenset[str] = frozenset()
    tables: tuple[str, ...] = ("plug_session_row", "reading_gap_row")

    def apply(self, cursor: Cursor[TupleRow], generation: int, batch: Batch) -> None:
        """Put the gaps of the sessions that a set changes in place of those that were known."""
        if not batch.changes:
            return
        _keep_readings(cursor, generation, batch.changes)
        # One that was not over before and is not now is at no plug.
        over = [each for each in batch.changes if each.after.ended_at is not None or _was_over(each)]
        if over:
            _keep_plugs(cursor, generation, over)


def _was_over(change: UseChange) -> bool:
    return change.before is not None and change.before.ended_at is not None


def _keep_readings(cursor: Cursor[TupleRow], generation: int, changes: Sequence[UseChange]) -> None:
    rows: list[tuple[Any, ...]] = []
    for change in changes:
        use = change.after
        place = (use.operator_id, use.location_id, use.location_id.casefold(), use.evse_uid)
        for gap in reading_gaps(use, change.facts):
            risk = None if gap.risk_wh is None else _text(gap.risk_wh)
            rows.append((use.session_id, gap.begin, gap.end, gap.limit, risk, *place))
    known = [change.after.session_id for change in changes if change.before is not None]
    if known:
        cursor.execute(_DROP_READINGS, (generation, array(sorted(known))))
    if rows:
        cursor.execute(_PUT_READINGS, (generation, *columns(sorted(rows, key=lambda row: (row[0], row[1])))))


def _keep_plugs(cursor: Cursor[TupleRow], generation: int, changes: Sequence[UseChange]) -> None:
    rows: list[tuple[Any, ...]] = []
    for change in changes:
        use, plug = change.after, at_plug(change.after, change.facts)
        if plug is not None:
            place = (use.location_id, use.location_id.casefold(), use.evse_uid, use.evse_uid.casefold())
            registers = (_text(plug.start_wh), _text(plug.stop_wh))
            key = (use.session_id, use.operator_id)
            rows.append((*key, *place, use.connector_id.casefold(), plug.began, plug.ended, *registers))
    ids = sorted(change.after.session_id for change in changes)
    known = sorted(change.after.session_id for change in changes if _was_over(change))
    touched = set(ids)
    if known:
        touched |= _following(cursor, generation, known)
        cursor.execute(_DROP_PLUGS, (generation, array(known)))
    if rows:
        cursor.execute(_PUT_PLUGS, (generation, *columns(sorted(rows))))
        touched |= _following(cursor, generation, ids)
    asked = {"generation": generation, "sessions": array(sorted(touched)), "least": JUMP_MIN_WH}
    cursor.execute(_JUMPS, asked)


def _following(cursor: Cursor[TupleRow], generation: int, session_ids: Sequence[str]) -> set[str]:
    return {session_id for (session_id,) in cursor.execute(_FOLLOWING, (generation, array(session_ids)))}


def _text(value: Exact) -> str:
    """Wh as decimal text."""
    if isinstance(value, int):
        return f"{value}.{0:0{_PLACES}d}"
    scaled = half_up(Fraction(value).numerator * 10**_PLACES, Fraction(value).denominator)
    whole, part = divmod(abs(scaled), 10**_PLACES)
    return f"{'-' if scaled < 0 else ''}{whole}.{part:0{_PLACES}d}"
