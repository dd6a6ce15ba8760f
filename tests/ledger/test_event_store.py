"""Events are appended once, in the caller's transaction, read back by stream and followed without gaps."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection, Cursor
from psycopg.errors import LockNotAvailable, RestrictViolation
from psycopg.rows import TupleRow

from ledger.database import Role, connect
from ledger.errors import ConcurrencyConflict
from ledger.events.store import StoredEvent, append, follow, last_position, read_streams

Session = Callable[[Role], Connection[TupleRow]]


def events_of(stream_id: UUID, versions: range) -> list[StoredEvent]:
    return [StoredEvent(stream_id, version, "SessionMetered", bytes([0, version])) for version in versions]


@pytest.fixture
def cursor(writer: Connection[TupleRow]) -> Cursor[TupleRow]:
    return writer.cursor()


def test_streams_come_back_in_order_of_version_whatever_was_asked_for(cursor: Cursor[TupleRow]) -> None:
    one, two, unknown = uuid4(), uuid4(), uuid4()
    append(cursor, events_of(one, range(1, 4)) + events_of(two, range(1, 2)))
    append(cursor, events_of(one, range(4, 6)))
    assert read_streams(cursor, [two, unknown, one, two]) == {
        two: events_of(two, range(1, 2)),
        unknown: [],
        one: events_of(one, range(1, 6)),
    }


def test_nothing_to_append_or_to_read_touches_nothing(cursor: Cursor[TupleRow]) -> None:
    append(cursor, [])
    assert read_streams(cursor, []) == {}
    assert follow(cursor, 0, 10) == []
    assert last_position(cursor) == 0


def test_events_are_gone_when_the_transaction_is_rolled_back(writer: Connection[TupleRow]) -> None:
    stream = uuid4()
    append(writer.cursor(), events_of(stream, range(1, 3)))
    writer.rollback()
    assert read_streams(writer.cursor(), [stream]) == {stream: []}


def test_a_version_stored_by_somebody_else_is_a_conflict(session: Session) -> None:
    stream = uuid4()
    first, second = session(Role.WRITER), session(Role.WRITER)
    append(first.cursor(), events_of(stream, range(1, 3)))
    first.commit()
    with pytest.raises(ConcurrencyConflict, match=f"{stream}.*decide anew"):
        append(second.cursor(), events_of(stream, range(2, 4)))
    second.rollback()
    assert read_streams(second.cursor(), [stream]) == {stream: events_of(stream, range(1, 3))}


def test_followers_read_in_order_from_any_position(cursor: Cursor[TupleRow]) -> None:
    stream = uuid4()
    append(cursor, events_of(stream, range(1, 11)))
    first = follow(cursor, 0, 4)
    rest = follow(cursor, first[-1].position, 100)
    assert [n.version for n in first + rest] == list(range(1, 11))
    assert {(n.stream_id, n.topic) for n in rest} == {(stream, "SessionMetered")}
    assert rest[0].state == bytes([0, 5])
    assert rest[-1].position == last_position(cursor)


def test_followers_never_pass_over_an_event_that_is_committed_later(book: str) -> None:
    writers, batches, per_batch = 3, 20, 5

    def write(_: int) -> None:
        with connect(book, Role.WRITER) as connection:
            for _batch in range(batches):
                append(connection.cursor(), events_of(uuid4(), range(1, per_batch + 1)))
                connection.commit()

    with ThreadPoolExecutor(writers) as pool, connect(book, Role.AUDITOR, autocommit=True) as follower:
        done = [pool.submit(write, number) for number in range(writers)]
        seen: list[int] = []
        while len(seen) < writers * batches * per_batch:
            finished = all(future.done() for future in done)
            found = follow(follower.cursor(), seen[-1] if seen else 0, 7)
            seen += [notification.position for notification in found]
            assert found or not finished, f"{len(seen)} events seen and no more to come"
        for future in done:
            future.result()
    assert seen == sorted(set(seen))


def test_one_transaction_at_a_time_numbers_events_while_others_read(session: Session) -> None:
    first, second = session(Role.WRITER), session(Role.WRITER)
    append(first.cursor(), events_of(uuid4(), range(1, 2)))
    second.execute("SET LOCAL lock_timeout = '20ms'")
    assert last_position(second.cursor()) == 0
    with pytest.raises(LockNotAvailable):
        append(second.cursor(), events_of(uuid4(), range(1, 2)))


def test_listeners_are_told_when_events_are_committed(session: Session, writer: Connection[TupleRow]) -> None:
    listener = session(Role.AUDITOR)
    listener.autocommit = True
    listener.execute("LISTEN stored_events")
    append(writer.cursor(), events_of(uuid4(), range(1, 2)))
    writer.commit()
    assert [n.channel for n in listener.notifies(timeout=10, stop_after=1)] == ["stored_events"]


@pytest.mark.parametrize("mode", ["origin", "replica"])
@pytest.mark.parametrize(
    "attack",
    [
        b"UPDATE event_store.stored_events SET topic = 'Other'",
        b"DELETE FROM event_store.stored_events WHERE false",
        b"TRUNCATE event_store.stored_events",
        (
            b"INSERT INTO event_store.stored_events SELECT * FROM event_store.stored_events "
            b"ON CONFLICT (originator_id, originator_version) DO UPDATE SET state = ''"
        ),
    ],
)
def test_not_even_a_superuser_changes_an_event(book: str, cursor: Cursor[TupleRow], mode: str, attack: bytes) -> None:
    append(cursor, events_of(uuid4(), range(1, 2)))
    cursor.connection.commit()
    with psycopg.connect(book) as superuser:
        superuser.execute(f"SET session_replication_role = {mode}".encode())
        with pytest.raises(RestrictViolation, match="stored_events is refused"):
            superuser.execute(attack)
