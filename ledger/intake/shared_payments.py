"""Payments that several sessions claim: which of them have sessions that may not know what the others captured."""

from collections.abc import Collection, Mapping, Sequence

from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.arrays import array
from ledger.events.store import LOCK

_NOTE = """
INSERT INTO intake.shared_payment (ref)
SELECT ref FROM intake.reference JOIN unnest(%s::text[]) AS ref USING (ref)
WHERE kind = 'payment'
GROUP BY ref HAVING count(*) > 1
ON CONFLICT (ref) DO UPDATE SET ref = excluded.ref
RETURNING ref
"""
# With a session that is set aside they wait until it is taken back.
_SESSIONS = """
SELECT DISTINCT session_id FROM intake.reference
WHERE kind = 'payment' AND ref IN (
    SELECT ref FROM intake.shared_payment WHERE NOT EXISTS (
        SELECT FROM intake.reference AS claim JOIN intake.session_head USING (session_id)
        WHERE claim.kind = 'payment' AND claim.ref = shared_payment.ref AND session_head.fault IS NOT NULL
    )
    ORDER BY ref LIMIT %s
)
ORDER BY session_id
"""
_SHARED_BY = """
SELECT reference.ref, array_agg(reference.session_id ORDER BY reference.session_id)
FROM intake.shared_payment JOIN intake.reference USING (ref) JOIN intake.session_head USING (session_id)
WHERE reference.kind = 'payment'
GROUP BY reference.ref
HAVING bool_or(reference.session_id = ANY(%s)) AND bool_and(session_head.fault IS NULL)
ORDER BY reference.ref
"""
_FORGET = """
DELETE FROM intake.shared_payment USING unnest(%s::text[], %s::int[]) AS told (ref, sessions)
WHERE shared_payment.ref = told.ref AND told.sessions = (
    SELECT count(*) FROM intake.reference WHERE kind = 'payment' AND reference.ref = told.ref
)
"""


def note_shared(cursor: Cursor[TupleRow], refs: Collection[str]) -> bool:
    """Of payments of which something was captured, note those that have several sessions; whether any has."""
    if not refs:
        return False
    return bool(cursor.execute(_NOTE, (array(list(refs)),)).fetchall())


def sessions_of_shared(cursor: Cursor[TupleRow], payments: int) -> list[str]:
    """The sessions of some payments that were noted."""
    return [row[0] for row in cursor.execute(_SESSIONS, (payments,)).fetchall()]


def shared_by(cursor: Cursor[TupleRow], session_ids: Sequence[str]) -> dict[str, list[str]]:
    """The payments that were noted of which these sessions have a part, each with all its sessions."""
    return dict(cursor.execute(_SHARED_BY, (array(session_ids),)).fetchall())


def forget_shared(cursor: Cursor[TupleRow], told: Mapping[str, int]) -> None:
    """Forget payments whose sessions know of each other; one that has got another session meanwhile stays noted."""
    if told:
        cursor.execute(LOCK)
        cursor.execute(_FORGET, (list(told), list(told.values())))
