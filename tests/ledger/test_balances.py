"""A balance is one look-up, always the sum of the postings, and no row that all writers wait for."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.errors import LockNotAvailable
from psycopg.rows import TupleRow

from domain.book.journal import Entry
from ledger.book.balances import Balance, balance, trial_balance
from ledger.book.journal import journal, write_entries
from ledger.database import Role, connect
from ledger.errors import EntryExists
from tests.support.examples import examples
from tests.support.integrity import check_balances, check_entries

MakeEntry = Callable[..., Entry]
Session = Callable[[Role], Connection[TupleRow]]
# Lines of an entry but the last, and its currency.
MovementsIn = tuple[list[tuple[str, int]], str]

ACCOUNTS = ["1105/S-1", "2011/OP-1", "2011/OP-2", "4010", "2110/DE/19"]
amounts = st.integers(min_value=-(10**12), max_value=10**12).filter(bool)
movements = st.lists(st.tuples(st.sampled_from(ACCOUNTS), amounts), min_size=1, max_size=8)
sets = st.lists(st.tuples(movements, st.sampled_from(["EUR", "JPY"])), max_size=6)


def close(lines: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """The lines with the one that makes their sum zero."""
    total = sum(amount for _, amount in lines)
    return [*lines, ("1010", -total)] if total else [*lines, ("1010", 1), ("1010", -1)]


def summed(entries: list[Entry]) -> dict[str, dict[str, tuple[int, int]]]:
    """The trial balance, added up from scratch."""
    totals: dict[str, dict[str, tuple[int, int]]] = {}
    for entry in entries:
        accounts = totals.setdefault(entry.currency, {})
        for posting in entry.postings:
            debits, credits = accounts.get(posting.account, (0, 0))
            debits += max(posting.amount_minor, 0)
            accounts[posting.account] = (debits, credits + max(-posting.amount_minor, 0))
    return totals


def test_debits_and_credits_are_kept_apart(writer: Connection[TupleRow], make_entry: MakeEntry) -> None:
    cursor = writer.cursor()
    write_entries(cursor, [make_entry(("1105/S-1", 1200), ("2011/OP-1", -1200), name="J01")], shard=0)
    write_entries(cursor, [make_entry(("2011/OP-1", 120), ("4010", -100), ("2110", -20), name="J02")], shard=1)
    assert balance(cursor, "2011/OP-1", "EUR") == Balance(debits=120, credits=1200)
    assert balance(cursor, "2011/OP-1", "EUR").debit_balance == -1080
    assert balance(cursor, "2011/OP-1", "USD") == balance(cursor, "2011/OP-9", "EUR") == Balance(0, 0)
    assert trial_balance(cursor) == {
        "EUR": {"1105/S-1": (1200, 0), "2011/OP-1": (120, 1200), "2110": (0, 20), "4010": (0, 100)}
    }


def test_the_trial_balance_is_sorted(writer: Connection[TupleRow], make_entry: MakeEntry) -> None:
    entries = [
        make_entry(("b/2", 1), ("B/1", 1), ("a 1", -1), ("a/1", -1), name=currency, currency=currency)
        for currency in ("USD", "EUR")
    ]
    write_entries(writer.cursor(), entries, shard=0)
    found = trial_balance(writer.cursor())
    assert list(found) == ["EUR", "USD"]
    assert list(found["EUR"]) == ["B/1", "a 1", "a/1", "b/2"]


def test_a_rollback_takes_the_balances_back_with_the_entries(
    writer: Connection[TupleRow], make_entry: MakeEntry
) -> None:
    write_entries(writer.cursor(), [make_entry(("1105", 1), ("2011", -1))], shard=0)
    writer.rollback()
    assert trial_balance(writer.cursor()) == {}


@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=st.lists(st.tuples(sets, st.integers(0, 3)), max_size=4))
def test_balances_are_the_sums_of_the_postings(
    writer: Connection[TupleRow], make_entry: MakeEntry, written: list[tuple[list[MovementsIn], int]]
) -> None:
    entries: list[Entry] = []
    cursor = writer.cursor()
    with writer.transaction(force_rollback=True):
        for set_number, (one_set, shard) in enumerate(written):
            new = [
                make_entry(*close(lines), name=f"{set_number}.{number}", currency=currency)
                for number, (lines, currency) in enumerate(one_set)
            ]
            write_entries(cursor, new, shard)
            entries += new
        assert trial_balance(cursor) == summed(entries)
        assert check_balances(cursor) == check_entries(cursor) == []
        assert sorted(journal(cursor), key=str) == sorted(entries, key=str)


@pytest.mark.parametrize("own_shard", [True, False], ids=["each its own shard", "all the same shard"])
def test_many_writers_on_the_platforms_accounts_neither_deadlock_nor_lose_a_cent(
    book: str, make_entry: MakeEntry, own_shard: bool
) -> None:
    writers, batches, per_batch = 4, 12, 25
    start = Barrier(writers)

    def write(number: int) -> None:
        shuffle = random.Random(number)
        with connect(book, Role.WRITER) as connection:
            start.wait(180)
            for batch in range(batches):
                entries = [
                    make_entry(
                        *[("4010", -7), (f"2011/OP-{shuffle.randrange(6)}", 10), ("2110/DE/19", -3)],
                        name=f"{number}.{batch}.{line}",
                    )
                    for line in range(per_batch)
                ]
                write_entries(connection.cursor(), entries, shard=number if own_shard else 0)
                connection.commit()

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    count = writers * batches * per_batch
    with connect(book, Role.AUDITOR) as auditor:
        assert balance(auditor.cursor(), "4010", "EUR") == Balance(debits=0, credits=7 * count)
        assert check_balances(auditor.cursor()) == check_entries(auditor.cursor()) == []


def test_writers_with_shards_of_their_own_do_not_wait_for_each_other(session: Session, make_entry: MakeEntry) -> None:
    first, second = session(Role.WRITER), session(Role.WRITER)
    write_entries(first.cursor(), [make_entry(("4010", 1), ("2110", -1), name="first")], shard=1)
    second.execute("SET LOCAL lock_timeout = '20ms'")
    write_entries(second.cursor(), [make_entry(("4010", 1), ("2110", -1), name="second")], shard=2)
    second.commit()
    second.execute("SET LOCAL lock_timeout = '20ms'")
    with pytest.raises(LockNotAvailable):
        write_entries(second.cursor(), [make_entry(("4010", 1), ("2110", -1), name="third")], shard=1)


def test_of_two_writers_with_the_same_entries_one_wins_and_none_deadlocks(book: str, make_entry: MakeEntry) -> None:
    start = Barrier(2)
    entries = [make_entry(("4010", 1), ("2110", -1), name=str(number)) for number in range(200)]

    def write(shard: int) -> bool:
        with connect(book, Role.WRITER) as connection:
            start.wait(180)
            try:
                write_entries(connection.cursor(), entries if shard else entries[::-1], shard)
            except EntryExists:
                connection.rollback()
                return False
            return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(write, range(2))) == [False, True]
    with connect(book, Role.AUDITOR) as auditor:
        assert balance(auditor.cursor(), "4010", "EUR") == Balance(debits=200, credits=0)
