"""The event store: streams of events appended in the caller's transaction, read back, and followed in one order."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, cast
from uuid import UUID

from eventsourcing import persistence
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg import Connection, Cursor
from psycopg.errors import UniqueViolation
from psycopg.rows import DictRow, TupleRow
from psycopg.sql import SQL

from ledger.copy_rows import EVENT_COLUMNS, event_rows
from ledger.errors import ConcurrencyConflict

SCHEMA = "event_store"
TABLE = "stored_events"

# Events go in by binary COPY, three times as fast here as an INSERT of composite values.
_COPY_EVENTS = f"COPY event_store.stored_events ({EVENT_COLUMNS}) FROM STDIN (FORMAT BINARY)"

# The lock is the library's, taken by a function of the owner's: it would need a right to change rows otherwise.
_LOCK = SQL("SELECT event_store.lock_for_append()")

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


class EventRecorder(PostgresApplicationRecorder):
    """The library's recorder, inserting by COPY under the library's own protocol: lock, notify, insert."""

    def __init__(self, datastore: PostgresDatastore, *, events_table_name: str = TABLE) -> None:
        super().__init__(datastore, events_table_name=events_table_name)
        # The library would also set a lock timeout, over one that the caller may have chosen for the transaction.
        self.lock_table_statements = [_LOCK]

    def append_rows(self, cursor: Cursor[Any], rows: Iterable[tuple[UUID, int, str, bytes]]) -> None:
        """COPY (stream id, version, topic, state) rows in the cursor's transaction; others wait until it ends."""
        self._lock_table(cursor)
        self._notify_channel(cursor)
        with cursor.copy(_COPY_EVENTS) as copy:
            copy.write(event_rows(rows))

    def insert_events(self, stored_events: Sequence[persistence.StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Insert the library's own events in a transaction of their own; the ids of a COPY are not known."""
        with self.datastore.get_connection() as connection, connection.transaction(), connection.cursor() as cursor:
            self._insert_events(cursor, stored_events, **kwargs)
            if stored_events:
                self._insert_stored_events(cursor, stored_events, **kwargs)
        return None

    def _insert_stored_events(
        self, curs: Cursor[DictRow], stored_events: Sequence[persistence.StoredEvent], **_: Any
    ) -> None:
        rows = [(UUID(str(e.originator_id)), e.originator_version, e.topic, e.state) for e in stored_events]
        self.append_rows(curs, rows)


class _NoDatastore(PostgresDatastore):
    """A datastore without connections: append uses the caller's, so nothing may open another."""

    def __init__(self) -> None:
        super().__init__(dbname="", host="", port="", user="", password="", schema=SCHEMA)

    def register_type_adapters(self) -> None:
        """COPY sends plain columns, so no composite type has to be looked up."""

    @contextmanager
    def get_connection(self) -> Iterator[Connection[DictRow]]:
        """Refuses: whoever reads or writes events here has a connection already."""
        raise persistence.ProgrammingError(
            "events are appended in the caller's transaction: use ledger.events.store.append"
        )


@cache
def _recorder() -> EventRecorder:
    return EventRecorder(_NoDatastore())


def append(cursor: Cursor[TupleRow], events: Sequence[StoredEvent]) -> None:
    """Append events in the cursor's transaction; none is a no-op.

    From here to the end of the transaction no other one can append: do it last, after everything that may wait for
    a row, and commit. Not for use in pipeline mode.
    Raises ConcurrencyConflict when a version of a stream is stored already; the transaction is to be rolled back.
    """
    if not events:
        return
    try:
        _recorder().append_rows(cursor, events)
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
