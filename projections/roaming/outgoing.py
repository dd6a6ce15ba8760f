"""What goes out to a connection: the newest state of what is marked, and what came of sending it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString, TypeAlias

from psycopg import Cursor
from psycopg.rows import TupleRow

from projections.roaming.marks import Mark

# The party that an object is for, "" for whatever the connection itself sees; its operator; its id, folded.
Key: TypeAlias = tuple[str, str, str]

# What a party has of its own takes the place of what everybody has.
_SEEN: LiteralString = """
LEFT JOIN LATERAL (
    SELECT CASE WHEN %(newer)s THEN coalesce(document_2_3_0, document) ELSE document END AS document
    FROM roaming.object
    WHERE module = %(module)s AND object.operator_id = asked.operator_id AND object.object_id = asked.object_id
      AND object.partner IN ('', coalesce(nullif(asked.partner, ''), %(connection)s))
    ORDER BY object.partner DESC LIMIT 1
) AS seen ON true
"""
_NEWEST: LiteralString = f"""
SELECT asked.partner, asked.operator_id, asked.object_id, seen.document, gone.document
FROM unnest(%(partners)s::text[], %(operators)s::text[], %(ids)s::text[]) AS asked (partner, operator_id, object_id)
{_SEEN}
LEFT JOIN LATERAL (
    SELECT document FROM roaming.withdrawn
    WHERE module = %(module)s AND withdrawn.operator_id = asked.operator_id AND withdrawn.object_id = asked.object_id
      AND withdrawn.partner IN ('', coalesce(nullif(asked.partner, ''), %(connection)s))
    ORDER BY withdrawn.partner DESC LIMIT 1
) AS gone ON seen.document IS NULL
"""  # noqa: S608 - conditions of ours
# Those that were never sent as they are now: never at all, or marked since.
_UNSENT: LiteralString = f"""
SELECT asked.partner, asked.operator_id, asked.object_id, seen.document
FROM (SELECT %(partner)s, %(operator)s, id FROM unnest(%(ids)s::text[]) AS id)
    AS asked (partner, operator_id, object_id)
{_SEEN}
WHERE seen.document IS NOT NULL AND (
    NOT EXISTS (
        SELECT FROM roaming.sent
        WHERE (sent.connection, sent.module, sent.partner, sent.operator_id, sent.object_id)
            = (%(connection)s, %(module)s, asked.partner, asked.operator_id, asked.object_id)
    )
    OR EXISTS (
        SELECT FROM roaming.mark
        WHERE (mark.connection, mark.module, mark.partner, mark.operator_id, mark.object_id)
            = (%(connection)s, %(module)s, asked.partner, asked.operator_id, asked.object_id)
    )
)
"""  # noqa: S608 - conditions of ours
_REMEMBER = """
INSERT INTO roaming.sent (connection, module, partner, operator_id, object_id)
SELECT %s, %s, * FROM unnest(%s::text[], %s::text[], %s::text[])
ON CONFLICT (connection, module, partner, operator_id, object_id) DO UPDATE SET at = clock_timestamp()
"""
_FORGET = """
DELETE FROM roaming.sent USING unnest(%s::text[], %s::text[], %s::text[]) AS gone (partner, operator_id, object_id)
WHERE connection = %s AND module = %s
  AND (sent.partner, sent.operator_id, sent.object_id) = (gone.partner, gone.operator_id, gone.object_id)
"""
_TALLY = """
INSERT INTO roaming.push_tally AS known (connection, module, cause, number, last_at, last_said)
SELECT %s, %s, cause, number, clock_timestamp(), said
FROM unnest(%s::text[], %s::bigint[], %s::text[]) AS row (cause, number, said)
ON CONFLICT (connection, module, cause) DO UPDATE
SET number = known.number + excluded.number, last_at = excluded.last_at, last_said = excluded.last_said
"""
_DROP = "DELETE FROM roaming.mark WHERE connection = %s AND module = %s"

# Pushes that were taken are counted under no cause.
TAKEN = ""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An object to be sent: its JSON as the connection sees it now, or what it was where it is no more."""

    document: bytes | None
    withdrawn: bytes | None = None


def newest(
    cursor: Cursor[TupleRow], connection: str, module: str, marks: Sequence[Mark], *, newer: bool
) -> dict[Key, Outgoing]:
    """The newest state of what is marked; `newer` asks for the documents of 2.3.0."""
    given = {
        "connection": connection,
        "module": module,
        "newer": newer,
        "partners": [each.partner for each in marks],
        "operators": [each.operator_id for each in marks],
        "ids": [each.object_id for each in marks],
    }
    return {(row[0], row[1], row[2]): Outgoing(row[3], row[4]) for row in cursor.execute(_NEWEST, given)}


def unsent(
    cursor: Cursor[TupleRow], connection: str, module: str, key: tuple[str, str], ids: Iterable[str], *, newer: bool
) -> dict[Key, bytes]:
    """Those of some objects that a connection was never sent as they are now; `key` is (partner, operator)."""
    given = {
        "connection": connection,
        "module": module,
        "newer": newer,
        "partner": key[0],
        "operator": key[1],
        "ids": sorted(ids),
    }
    return {(row[0], row[1], row[2]): row[3] for row in cursor.execute(_UNSENT, given)}


def remember(cursor: Cursor[TupleRow], connection: str, module: str, keys: Iterable[Key]) -> None:
    """Note that objects were sent."""
    if found := sorted(keys):
        cursor.execute(_REMEMBER, (connection, module, *_columns(found)))


def forget(cursor: Cursor[TupleRow], connection: str, module: str, keys: Iterable[Key]) -> None:
    """Note that objects were taken back."""
    if found := sorted(keys):
        cursor.execute(_FORGET, (*_columns(found), connection, module))


def drop(cursor: Cursor[TupleRow], connection: str, module: str) -> None:
    """Forget all marks of a module that a partner has no interface for."""
    cursor.execute(_DROP, (connection, module))


def tally(cursor: Cursor[TupleRow], connection: str, module: str, came_of_it: Mapping[str, tuple[int, str]]) -> None:
    """Count pushes by what came of them: cause (`TAKEN` for none) to how many, and what the last one said."""
    if came_of_it:
        numbers = [number for number, _ in came_of_it.values()]
        said = [text[:300] for _, text in came_of_it.values()]
        cursor.execute(_TALLY, (connection, module, list(came_of_it), numbers, said))


def _columns(keys: Sequence[Key]) -> list[list[Any]]:
    return [list(column) for column in zip(*keys, strict=True)]
