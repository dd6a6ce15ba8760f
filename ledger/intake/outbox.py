"""What is to be sent: rows in order, each with the stored event or the dead letter that it is made of."""

from base64 import b64decode
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.intake.quarantine import DeadLetter
from ledger.locks import Lock, try_to_hold

# The next rows with their events. An assessment has no time of its own, nor has the end of a finding: the fact stored
# before it has. What a payout is that was handed off stands where it was made.
_READ = """
SELECT o.outbox_id, o.topic, o.record_key, o.deadletter_id, o.stream_id, o.version, event.topic, event.state,
    (SELECT fact.state FROM event_store.stored_events AS fact
     WHERE event.topic IN ('SessionAssessed', 'FindingEnded') AND fact.originator_id = o.stream_id
        AND fact.originator_version < o.version AND fact.topic ~ '^[a-z]'
     ORDER BY fact.originator_version DESC LIMIT 1),
    (SELECT made.state FROM event_store.stored_events AS made
     WHERE event.topic = 'PayoutHandedOff' AND made.originator_id = o.stream_id
        AND made.originator_version < o.version AND made.topic = 'PayoutCreated')
FROM intake.outbox AS o
LEFT JOIN event_store.stored_events AS event
    ON event.originator_id = o.stream_id AND event.originator_version = o.version
WHERE o.outbox_id <> ALL(%s)
ORDER BY o.outbox_id
LIMIT %s
"""
_READ_LETTERS = """
SELECT deadletter_id, topic, partition, record_offset, record_key, record_headers, record_value, code, path, sentence,
    event_source, event_id, event_type, recorded_at, replayed_at
FROM intake.deadletter WHERE deadletter_id = ANY(%s)
"""
_DELETE = "DELETE FROM intake.outbox WHERE outbox_id = ANY(%s)"
_IS_EMPTY = "SELECT NOT EXISTS (SELECT FROM intake.outbox WHERE outbox_id <> ALL(%s))"
_FIRST = "SELECT min(outbox_id) FROM intake.outbox WHERE outbox_id <> ALL(%s)"


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """A stored event to be sent; `fact_state` is the fact that it followed, where it has no time of its own.

    `made_state` is the event that made the payout which this one hands off.
    """

    outbox_id: int
    topic: str
    record_key: str
    stream_id: UUID
    version: int
    event_topic: str
    state: bytes
    fact_state: bytes | None
    made_state: bytes | None = None


@dataclass(frozen=True, slots=True)
class PendingLetter:
    """A dead letter to be sent."""

    outbox_id: int
    topic: str
    record_key: str
    letter: DeadLetter


def take_turn(cursor: Cursor[TupleRow]) -> bool:
    """Whether this transaction may send and delete; False while another one does."""
    return try_to_hold(cursor.connection, Lock.RELAY)


def pending(
    cursor: Cursor[TupleRow], limit: int, without: Collection[int] = ()
) -> list[PendingEvent | PendingLetter]:
    """The next rows to be sent, in order; `without` those that were set aside."""
    rows = cursor.execute(_READ, (list(without), limit), binary=True).fetchall()
    letters = _letters(cursor, [row[3] for row in rows if row[3] is not None])
    return [
        PendingEvent(*row[:3], *row[4:]) if row[3] is None else PendingLetter(row[0], row[1], row[2], letters[row[3]])
        for row in rows
    ]


def delete(cursor: Cursor[TupleRow], outbox_ids: Sequence[int]) -> None:
    """Forget rows that the broker has."""
    cursor.execute(_DELETE, (list(outbox_ids),))


def is_empty(cursor: Cursor[TupleRow], without: Collection[int] = ()) -> bool:
    """Whether nothing is left to be sent."""
    row = cursor.execute(_IS_EMPTY, (list(without),)).fetchone()
    return row is not None and bool(row[0])


def first(cursor: Cursor[TupleRow], without: Collection[int] = ()) -> int | None:
    """The row to be sent next; None where there is none."""
    row = cursor.execute(_FIRST, (list(without),)).fetchone()
    return None if row is None else row[0]


def _letters(cursor: Cursor[TupleRow], ids: Sequence[UUID]) -> dict[UUID, DeadLetter]:
    if not ids:
        return {}
    found = {}
    for row in cursor.execute(_READ_LETTERS, (list(ids),)).fetchall():
        headers = tuple((name, b64decode(value)) for name, value in row[5])
        found[row[0]] = replace(DeadLetter(*row), headers=headers)
    return found
