"""The part of `network` that keeps when sessions' money came: what each payout pays of each session, and when.

A row is a session and a payout: the positive net of the session's entries that the payout pays. What failed or came
back and is paid again belongs to the first attempt: it is handed over once (J35) and paid when the attempt is that
arrives and does not come back (J36 without J39).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.bookings import PayoutInitiated, PayoutReturned, PayoutSettled
from domain.book.standing import Booked, Retracted
from domain.payout.events import PayoutCreated
from ledger.arrays import columns
from ledger.events.codec import decode
from projections.movements import EventSet, booked
from projections.network.batch import Batch

_CREATED = PayoutCreated.__name__
# What tells when a payout was handed over, was paid and came back, with the column that keeps it.
_COLUMN_OF = {PayoutInitiated: "handed_at", PayoutSettled: "settled_at", PayoutReturned: "returned_at"}
_MOMENTS = frozenset(f"{wrapper.__name__}.{kind.__name__}" for wrapper in (Booked, Retracted) for kind in _COLUMN_OF)

# Attempts as they are made; a repetition is of the same lines as the first one of its chain.
_ATTEMPT = """
INSERT INTO projection.payout_attempt_row (generation, payout_id, first_id, operator_id)
SELECT made.generation, made.payout_id,
       coalesce((
           SELECT first_id FROM projection.payout_attempt_row AS before
           WHERE before.generation = made.generation AND before.payout_id = made.reissue_of
       ), made.reissue_of, made.payout_id), made.operator_id
FROM (SELECT %s::int, %s::text, %s::text, %s::text) AS made (generation, payout_id, reissue_of, operator_id)
ON CONFLICT (generation, payout_id) DO NOTHING
"""
# What first attempts pay of each session. Its end is what its facts say, or when its price acts where they say none.
_SESSIONS = """
INSERT INTO projection.session_cash_row (generation, payout_id, session_id, operator_id, currency, amount, priced_at,
                                         ended_at)
SELECT paid.generation, paid.payout_id, paid.session_id, paid.operator_id, paid.currency, paid.amount,
       paid.priced_at, coalesce(session.ended_at, paid.priced_at)
FROM (
    SELECT made.generation, made.payout_id, entry.session_id, line.operator_id, line.currency,
           sum(line.amount) AS amount, min(line.effective_at) AS priced_at
    FROM unnest(%s::int[], %s::text[], %s::text[], %s::text[]) AS made (generation, payout_id, operator_id, entry_ids)
    CROSS JOIN LATERAL unnest(made.entry_ids::uuid[]) AS pays (entry_id)
    JOIN intake.line AS line USING (entry_id, operator_id)
    JOIN book.entry AS entry USING (entry_id)
    WHERE entry.session_id IS NOT NULL
    GROUP BY made.generation, made.payout_id, entry.session_id, line.operator_id, line.currency
    HAVING sum(line.amount) > 0
) AS paid
LEFT JOIN projection.session_use_row AS session
    ON session.generation = paid.generation AND session.session_id = paid.session_id
ORDER BY paid.payout_id, paid.session_id
"""
# The moments of attempts, each as the last decision about it left it.
_MOVE = """
WITH of AS (SELECT %s::int AS generation)
UPDATE projection.payout_attempt_row AS kept
SET handed_at = CASE WHEN told.handed THEN told.handed_at ELSE kept.handed_at END,
    settled_at = CASE WHEN told.settled THEN told.settled_at ELSE kept.settled_at END,
    returned_at = CASE WHEN told.returned THEN told.returned_at ELSE kept.returned_at END
FROM unnest(%s::text[], %s::bool[], %s::timestamptz[], %s::bool[], %s::timestamptz[], %s::bool[], %s::timestamptz[])
    AS told (payout_id, handed, handed_at, settled, settled_at, returned, returned_at)
WHERE kept.generation = (SELECT generation FROM of) AND kept.payout_id = told.payout_id
RETURNING kept.first_id
"""
# When the money of chains was handed over and paid, on the rows of their sessions.
_COME = """
WITH came AS (
    SELECT first_id, min(handed_at) AS handed_at, min(settled_at) FILTER (WHERE returned_at IS NULL) AS paid_at
    FROM projection.payout_attempt_row
    WHERE generation = %(generation)s AND first_id = ANY(%(first)s)
    GROUP BY first_id
)
UPDATE projection.session_cash_row AS kept
SET handed_at = came.handed_at, paid_at = came.paid_at
FROM came
WHERE kept.generation = %(generation)s AND kept.payout_id = came.first_id
  AND (kept.handed_at, kept.paid_at) IS DISTINCT FROM (came.handed_at, came.paid_at)
"""
# The ends of sessions that are told otherwise by now.
_END = """
UPDATE projection.session_cash_row AS kept
SET ended_at = coalesce(session.ended_at, kept.priced_at)
FROM projection.session_use_row AS session
WHERE kept.generation = %(generation)s AND kept.session_id = ANY(%(sessions)s)
  AND session.generation = kept.generation AND session.session_id = kept.session_id
  AND kept.ended_at <> coalesce(session.ended_at, kept.priced_at)
"""


@dataclass(frozen=True, slots=True)
class SessionCashPart:
    """Keeps what payouts pay of sessions; it comes behind the part that keeps when sessions ended."""

    topics: frozenset[str] = frozenset({_CREATED}) | _MOMENTS
    tables: tuple[str, ...] = ("session_cash_row", "payout_attempt_row")

    def apply(self, cursor: Cursor[TupleRow], generation: int, batch: Batch) -> None:
        """Take a set in."""
        made = [decode(topic, state) for topic, state in batch.pairs if topic == _CREATED]
        if made:
            _make(cursor, generation, made)
        first = _moved(cursor, generation, EventSet(batch.pairs, batch.places))
        if first:
            cursor.execute(_COME, {"generation": generation, "first": first})
        ended = sorted(
            change.after.session_id
            for change in batch.changes
            if (change.before.ended_at if change.before else None) != change.after.ended_at
        )
        if ended:
            cursor.execute(_END, {"generation": generation, "sessions": ended})


def _make(cursor: Cursor[TupleRow], generation: int, made: Sequence[PayoutCreated]) -> None:
    for each in made:
        cursor.execute(_ATTEMPT, (generation, each.payout_id, each.reissue_of, each.operator_id))
    first = [each for each in made if each.reissue_of is None]
    if first:
        entries = [f"{{{','.join(str(UUID(entry_id)) for entry_id in each.entry_ids)}}}" for each in first]
        ids = [each.payout_id for each in first]
        cursor.execute(_SESSIONS, ([generation] * len(first), ids, [each.operator_id for each in first], entries))


def _moved(cursor: Cursor[TupleRow], generation: int, events: EventSet) -> list[str]:
    """Keep the moments that a set tells of; the first attempts of the chains that they are of."""
    told: dict[str, dict[str, datetime | None]] = {}
    for (decision, _), _place in booked(events):
        column = _COLUMN_OF.get(type(decision.booking))
        payout_id = decision.booking.payout_id
        if column is not None and payout_id is not None:
            at = decision.booking.effective_at if type(decision) is Booked else None
            told.setdefault(payout_id, {})[column] = at
    if not told:
        return []
    rows = [
        [payout_id, *(part for column in _COLUMN_OF.values() for part in (column in of, of.get(column)))]
        for payout_id, of in sorted(told.items())
    ]
    found = cursor.execute(_MOVE, (generation, *columns(rows))).fetchall()
    return sorted({first for (first,) in found})
