"""Every known way to make the book lie is refused by the database itself, whoever tries it."""

from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection
from psycopg.errors import (
    CheckViolation,
    ForeignKeyViolation,
    IntegrityError,
    RestrictViolation,
    UniqueViolation,
)
from psycopg.rows import TupleRow

from domain.book.journal import Entry
from ledger.book.journal import write_entries
from ledger.database import Role, open_connection

Session = Callable[[Role], Connection[TupleRow]]
Line = tuple[int, str, str, int]

PAIR: list[Line] = [(1, "1105/S-1", "EUR", 1200), (2, "2011/OP-1", "EUR", -1200)]
# What an attacker would add to an entry: a pair that keeps the sum at zero.
MORE: list[Line] = [(3, "2011/OP-1", "EUR", 900), (4, "2011/THIEF", "EUR", -900)]

ATTACKERS = ["writer", "superuser", "superuser in replica mode"]


def insert_lines(attacker: Connection[TupleRow], entry_id: UUID, lines: list[Line]) -> None:
    """All lines by one statement, as COPY would."""
    attacker.execute(
        "INSERT INTO book.posting (entry_id, line, account, currency, amount_minor) "
        "SELECT %s, * FROM unnest(%s::smallint[], %s::text[], %s::text[], %s::bigint[])",
        (entry_id, *map(list, zip(*lines, strict=True))),
    )


def seal(attacker: Connection[TupleRow], entry_id: UUID, count: int, currency: str = "EUR") -> None:
    attacker.execute(
        "INSERT INTO book.entry (entry_id, kind, effective_at, currency, posting_count, hash_version, cause, hash) "
        "VALUES (%s, 'J01', '2026-03-01T12:00:00Z', %s, %s, 1, gen_random_uuid(), sha256(''))",
        (entry_id, currency, count),
    )


def count_lines(connection: Connection[TupleRow]) -> int:
    row = connection.execute("SELECT count(*) FROM book.posting").fetchone()
    return int(row[0]) if row else -1


@pytest.fixture
def old_entry(writer: Connection[TupleRow]) -> UUID:
    """An entry of two lines that is committed."""
    entry_id = uuid4()
    insert_lines(writer, entry_id, PAIR)
    seal(writer, entry_id, 2)
    writer.commit()
    return entry_id


@pytest.fixture(params=ATTACKERS)
def attacker(request: pytest.FixtureRequest, book: str) -> Iterator[Connection[TupleRow]]:
    """Somebody with a connection, from the writer's to a superuser's who turned ordinary triggers off."""
    if request.param == "writer":
        connection: Connection[TupleRow] = open_connection(book, Role.WRITER)
    else:
        connection = psycopg.connect(book)
        if "replica" in request.param:
            connection.execute("SET session_replication_role = replica")
            connection.commit()
    with connection:
        yield connection
        connection.rollback()


def test_a_balanced_pair_cannot_join_an_old_entry(attacker: Connection[TupleRow], old_entry: UUID) -> None:
    with pytest.raises(IntegrityError, match="is sealed"):
        insert_lines(attacker, old_entry, MORE)


def test_a_balanced_pair_cannot_join_within_the_sealing_transaction(attacker: Connection[TupleRow]) -> None:
    entry_id = uuid4()
    insert_lines(attacker, entry_id, PAIR)
    seal(attacker, entry_id, 2)
    with pytest.raises(IntegrityError, match="is sealed"):
        insert_lines(attacker, entry_id, MORE)


@pytest.mark.parametrize("isolation", list(psycopg.IsolationLevel))
def test_a_balanced_pair_cannot_join_from_a_second_open_transaction(
    attacker: Connection[TupleRow], writer: Connection[TupleRow], isolation: psycopg.IsolationLevel
) -> None:
    attacker.isolation_level = isolation
    assert count_lines(attacker) == 0
    entry_id = uuid4()
    insert_lines(writer, entry_id, PAIR)
    # The entry is neither sealed nor visible yet, so the line itself goes in ...
    insert_lines(attacker, entry_id, MORE)
    seal(writer, entry_id, 2)
    writer.commit()
    # ... and cannot be committed, since it belongs to another transaction.
    with pytest.raises(ForeignKeyViolation):
        attacker.commit()
    assert count_lines(writer) == 2


def test_a_pair_cannot_be_committed_before_the_entry_either(
    attacker: Connection[TupleRow], writer: Connection[TupleRow]
) -> None:
    entry_id = uuid4()
    insert_lines(writer, entry_id, PAIR)
    insert_lines(attacker, entry_id, MORE)
    with pytest.raises(ForeignKeyViolation):
        attacker.commit()
    seal(writer, entry_id, 2)
    writer.commit()
    assert count_lines(writer) == 2


def test_lines_cannot_claim_the_transaction_of_another(book: str, writer: Connection[TupleRow]) -> None:
    entry_id = uuid4()
    insert_lines(writer, entry_id, PAIR)
    row = writer.execute("SELECT pg_current_xact_id()::text").fetchone()
    with psycopg.connect(book) as superuser, pytest.raises(IntegrityError, match="another transaction"):
        superuser.execute(
            "INSERT INTO book.posting (entry_id, line, account, currency, amount_minor, tx) "
            "VALUES (%s, 3, '2011/THIEF', 'EUR', -900, %s)",
            (entry_id, row[0] if row else ""),
        )


def test_lines_and_entry_cannot_slip_in_together_by_one_statement(attacker: Connection[TupleRow]) -> None:
    with pytest.raises(IntegrityError, match="is sealed"):
        attacker.execute(
            "WITH sealing AS (INSERT INTO book.entry (entry_id, kind, effective_at, currency, posting_count, "
            "hash_version, cause, hash) VALUES (%(id)s, 'J01', now(), 'EUR', 2, 1, %(id)s, sha256(''))) "
            "INSERT INTO book.posting (entry_id, line, account, currency, amount_minor) "
            "VALUES (%(id)s, 1, '1105', 'EUR', 1), (%(id)s, 2, '2011', 'EUR', -1)",
            {"id": uuid4()},
        )


UNSOUND: dict[str, tuple[list[Line], int]] = {
    "unbalanced": ([PAIR[0], (2, "2011/OP-1", "EUR", -1199)], 2),
    "balanced only across currencies": ([PAIR[0], (2, "2011/OP-1", "USD", -1200)], 2),
    "each currency balanced, but not all in the entry's": (
        [*PAIR, (3, "1510", "USD", 5), (4, "1510", "USD", -5)],
        4,
    ),
    "one line more than stated": ([*PAIR, (3, "4010", "EUR", 5), (4, "4010", "EUR", -5)], 3),
    "one line less than stated": (PAIR, 3),
    "a gap between the lines": ([PAIR[0], (3, "2011/OP-1", "EUR", -1200)], 2),
    "a sum that is zero only when it wraps": (
        [(1, "1105", "EUR", 2**63 - 1), (2, "1105", "EUR", 2**63 - 1), (3, "2011", "EUR", 2)],
        3,
    ),
}


@pytest.mark.parametrize("name", UNSOUND)
def test_an_unsound_entry_is_refused(attacker: Connection[TupleRow], name: str) -> None:
    lines, stated = UNSOUND[name]
    entry_id = uuid4()
    insert_lines(attacker, entry_id, lines)
    with pytest.raises(IntegrityError, match=f"entry {entry_id} is not balanced"):
        seal(attacker, entry_id, stated)


def test_an_entry_without_lines_is_refused(attacker: Connection[TupleRow]) -> None:
    with pytest.raises(IntegrityError, match="is not balanced"):
        seal(attacker, uuid4(), 2)


@pytest.mark.parametrize("count", [-1, 0, 1, 65])
def test_an_entry_states_from_2_to_64_lines(attacker: Connection[TupleRow], count: int) -> None:
    with pytest.raises(CheckViolation):
        seal(attacker, uuid4(), count)


def test_one_unsound_entry_refuses_the_whole_set(attacker: Connection[TupleRow]) -> None:
    good, bad = uuid4(), uuid4()
    insert_lines(attacker, good, PAIR)
    insert_lines(attacker, bad, [PAIR[0]])
    with pytest.raises(IntegrityError, match=f"entry {bad} is not balanced"):
        attacker.execute(
            "INSERT INTO book.entry (entry_id, kind, effective_at, currency, posting_count, hash_version, cause, "
            "hash) SELECT id, 'J01', now(), 'EUR', 2, 1, id, sha256('') FROM unnest(%s::uuid[]) AS id",
            ([good, bad],),
        )


def test_lines_without_an_entry_are_refused(attacker: Connection[TupleRow]) -> None:
    insert_lines(attacker, uuid4(), PAIR)
    with pytest.raises(ForeignKeyViolation):
        attacker.commit()


def test_an_entry_rolled_back_to_a_savepoint_leaves_no_lines(attacker: Connection[TupleRow]) -> None:
    entry_id = uuid4()
    insert_lines(attacker, entry_id, PAIR)
    with attacker.transaction(force_rollback=True):
        seal(attacker, entry_id, 2)
    with pytest.raises(ForeignKeyViolation):
        attacker.commit()


BAD_LINES: list[Line] = [
    (1, "1105", "EUR", 0),
    (0, "1105", "EUR", 1),
    (65, "1105", "EUR", 1),
    (1, "", "EUR", 1),
    (1, "1105/" + "S" * 296, "EUR", 1),
    (1, "1105/Zoë", "EUR", 1),
    (1, "1105/\n", "EUR", 1),
]


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_line_that_makes_no_sense_is_refused(attacker: Connection[TupleRow], line: Line) -> None:
    with pytest.raises(CheckViolation):
        insert_lines(attacker, uuid4(), [line])


def test_a_line_is_written_once(attacker: Connection[TupleRow]) -> None:
    entry_id = uuid4()
    insert_lines(attacker, entry_id, PAIR)
    with pytest.raises(UniqueViolation):
        insert_lines(attacker, entry_id, PAIR)


CHANGES = [
    "UPDATE book.entry SET kind = 'J02'",
    "UPDATE book.posting SET amount_minor = -amount_minor",
    "UPDATE book.posting SET amount_minor = 1 WHERE false",
    "DELETE FROM book.entry",
    "DELETE FROM book.posting",
    "TRUNCATE book.posting",
    "TRUNCATE book.entry, book.posting",
    "TRUNCATE book.entry CASCADE",
    "INSERT INTO book.posting SELECT * FROM book.posting ON CONFLICT (entry_id, line) DO UPDATE SET amount_minor = 1",
    "MERGE INTO book.posting USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
]


@pytest.mark.parametrize("replication_role", ["origin", "replica"])
@pytest.mark.parametrize("change", CHANGES)
def test_not_even_a_superuser_changes_the_book(
    book: str, old_entry: UUID, change: str, replication_role: str
) -> None:
    with psycopg.connect(book) as superuser:
        superuser.execute(f"SET session_replication_role = {replication_role}".encode())
        with pytest.raises(RestrictViolation, match="is never changed, only added to"):
            superuser.execute(change.encode())
        superuser.rollback()
        assert count_lines(superuser) == 2


def test_the_owner_is_no_exception(book: str, old_entry: UUID) -> None:
    with psycopg.connect(book) as owner:
        owner.execute("SET ROLE wattledger_owner")
        with pytest.raises(RestrictViolation):
            owner.execute("DELETE FROM book.posting WHERE entry_id = %s", (old_entry,))


def whole_table_scans(connection: Connection[TupleRow]) -> dict[str, int]:
    """How often each table of the book was read from end to end so far."""
    connection.execute("SELECT pg_stat_force_next_flush()")
    connection.commit()
    rows = connection.execute("SELECT relname, seq_scan FROM pg_stat_user_tables WHERE schemaname = 'book'")
    return {name: int(scans) for name, scans in rows}


def test_the_guards_use_keys_however_small_the_book_was_when_the_session_began(
    writer: Connection[TupleRow], make_entry: Callable[..., Entry]
) -> None:
    before = whole_table_scans(writer)
    for number in range(20):
        entries = [make_entry(("1105", 1), ("2011", -1), name=f"{number}.{n}") for n in range(50)]
        write_entries(writer.cursor(), entries, shard=0)
    assert whole_table_scans(writer) == before
