"""What a superuser with DDL can still do to the book is found by the checks."""

from collections.abc import Callable

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from domain.book.journal import Entry
from ledger.book.journal import write_entries
from tests.support import integrity
from tests.support.integrity import check_balances, check_entries

MakeEntry = Callable[..., Entry]

TAMPERING = {
    "UPDATE book.posting SET amount_minor = amount_minor + 1 WHERE line = 1": "with the sum 1",
    "UPDATE book.posting SET currency = 'USD' WHERE line = 1": "states 2 postings in EUR",
    "DELETE FROM book.posting WHERE line = 2": "states 2 postings in EUR and has 1",
    "DELETE FROM book.posting": "states 2 postings in EUR and has 0",
    "DELETE FROM book.entry": "2 postings name entry",
    "UPDATE book.posting SET amount_minor = amount_minor * 2": "does not match its hash",
    "UPDATE book.posting SET account = '2011/THIEF' WHERE line = 2": "does not match its hash",
    "UPDATE book.entry SET effective_at = effective_at + interval '1 microsecond'": "does not match its hash",
    "UPDATE book.entry SET session_id = NULL": "does not match its hash",
    "UPDATE book.entry SET hash_version = 2": "has a hash of version 2",
}


@pytest.fixture
def superuser(book: str, writer: Connection[TupleRow], make_entry: MakeEntry) -> Connection[TupleRow]:
    """A superuser on a book of one entry, who has switched every trigger off."""
    write_entries(writer.cursor(), [make_entry(("1105/S-1", 1200), ("2011/OP-1", -1200))], shard=0)
    writer.commit()
    connection = psycopg.connect(book)
    connection.execute("ALTER TABLE book.posting DISABLE TRIGGER ALL; ALTER TABLE book.entry DISABLE TRIGGER ALL")
    return connection


def test_a_sound_book_has_nothing_to_report(superuser: Connection[TupleRow]) -> None:
    with superuser:
        assert check_balances(superuser.cursor()) == check_entries(superuser.cursor()) == []


@pytest.mark.parametrize("statement", TAMPERING)
def test_tampering_with_the_journal_is_found(superuser: Connection[TupleRow], statement: str) -> None:
    with superuser:
        superuser.execute(statement.encode())
        findings = check_entries(superuser.cursor())
        assert any(TAMPERING[statement] in finding for finding in findings), findings


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE book.balance SET credits = credits + 1 WHERE account = '2011/OP-1'",
        "UPDATE book.balance SET debits = debits + 5, credits = credits + 5 WHERE account = '2011/OP-1'",
        "DELETE FROM book.balance WHERE account = '2011/OP-1'",
        "INSERT INTO book.balance VALUES ('2011/OP-1', 'EUR', 9, 0, 1, false, '{}')",
        "INSERT INTO book.balance VALUES ('2011/OP-1', 'USD', 0, 0, 1, false, '{}')",
        "UPDATE book.posting SET account = '2011/OP-1' WHERE line = 1",
    ],
)
def test_a_balance_that_is_not_the_sum_of_its_postings_is_found(
    superuser: Connection[TupleRow], statement: str
) -> None:
    with superuser:
        superuser.execute(statement.encode())
        findings = check_balances(superuser.cursor())
        assert any("balance of 2011/OP-1 in " in finding for finding in findings), findings


def test_no_more_is_reported_than_anybody_reads(
    superuser: Connection[TupleRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integrity, "MAX_FINDINGS", 1)
    with superuser:
        superuser.execute("UPDATE book.posting SET amount_minor = amount_minor + 1")
        assert len(check_entries(superuser.cursor())) == 1
        assert len(check_balances(superuser.cursor())) == 1
