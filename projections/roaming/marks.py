"""Marks of what connections are to be sent: made with the objects, read by who pushes, taken off once sent.

A mark names an object and holds nothing of it, so that whatever is sent is its newest state.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

# Whoever pushes listens to it; the payload is the party of a connection, or empty for any.
CHANNEL = "roaming_push"

# Which connections an object concerns. What a party has of its own takes the place of what everybody has; behind a
# hub it goes to that party alone.
_MARK: LiteralString = """
WITH changed (partner, operator_id, object_id, parts) AS (
    SELECT partner, operator_id, object_id,
           CASE WHEN jsonb_typeof(parts) = 'array' THEN ARRAY(SELECT jsonb_array_elements_text(parts)) END
    FROM jsonb_to_recordset(%(changed)s) AS row (partner text, operator_id text, object_id text, parts jsonb)
), concerned AS (
    SELECT recipient.connection,
           CASE WHEN recipient.via_hub OR %(own)s THEN changed.partner ELSE '' END AS partner,
           changed.operator_id, changed.object_id, changed.parts
    FROM changed JOIN roaming.concerned AS recipient ON recipient.partner = changed.partner
    WHERE changed.partner <> ''
    UNION ALL
    SELECT broadcast.connection, '', changed.operator_id, changed.object_id, changed.parts
    FROM changed CROSS JOIN (SELECT DISTINCT connection FROM roaming.concerned) AS broadcast
    WHERE changed.partner = '' AND NOT EXISTS (
        SELECT FROM roaming.object AS own
        WHERE (own.module, own.partner, own.operator_id, own.object_id)
            = (%(module)s, broadcast.connection, changed.operator_id, changed.object_id)
    )
), marked AS (
    INSERT INTO roaming.mark AS known (connection, module, partner, operator_id, object_id, parts, gone)
    SELECT connection, %(module)s, partner, operator_id, object_id,
           CASE WHEN count(*) = count(parts) THEN max(parts) END, %(gone)s
    FROM concerned
    GROUP BY connection, partner, operator_id, object_id
    ORDER BY connection, partner, operator_id, object_id
    ON CONFLICT (connection, module, partner, operator_id, object_id) DO UPDATE
    SET version = nextval('roaming.mark_version'), not_before = 'epoch', gone = excluded.gone,
        parts = CASE WHEN known.parts IS NOT NULL AND excluded.parts IS NOT NULL
                     THEN ARRAY(SELECT DISTINCT unnest(known.parts || excluded.parts) ORDER BY 1) END
    RETURNING connection
)
SELECT pg_notify('roaming_push', connection) FROM (SELECT DISTINCT connection FROM marked) AS told
"""
# What is for a party behind a hub waits while that one is offline there.
_IS_REACHED: LiteralString = """
(partner = '' OR (partner, connection) IN (SELECT partner, connection FROM roaming.recipient))
"""
_DUE: LiteralString = f"""
SELECT partner, operator_id, object_id, since, parts, version, attempts FROM roaming.mark
WHERE connection = %(connection)s AND module = %(module)s AND not_before <= clock_timestamp() AND NOT gone
  AND {_IS_REACHED}
ORDER BY not_before, since, partner, operator_id, object_id
LIMIT %(limit)s
"""  # noqa: S608 - conditions of ours
# What a location may still name at the partner is taken back behind it.
_DUE_BACK: LiteralString = f"""
SELECT partner, operator_id, object_id, since, parts, version, attempts FROM roaming.mark
WHERE connection = %(connection)s AND module = %(module)s AND not_before <= clock_timestamp() AND gone
  AND {_IS_REACHED}
  AND NOT EXISTS (
    SELECT FROM roaming.mark AS before
    WHERE (before.connection, before.module, before.operator_id) = (%(connection)s, 'locations', mark.operator_id)
      AND before.parts IS NULL AND {_IS_REACHED}
  )
ORDER BY not_before, since, partner, operator_id, object_id
LIMIT %(limit)s
"""  # noqa: S608 - conditions of ours
_NEXT_AT: LiteralString = f"""
SELECT min(not_before) FROM roaming.mark
WHERE connection = %s AND module = %s AND not_before > clock_timestamp() AND {_IS_REACHED}
"""  # noqa: S608 - conditions of ours
# Locked in one order, as those that mark do: neither waits for the other for ever.
_READ_AS: LiteralString = """
WITH read AS (
    SELECT * FROM unnest(%(partners)s::text[], %(operators)s::text[], %(ids)s::text[], %(versions)s::bigint[],
                         %(waits)s::interval[]) AS read (partner, operator_id, object_id, version, wait)
), held AS (
    SELECT mark.connection, mark.module, mark.partner, mark.operator_id, mark.object_id, read.wait
    FROM roaming.mark JOIN read USING (partner, operator_id, object_id, version)
    WHERE mark.connection = %(connection)s AND mark.module = %(module)s
    ORDER BY mark.connection, mark.partner, mark.operator_id, mark.object_id
    FOR UPDATE OF mark
)
"""
_TAKE_OFF: LiteralString = f"""
{_READ_AS}
DELETE FROM roaming.mark AS mark USING held
WHERE (mark.connection, mark.module, mark.partner, mark.operator_id, mark.object_id)
    = (held.connection, held.module, held.partner, held.operator_id, held.object_id)
"""  # noqa: S608 - conditions of ours
_PUT_OFF: LiteralString = f"""
{_READ_AS}
UPDATE roaming.mark AS mark
SET attempts = attempts + %(failed)s::int, not_before = clock_timestamp() + held.wait
FROM held
WHERE (mark.connection, mark.module, mark.partner, mark.operator_id, mark.object_id)
    = (held.connection, held.module, held.partner, held.operator_id, held.object_id)
"""  # noqa: S608 - conditions of ours
_MAKE_WHOLE = """
UPDATE roaming.mark SET parts = NULL
WHERE connection = %s AND parts IS NOT NULL AND since <= clock_timestamp() - make_interval(secs => %s)
"""
# All that a connection sees, whether it changed or not; behind a hub of each party that it reaches.
_MARK_AGAIN = """
INSERT INTO roaming.mark (connection, module, partner, operator_id, object_id)
SELECT DISTINCT %(connection)s, %(module)s, CASE WHEN recipient.via_hub OR %(own)s THEN object.partner ELSE '' END,
       object.operator_id, object.object_id
FROM roaming.object
LEFT JOIN roaming.recipient ON recipient.partner = object.partner AND recipient.connection = %(connection)s
WHERE object.module = %(module)s AND (object.partner = '' OR recipient.connection IS NOT NULL)
  AND (%(since)s::timestamptz IS NULL OR object.last_updated >= %(since)s)
ORDER BY 1, 3, 4, 5
ON CONFLICT (connection, module, partner, operator_id, object_id) DO UPDATE
SET version = nextval('roaming.mark_version'), not_before = 'epoch', attempts = 0, parts = NULL
"""
_WAKE = "SELECT pg_notify('roaming_push', %s)"


@dataclass(frozen=True, slots=True)
class Changed:
    """An object that is new, another, or no more; `parts` are the EVSEs of whose status alone it is another."""

    partner: str
    operator_id: str
    object_id: str
    parts: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """What a connection is to be sent, as it was when it was read."""

    partner: str
    operator_id: str
    object_id: str
    since: datetime
    parts: list[str] | None
    version: int
    attempts: int


def mark(
    cursor: Cursor[TupleRow], module: str, changed: Iterable[Changed], *, own_alone: bool = False, gone: bool = False
) -> None:
    """Mark objects for all connections that they concern, and wake who pushes; the objects are stored already.

    `own_alone` for modules of which each object is one party's; `gone` for objects that are no more.
    """
    rows = [
        {"partner": c.partner, "operator_id": c.operator_id, "object_id": c.object_id, "parts": c.parts}
        for c in changed
    ]
    if rows:
        cursor.execute(_MARK, {"module": module, "own": own_alone, "gone": gone, "changed": json.dumps(rows)})


def mark_again(
    cursor: Cursor[TupleRow], connection: str, module: str, since: datetime | None, *, own_alone: bool = False
) -> int:
    """Mark what a connection sees of a module to be sent whole, if it changed since a moment; how many objects."""
    given = {"connection": connection, "module": module, "since": since, "own": own_alone}
    number = cursor.execute(_MARK_AGAIN, given).rowcount
    cursor.execute(_WAKE, (connection,))
    return number


def due(cursor: Cursor[TupleRow], connection: str, module: str, limit: int, *, gone: bool = False) -> list[Mark]:
    """What a connection is to be sent now, the longest wait first; or what is `gone`, and named nowhere any more."""
    given = {"connection": connection, "module": module, "limit": limit}
    with cursor.connection.cursor(row_factory=class_row(Mark)) as rows:
        return rows.execute(_DUE_BACK if gone else _DUE, given).fetchall()


def next_at(cursor: Cursor[TupleRow], connection: str, module: str) -> datetime | None:
    """When the next mark of a module is due by the clock; None where none is."""
    row = cursor.execute(_NEXT_AT, (connection, module)).fetchone()
    return row[0] if row is not None else None


def take_off(cursor: Cursor[TupleRow], connection: str, module: str, marks: Sequence[Mark]) -> None:
    """Forget marks whose objects were taken; what was marked again meanwhile stays."""
    if marks:
        cursor.execute(_TAKE_OFF, _named(connection, module, marks))


def put_off(
    cursor: Cursor[TupleRow],
    connection: str,
    module: str,
    waits: Sequence[tuple[Mark, timedelta]],
    *,
    failed: bool = False,
) -> None:
    """Leave objects alone, each for its own time, and look at others before them; what is marked again is due again.

    `failed` where they were sent and something broke at them, and not where they are only early.
    """
    if waits:
        named = _named(connection, module, [each for each, _ in waits])
        cursor.execute(_PUT_OFF, {**named, "waits": [wait for _, wait in waits], "failed": failed})


def make_whole(cursor: Cursor[TupleRow], connection: str, older_s: float = 0.0) -> None:
    """Send whole objects of what waits for so long: who was away may have missed more than the last change."""
    cursor.execute(_MAKE_WHOLE, (connection, older_s))


def _named(connection: str, module: str, marks: Sequence[Mark]) -> Mapping[str, Any]:
    return {
        "connection": connection,
        "module": module,
        "partners": [each.partner for each in marks],
        "operators": [each.operator_id for each in marks],
        "ids": [each.object_id for each in marks],
        "versions": [each.version for each in marks],
        "waits": [None for _ in marks],
    }
