"""Nobody who writes events writes their chain: the database does, however they were stored."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
from psycopg import Connection
from psycopg.errors import InsufficientPrivilege, InvalidParameterValue, RestrictViolation
from psycopg.rows import TupleRow

from ledger.audit.chain import check_stored
from ledger.audit.report import Tally
from ledger.audit.snapshot import open_snapshot
from ledger.database import Role, connect
from ledger.errors import MachineryFault
from ledger.events.store import StoredEvent, append

INSERT = (
    "INSERT INTO event_store.stored_events (originator_id, originator_version, topic, state) VALUES (%s, 1, %s, %s)"
)


def _found(dsn: str) -> list[str]:
    tally = Tally()
    with open_snapshot(dsn) as snapshot:
        check_stored(snapshot, (), tally)
    return [finding.sentence for finding in tally.findings]


def _links(dsn: str) -> list[tuple[int, int]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute("SELECT number, total FROM event_store.chain ORDER BY number").fetchall()


def test_sets_and_single_rows_are_chained_alike_also_in_one_transaction(
    book: str, writer: Connection[TupleRow]
) -> None:
    append(writer.cursor(), [StoredEvent(uuid4(), 1, "überall", b"\0\xff" * n) for n in range(20)])
    writer.execute(INSERT, (uuid4(), "single", b"{}"))
    append(writer.cursor(), [StoredEvent(uuid4(), 1, "x", b"")])
    writer.execute(
        INSERT.replace("VALUES", "SELECT").replace("(%s, 1, %s, %s)", "%s, 1, %s, %s WHERE false"), (uuid4(), "", b"")
    )
    writer.commit()
    writer.execute(INSERT, (uuid4(), "rolled back", b""))
    writer.rollback()
    writer.execute(INSERT, (uuid4(), "behind a gap", b""))
    writer.commit()
    assert _links(book) == [(0, 0), (1, 20), (2, 21), (3, 22), (4, 23)]
    assert _found(book) == []


def test_whoever_stores_without_the_lock_is_chained_in_turn_or_refused(book: str) -> None:
    def store(_: int) -> int:
        try:
            with connect(book, Role.WRITER) as connection:
                connection.execute(INSERT, (uuid4(), "bare", b"x"))
                connection.commit()
        except MachineryFault:
            # Two that hold what the other wants: one of them is refused.
            return 0
        return 1

    with ThreadPoolExecutor(2) as threads:
        stored = sum(threads.map(store, range(6)))
    assert stored >= 1
    assert _links(book)[-1] == (stored, stored)
    assert _found(book) == []


def test_a_wrong_hash_is_found_and_what_is_none_refused(book: str, writer: Connection[TupleRow]) -> None:
    writer.execute("SELECT set_config('wattledger.events_hash', %s, true)", ("00" * 32,))
    writer.execute(INSERT, (uuid4(), "x", b"y"))
    writer.commit()
    (sentence,) = _found(book)
    assert sentence.startswith("row 1 of the chain (position 1) does not match its hash")
    for none in ("00", "zz"):
        writer.execute("SELECT set_config('wattledger.events_hash', %s, true)", (none,))
        with pytest.raises(InvalidParameterValue):
            writer.execute(INSERT, (uuid4(), "x", b"y"))
        writer.rollback()


@pytest.mark.parametrize("role", [Role.WRITER, Role.PROJECTOR, Role.AUDITOR])
def test_no_role_may_write_the_chain(role: Role, session: Callable[[Role], Connection[TupleRow]]) -> None:
    for statement in (
        "INSERT INTO event_store.chain SELECT * FROM event_store.chain",
        "UPDATE event_store.chain SET hash = sha256('')",
        "DELETE FROM event_store.chain",
        "TRUNCATE event_store.chain",
        "SELECT event_store.hash_of_link(chain, NULL, '') FROM event_store.chain",
        """
        CREATE TEMP TABLE mine (LIKE event_store.stored_events);
        CREATE TRIGGER mine AFTER INSERT ON mine EXECUTE FUNCTION event_store.chain_events()
        """,
    ):
        with session(role) as connection, pytest.raises(InsufficientPrivilege):
            connection.execute(statement.encode())


def test_not_even_a_superuser_changes_the_chain_by_a_plain_statement(book: str) -> None:
    for statement in ("UPDATE event_store.chain SET total = 1", "DELETE FROM event_store.chain"):
        with psycopg.connect(book, options="-c session_replication_role=replica") as connection:
            with pytest.raises(RestrictViolation):
                connection.execute(statement.encode())
            connection.rollback()
