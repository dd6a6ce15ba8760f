"""Facts about a payment or a CDR that wait until a session claims it, and the references that tell which one does."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.fact import RecordedFact
from domain.values import value
from ledger.arrays import columns

_PARK = """
INSERT INTO intake.parked (kind, ref, type, source, id, event_time, data, settlement)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::bytea[],
    %s::uuid[])
ON CONFLICT DO NOTHING
"""
_REFER = """
INSERT INTO intake.reference (kind, ref, session_id)
SELECT DISTINCT * FROM unnest(%s::text[], %s::text[], %s::text[]) ORDER BY 1, 2, 3
ON CONFLICT DO NOTHING
"""
# Whether anything waits for one of these.
_AWAITED = """
SELECT EXISTS (
    SELECT FROM intake.parked JOIN unnest(%s::text[], %s::text[]) AS made (kind, ref) USING (kind, ref)
)
"""
# Sessions that claim parked facts, but for those that are set aside. The first that are found: to order them would
# be to look at all that waits, for every set anew.
_CLAIMING = """
SELECT DISTINCT session_id FROM (
    SELECT reference.session_id
    FROM intake.parked
    JOIN intake.reference USING (kind, ref)
    JOIN intake.session_head USING (session_id)
    WHERE session_head.fault IS NULL
    LIMIT %s
) AS claiming
"""
# The parked facts that these sessions claim; whoever takes one deletes it in the same transaction.
_CLAIMED = """
SELECT parked.kind, parked.ref, parked.type, parked.source, parked.id, parked.event_time, parked.data,
       parked.settlement,
       (SELECT array_agg(reference.session_id) FROM intake.reference
        WHERE reference.kind = parked.kind AND reference.ref = parked.ref)
FROM intake.parked
WHERE (kind, ref) IN (SELECT kind, ref FROM intake.reference WHERE session_id = ANY(%s)){alone}
ORDER BY parked.event_time, parked.source, parked.id
FOR UPDATE OF parked{held}
"""
# What several sessions claim is left where it is, and so is what somebody else is about to take.
_ALONE = """
  AND NOT EXISTS (SELECT FROM intake.reference WHERE kind = parked.kind AND ref = parked.ref OFFSET 1)"""
_TAKE, _TAKE_ALONE = _CLAIMED.format(alone="", held=""), _CLAIMED.format(alone=_ALONE, held=" SKIP LOCKED")
_UNPARK = """
DELETE FROM intake.parked USING unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
    AS taken (kind, ref, type, source, id)
WHERE parked.kind = taken.kind AND parked.ref = taken.ref AND parked.type = taken.type
  AND parked.source = taken.source AND parked.id = taken.id
"""

# What stands for `payment` where it topped a wallet up, whose id then stands in place of a session's.
_TOP_UP = "top_up"


@value
class Parked:
    """A fact about a payment or a CDR (`kind`), by its reference (`ref`); `settlement` is the stream of a line's."""

    kind: str
    ref: str
    fact: RecordedFact
    settlement: UUID | None = None


def park(cursor: Cursor[TupleRow], parked: Sequence[Parked]) -> None:
    """Have facts wait."""
    rows = [
        (p.kind, p.ref, p.fact.type, p.fact.source, p.fact.id, p.fact.time, orjson.dumps(p.fact.data), p.settlement)
        for p in parked
    ]
    if rows:
        cursor.execute(_PARK, [list(column) for column in zip(*rows, strict=True)])


def unpark(cursor: Cursor[TupleRow], parked: Sequence[Parked]) -> None:
    """Have facts wait no longer; those that were taken already stay where they are."""
    rows = [(p.kind, p.ref, p.fact.type, p.fact.source, p.fact.id) for p in parked]
    if rows:
        cursor.execute(_UNPARK, columns(rows))


def add_references(cursor: Cursor[TupleRow], references: Sequence[tuple[str, str, str]]) -> bool:
    """Note (kind, ref, session id); whether any parked fact waits for one of them."""
    if not references:
        return False
    kinds, refs, sessions = columns(references)
    cursor.execute(_REFER, (kinds, refs, sessions))
    row = cursor.execute(_AWAITED, (kinds, refs)).fetchone()
    return bool(row and row[0])


def sessions_with_claims(cursor: Cursor[TupleRow], limit: int) -> list[str]:
    """Sessions that claim facts which wait for them."""
    return [row[0] for row in cursor.execute(_CLAIMING, (limit,)).fetchall()]


# Settlements of which a line waits for one of these payments.
_SETTLEMENTS = """
SELECT DISTINCT settlement FROM intake.parked JOIN unnest(%s::text[]) AS ref USING (ref)
WHERE kind = 'payment' AND settlement IS NOT NULL
"""


def refer_top_ups(cursor: Cursor[TupleRow], top_ups: Sequence[tuple[str, str]]) -> set[UUID]:
    """Note payments that topped wallets up, by reference and wallet id; the settlements that have a line of one.

    Such a line waits for no session: the money is on the account of its provider, and the wallet has it.
    """
    if not top_ups:
        return set()
    refs, wallets = columns(top_ups)
    cursor.execute(_REFER, ([_TOP_UP] * len(top_ups), refs, wallets))
    return {row[0] for row in cursor.execute(_SETTLEMENTS, (refs,)).fetchall()}


class Claimed(NamedTuple):
    """What sessions claimed: each fact with its session, and the streams of the settlements that lines were of."""

    facts: list[tuple[str, RecordedFact]]
    settlements: set[UUID]


def take_claimed(cursor: Cursor[TupleRow], session_ids: Sequence[str], *, alone: bool = False) -> Claimed:
    """Take the facts that sessions claim; they no longer wait.

    With `alone` only those that one session claims and nobody else is about to take: whoever has the sessions locked
    already waits for nobody then.
    """
    rows = cursor.execute(_TAKE_ALONE if alone else _TAKE, (list(session_ids),)).fetchall()
    if rows:
        cursor.execute(_UNPARK, [list(column) for column in zip(*(row[:5] for row in rows), strict=True)])
    facts = [
        (session_id, RecordedFact(type_, source, id_, time, orjson.loads(data)))
        for _, _, type_, source, id_, time, data, _, claimed_by in rows
        for session_id in claimed_by
    ]
    return Claimed(facts, {row[7] for row in rows if row[7] is not None})
