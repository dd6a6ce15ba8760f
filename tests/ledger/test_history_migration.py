"""A book from before there was a history gets one, whatever is in it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import psycopg
import pytest

from domain.book.journal import Entry
from ledger.book.balances import balance, balance_at, trial_balance
from ledger.book.canonical import entry_hash
from ledger.book.journal import write_entries
from ledger.database import Role, connect
from ledger.migrate import run_migrations
from projections.schema import FOLDERS, migrate
from tests.ledger.test_balance_history import ACCOUNTS, EDGES, as_of, many, split_levels
from tests.support.integrity import check_balances, check_entries, check_history

# The rows that the version before wrote, with balances in three shards.
_POSTINGS = "INSERT INTO book.posting (entry_id, line, account, currency, amount_minor) VALUES (%s, %s, %s, %s, %s)"
_ENTRIES = """
INSERT INTO book.entry (entry_id, kind, effective_at, currency, posting_count, hash_version, session_id, cause, hash)
VALUES (%s, %s, %s, %s, %s, 1, %s, %s, %s)
"""
_BALANCES = """
INSERT INTO book.balance (account, currency, shard, debits, credits)
SELECT account, currency, abs(hashtext(entry_id::text)) % 3,
       coalesce(sum(amount_minor) FILTER (WHERE amount_minor > 0), 0),
       coalesce(-sum(amount_minor) FILTER (WHERE amount_minor < 0), 0)
FROM book.posting
GROUP BY account, currency, abs(hashtext(entry_id::text)) % 3
"""


@pytest.fixture
def before(bare_database_url: str, tmp_path: Path) -> str:
    """DSN of a database as it was before the history."""
    folder = tmp_path / "migrations"
    for source in FOLDERS:
        shutil.copytree(source, folder, dirs_exist_ok=True)
    (folder / "030_balance_history.sql").unlink()
    run_migrations(bare_database_url, [folder])
    return bare_database_url


def _write_as_before(dsn: str, entries: list[Entry]) -> None:
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        lines = [
            (entry.entry_id, line, posting.account, entry.currency, posting.amount_minor)
            for entry in entries
            for line, posting in enumerate(entry.postings, start=1)
        ]
        cursor.executemany(_POSTINGS, lines)
        cursor.executemany(
            _ENTRIES,
            [
                (
                    e.entry_id,
                    e.kind,
                    e.effective_at,
                    e.currency,
                    len(e.postings),
                    e.session_id,
                    e.cause,
                    entry_hash(e),
                )
                for e in entries
            ],
        )
        cursor.execute(_BALANCES)


def test_what_was_posted_before_is_in_the_history(before: str, make_entry: Callable[..., Entry]) -> None:
    old = many(make_entry, Random(11), 3_000, name="old")
    _write_as_before(before, old)
    migrate(before)
    with connect(before, Role.WRITER) as writer:
        cursor = writer.cursor()
        assert check_history(cursor) == check_balances(cursor) == check_entries(cursor) == []
        assert split_levels(writer) >= {1, 2, 3, 4, 5}
        new = many(make_entry, Random(12), 500, name="new")
        write_entries(cursor, new, shard=0)
        writer.commit()
        assert check_history(cursor) == check_balances(cursor) == []
        for at in EDGES:
            for account in ACCOUNTS:
                assert balance_at(cursor, account, "EUR", at) == as_of(old + new, account, "EUR", at)
        assert trial_balance(cursor, EDGES[-1]) == trial_balance(cursor)


def test_a_balance_that_was_wrong_before_is_still_found(before: str, make_entry: Callable[..., Entry]) -> None:
    _write_as_before(before, many(make_entry, Random(13), 10))
    with psycopg.connect(before) as superuser:
        superuser.execute("UPDATE book.balance SET debits = debits + 1 WHERE account = '4010'")
        wrong = balance(superuser.cursor(), "4010", "EUR")
    migrate(before)
    with connect(before, Role.AUDITOR) as auditor:
        assert balance(auditor.cursor(), "4010", "EUR") == wrong
        assert [finding[:15] for finding in check_balances(auditor.cursor())] == ["balance of 4010"]
        assert check_history(auditor.cursor()) == []
