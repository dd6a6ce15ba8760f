"""Each role can do its own work and nothing else."""

from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest
from psycopg import Connection
from psycopg.errors import InsufficientPrivilege
from psycopg.rows import TupleRow

from domain.book.journal import Entry
from ledger.book.balances import balance
from ledger.book.journal import write_entries
from ledger.database import Role, open_connection
from ledger.events.store import StoredEvent, append, last_position

Session = Callable[[Role], Connection[TupleRow]]
NOT_WRITERS = [Role.PROJECTOR, Role.READER, Role.AUDITOR]

WRITES = [
    (
        "INSERT INTO event_store.stored_events (originator_id, originator_version, topic, state) "
        "VALUES (gen_random_uuid(), 1, 'x', '')"
    ),
    (
        "INSERT INTO book.posting (entry_id, line, account, currency, amount_minor) "
        "VALUES (gen_random_uuid(), 1, '4010', 'EUR', 1)"
    ),
    "INSERT INTO book.balance VALUES ('4010', 'EUR', 0, 1, 0, false, '{}')",
    "UPDATE book.balance SET debits = 1",
    (
        "INSERT INTO book.balance_history (account, currency, level, start, shard, debits, credits, split, "
        "listed) "
        "VALUES ('4010', 'EUR', 1, '2026-01-01T00:00:00Z', 0, 1, 0, false, '{}')"
    ),
    "UPDATE book.balance_history SET debits = 1",
    "SELECT event_store.lock_for_append()",
    "SELECT nextval('event_store.stored_events_notification_id_seq')",
]

# What not even the writer may do: choose what the database decides, or change what is recorded.
FORBIDDEN_TO_THE_WRITER = [
    (
        "INSERT INTO book.posting (entry_id, line, account, currency, amount_minor, tx) "
        "VALUES (gen_random_uuid(), 1, '4010', 'EUR', 1, '3')"
    ),
    (
        "INSERT INTO book.entry (entry_id, kind, effective_at, currency, posting_count, hash_version, cause, hash, "
        "tx) VALUES (gen_random_uuid(), 'J01', now(), 'EUR', 2, 1, gen_random_uuid(), sha256(''), '3')"
    ),
    (
        "INSERT INTO book.entry (entry_id, kind, effective_at, currency, posting_count, hash_version, cause, hash, "
        "recorded_at) VALUES (gen_random_uuid(), 'J01', now(), 'EUR', 2, 1, gen_random_uuid(), sha256(''), now())"
    ),
    "INSERT INTO event_store.stored_events VALUES (gen_random_uuid(), 1, 'x', '', 1)",
    "SELECT setval('event_store.stored_events_notification_id_seq', 1)",
    "UPDATE book.posting SET amount_minor = 1",
    "DELETE FROM book.entry",
    "DELETE FROM book.balance",
    "UPDATE book.balance SET account = '4010'",
    "DELETE FROM book.balance_history",
    "UPDATE book.balance_history SET start = now()",
    "TRUNCATE event_store.stored_events",
    "LOCK TABLE event_store.stored_events IN EXCLUSIVE MODE",
    "ALTER TABLE book.posting DISABLE TRIGGER USER",
    "SET session_replication_role = replica",
    "CREATE TABLE book.mine (id int)",
    "CREATE TABLE projection.mine (id int)",
    "DELETE FROM wattledger.migration",
]


@pytest.mark.parametrize("statement", WRITES)
@pytest.mark.parametrize("role", NOT_WRITERS)
def test_who_is_not_the_writer_writes_nothing(session: Session, role: Role, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        session(role).execute(statement.encode())


@pytest.mark.parametrize("statement", FORBIDDEN_TO_THE_WRITER)
def test_the_writer_only_adds_and_leaves_to_the_database_what_it_decides(session: Session, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        session(Role.WRITER).execute(statement.encode())


def test_the_writer_writes_and_the_others_read(session: Session, make_entry: Callable[..., Entry]) -> None:
    writer = session(Role.WRITER)
    write_entries(writer.cursor(), [make_entry(("1105/S-1", 1200), ("2011/OP-1", -1200))], shard=0)
    append(writer.cursor(), [StoredEvent(uuid4(), 1, "SessionStarted", b"{}")])
    writer.commit()
    for role in (Role.PROJECTOR, Role.READER, Role.AUDITOR):
        assert balance(session(role).cursor(), "1105/S-1", "EUR").debits == 1200
    for role in (Role.PROJECTOR, Role.AUDITOR):
        assert last_position(session(role).cursor()) == 1


def test_a_reader_does_not_see_the_events_which_name_drivers(session: Session) -> None:
    with pytest.raises(InsufficientPrivilege):
        last_position(session(Role.READER).cursor())


def test_the_projector_makes_and_drops_its_own_read_models(session: Session) -> None:
    projector = session(Role.PROJECTOR)
    projector.execute("CREATE TABLE projection.operator_balance (operator_id text)")
    projector.execute("TRUNCATE projection.operator_balance")
    projector.execute("DROP TABLE projection.operator_balance")


def test_what_migrations_add_to_the_projections_is_the_projectors_to_fill(book: str, session: Session) -> None:
    with psycopg.connect(book) as owner:
        owner.execute("SET ROLE wattledger_owner")
        owner.execute("CREATE TABLE projection.cdr (cdr_id bigserial, document text)")
    projector = session(Role.PROJECTOR)
    projector.execute("INSERT INTO projection.cdr (document) VALUES ('{}')")
    projector.execute("DELETE FROM projection.cdr")
    with pytest.raises(InsufficientPrivilege):
        session(Role.READER).execute("DELETE FROM projection.cdr")


def test_resetting_the_role_does_not_leave_it(session: Session) -> None:
    reader = session(Role.READER)
    reader.execute("RESET ROLE")
    assert reader.execute("SELECT current_user::text").fetchone() == (Role.READER.value,)


def test_no_role_can_log_in(book: str) -> None:
    with psycopg.connect(book) as server:
        rows = server.execute(
            r"SELECT rolname FROM pg_roles WHERE rolname LIKE 'wattledger\_%' AND rolcanlogin"
        ).fetchall()
    assert rows == []


def test_an_unknown_role_is_refused(book: str) -> None:
    with pytest.raises(ValueError, match="postgres"):
        open_connection(book, "postgres")
