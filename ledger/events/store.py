"""The event store: streams of events appended in the caller's transaction, read back, and followed in one order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast
from uuid import UUID

from psycopg import Cursor
from psycopg.errors import UniqueViolation
from psycopg.rows import TupleRow

from domain.named_ids import named_id
from ledger.copy_rows import EVENT_COLUMNS, event_rows
from ledger.errors import ConcurrencyConflict
from ledger.events.chain import events_hash

SCHEMA = "event_store"
TABLE = "stored_events"

# Events are appended as the recorders of the `eventsourcing` library do it: lock, notify, insert. The lock is the
# library's, taken by a function of the owner's: it would need a right to change rows otherwise.
LOCK = "SELECT event_store.lock_for_append()"

# The same with the hash of what is appended, which the chain takes in (`event_store.chain_events`): the server would
# take several times as long.
_LOCK_WITH_HASH = f"{LOCK}, set_config('wattledger.events_hash', %s, true)"

# The library's channel has the name of the table.
_NOTIFY = f"NOTIFY {TABLE}"

# By binary COPY, which gives no ids back and is several times as fast as the library's INSERT (decision 36).
_COPY_EVENTS = f"COPY event_store.stored_events ({EVENT_COLUMNS}) FROM STDIN (FORMAT BINARY)"

# All events of some streams, each stream in its order; ids as bytes, which are looked up sooner.
_READ_STREAMS = """
SELECT uuid_send(originator_id), originator_version, topic, state
FROM event_store.stored_events
WHERE originator_id = ANY(%s)
ORDER BY originator_id, originator_version
"""

# What was committed after a position, in the order of commit.
_FOLLOW = """
SELECT notification_id, originator_id, originator_version, topic, state
FROM event_store.stored_events
WHERE notification_id > %s
ORDER BY notification_id
LIMIT %s
"""

# The last position that is committed.
_LAST_POSITION = "SELECT coalesce(max(notification_id), 0) FROM event_store.stored_events"


class StoredEvent(NamedTuple):
    """An event as stored: its stream, its version in the stream, the topic naming its type, and its bytes.

    It is the row that COPY writes, and there are thousands in a batch, hence a tuple.
    """

    stream_id: UUID
    version: int
    topic: str
    state: bytes


@dataclass(frozen=True, slots=True)
class Notification:
    """A stored event with its position in the order of all events; positions grow and may skip numbers."""

    position: int
    stream_id: UUID
    version: int
    topic: str
    state: bytes


def event_id(stream_id: UUID, version: int) -> UUID:
    """The id of a stored event, as entries name their cause and as messages made of it are known by."""
    return named_id(stream_id, f"event:{version}")


def append(cursor: Cursor[TupleRow], events: Sequence[StoredEvent]) -> None:
    """Append events in the cursor's transaction; none is a no-op.

    From here to the end of the transaction no other one can append: do it last, after everything that may wait for
    a row, and commit. Not for use in pipeline mode.
    Raises ConcurrencyConflict when a version of a stream is stored already; the transaction is to be rolled back.
    """
    if not events:
        return
    rows = event_rows(events)
    try:
        cursor.execute(_LOCK_WITH_HASH, (events_hash(rows),), prepare=True)
        cursor.execute(_NOTIFY)
        with cursor.copy(_COPY_EVENTS) as copy:
            copy.write(rows)
    except UniqueViolation as error:
        raise ConcurrencyConflict(
            f"a version of a stream is stored already ({error.diag.message_detail}): "
            "roll back, read the stream again and decide anew"
        ) from error


def read_streams(cursor: Cursor[TupleRow], stream_ids: Sequence[UUID]) -> dict[UUID, list[StoredEvent]]:
    """The events of each stream in order of version, in one query; a stream without events has an empty list."""
    streams: dict[UUID, list[StoredEvent]] = {stream_id: [] for stream_id in stream_ids}
    if streams:
        found = {stream_id.bytes: (stream_id, events) for stream_id, events in streams.items()}
        for id_, version, topic, state in cursor.execute(_READ_STREAMS, (list(streams),), binary=True).fetchall():
            stream_id, events = found[id_]
            events.append(StoredEvent(stream_id, version, topic, state))
    return streams


def follow(cursor: Cursor[TupleRow], after: int, limit: int) -> list[Notification]:
    """Up to `limit` events behind the position `after`, in order: what is missing here will never appear later."""
    cursor.execute(_FOLLOW, (after, limit), binary=True)
    return [Notification(*row) for row in cursor]


def last_position(cursor: Cursor[TupleRow]) -> int:
    """The position of the event committed last; 0 in an empty store."""
    row = cursor.execute(_LAST_POSITION).fetchone()
    return cast("int", row[0]) if row else 0
