"""Matters between operators and the platform, as the clock finds them: those due, and those to judge again."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.values import reader_of, value
from ledger.arrays import columns

# A matter that was judged is stale no longer.
_SAVE = """
INSERT INTO intake.matter (stream_id, operator_id, due_at, acts_until, waits, stale)
SELECT *, false FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::bool[])
ON CONFLICT (stream_id) DO UPDATE SET operator_id = excluded.operator_id, due_at = excluded.due_at,
    acts_until = excluded.acts_until, waits = excluded.waits, stale = false
"""
# Those that the clock judges: by its moment, or since other terms of the operator are known.
_CHOOSE = """
SELECT stream_id FROM intake.matter WHERE stale
UNION SELECT stream_id FROM intake.matter WHERE due_at <= %s
ORDER BY stream_id LIMIT %s
"""
# New terms concern what acts while they are in effect, and all that waited for the first of them.
_MARK = """
UPDATE intake.matter SET stale = true
WHERE operator_id = %s AND (waits OR acts_until >= %s) AND NOT stale
"""
# They may say otherwise when people are told of a balance below zero.
_LOOK_AGAIN = """
UPDATE intake.operator_finding SET due_at = '1970-01-01T00:00:00Z'
WHERE operator_id = %s AND kind = 'NEGATIVE_BALANCE'
"""


@value
class MatterHead:
    """What a matter's row says, its fields in the order of the columns."""

    stream_id: UUID
    operator_id: str
    due_at: datetime | None
    acts_until: datetime
    waits: bool


_values = reader_of(("stream_id", "operator_id", "due_at", "acts_until", "waits"))


def save_matters(cursor: Cursor[TupleRow], heads: Sequence[MatterHead]) -> None:
    """Write the rows of matters that were judged, whose streams this transaction has locked."""
    if heads:
        cursor.execute(_SAVE, columns([_values(head) for head in heads]))


def choose_matters(cursor: Cursor[TupleRow], until: datetime, at_most: int) -> list[UUID]:
    """The streams of matters that are due by a moment, or are to be judged again."""
    return [stream_id for (stream_id,) in cursor.execute(_CHOOSE, (until, at_most)).fetchall()]


def mark_matters(cursor: Cursor[TupleRow], operator_id: str, changed_from: datetime) -> None:
    """Have the matters of an operator judged again that other terms than before may rule, and its balances."""
    cursor.execute(_MARK, (operator_id, changed_from))
    cursor.execute(_LOOK_AGAIN, (operator_id,))
