"""Settlements that the clock has to look at, since something was told of them or taken from them, and what waits."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from uuid import UUID

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.money import minor_of

# Also where it stands already: whoever looks at it has it locked, and it has to be looked at again after that.
_LOOK = """
INSERT INTO intake.receipt_to_look_at (stream_id)
SELECT stream_id FROM unnest(%s::uuid[]) AS stream_id ORDER BY stream_id
ON CONFLICT (stream_id) DO UPDATE SET stream_id = excluded.stream_id
"""
_TO_LOOK_AT = "SELECT stream_id FROM intake.receipt_to_look_at ORDER BY stream_id LIMIT %s"
_LOCK = """
SELECT stream_id FROM intake.receipt_to_look_at WHERE stream_id = ANY(%s) ORDER BY stream_id FOR UPDATE
"""
_LOOKED_AT = "DELETE FROM intake.receipt_to_look_at WHERE stream_id = ANY(%s)"
_WAITING = """
SELECT settlement, source, id, data FROM intake.parked
WHERE settlement = ANY(%s) AND type = 'payment.settled.item' AND NOT EXISTS (
    SELECT FROM intake.reference
    WHERE reference.kind = 'top_up' AND reference.ref = parked.ref
)
"""
# The items of invoices and disputes; those of settlements have a reading of their own.
_WAITING_CDRS = """
SELECT settlement, source, id, ref FROM intake.parked
WHERE settlement = ANY(%s) AND kind = 'cdr' ORDER BY settlement, source, id
"""


def look_at(cursor: Cursor[TupleRow], stream_ids: Collection[UUID]) -> None:
    """Have the clock look at settlements."""
    if stream_ids:
        cursor.execute(_LOOK, (list(stream_ids),))


def to_look_at(cursor: Cursor[TupleRow], at_most: int) -> list[UUID]:
    """Settlements that are to be looked at; not locked, since the heads of their streams have to be locked first."""
    return [row[0] for row in cursor.execute(_TO_LOOK_AT, (at_most,)).fetchall()]


def looked_at(cursor: Cursor[TupleRow], stream_ids: Sequence[UUID]) -> list[UUID]:
    """Note that settlements are looked at in this transaction; those that nobody else has looked at meanwhile."""
    if not stream_ids:
        return []
    found = [row[0] for row in cursor.execute(_LOCK, (list(stream_ids),)).fetchall()]
    cursor.execute(_LOOKED_AT, (found,))
    return found


def waiting_lines(
    cursor: Cursor[TupleRow], stream_ids: Sequence[UUID]
) -> dict[UUID, list[tuple[str, str, str, str, int]]]:
    """The lines of settlements that no session claims: source, id, payment, currency and gross in minor units."""
    found: dict[UUID, list[tuple[str, str, str, str, int]]] = defaultdict(list)
    if stream_ids:
        for stream_id, source, id_, raw in cursor.execute(_WAITING, (list(stream_ids),)).fetchall():
            data = orjson.loads(raw)
            gross = data["gross"]
            amount = minor_of(gross)
            found[stream_id].append((source, id_, data["payment_id"], gross["currency"], amount))
    return found


def waiting_cdrs(cursor: Cursor[TupleRow], stream_ids: Sequence[UUID]) -> dict[UUID, list[tuple[str, str, str]]]:
    """The items of invoices and disputes that no session claims: source, id and CDR."""
    found: dict[UUID, list[tuple[str, str, str]]] = defaultdict(list)
    if stream_ids:
        for stream_id, *item in cursor.execute(_WAITING_CDRS, (list(stream_ids),)).fetchall():
            found[stream_id].append((item[0], item[1], item[2]))
    return found
