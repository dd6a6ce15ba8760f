"""Since when an account is on its side of zero: by its whole history in effective time, whatever came when."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.rows import TupleRow

from domain.book.journal import Entry
from ledger.book.journal import write_entries
from tests.support.examples import examples

MakeEntry = Callable[..., Entry]
ACCOUNTS = ("1110/psp", "2010/OP-1")
START = datetime(2026, 1, 31, 23, 59, 30, tzinfo=UTC)
# So close together, and so far apart, that buckets of every level are split.
STEPS = [timedelta(0), timedelta(microseconds=7), timedelta(seconds=2), timedelta(minutes=5), timedelta(days=11)]


def expected(entries: Iterable[Entry], account: str) -> datetime | None:
    """The last moment before which the balance was not on the side on which it is now, from scratch."""
    moved: dict[datetime, int] = defaultdict(int)
    for entry in entries:
        for posting in entry.postings:
            if posting.account == account:
                moved[entry.effective_at] += posting.amount_minor
    there = sum(moved.values())
    if not there:
        return None
    side = 1 if there > 0 else -1
    for moment in sorted(moved, reverse=True):
        there -= moved[moment]
        if side * there <= 0:
            return moment
    raise AssertionError("an account begins at nothing")


def asked(connection: Connection[TupleRow], account: str) -> datetime | None:
    row = connection.execute("SELECT book.on_one_side_since(%s, 'EUR')", (account,)).fetchone()
    assert row is not None
    found: datetime | None = row[0]
    return found


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32),
    count=st.sampled_from((1, 5, 90, 450)),
    amounts=st.lists(st.integers(-9, 9).filter(bool), min_size=1, max_size=4),
)
def test_it_is_the_last_moment_before_which_it_was_on_another_side(
    writer: Connection[TupleRow], make_entry: MakeEntry, seed: int, count: int, amounts: list[int]
) -> None:
    random = Random(seed)
    at, entries = START, list[Entry]()
    for number in range(count):
        at += random.choice(STEPS) * random.random()
        amount = random.choice(amounts)
        entries.append(make_entry((ACCOUNTS[0], amount), (ACCOUNTS[1], -amount), name=str(number), effective_at=at))
    arrived = random.sample(entries, count)
    with writer.transaction(force_rollback=True):
        cursor = writer.cursor()
        for first in range(0, count, 70):
            write_entries(cursor, arrived[first : first + 70], shard=random.randrange(3))
        for account in ACCOUNTS:
            assert asked(writer, account) == expected(entries, account)


def test_a_mirror_at_its_own_time_leaves_no_trace(writer: Connection[TupleRow], make_entry: MakeEntry) -> None:
    legs = [(-4, 0), (9, 1), (-9, 1), (-2, 2)]
    entries = [
        make_entry(
            (ACCOUNTS[0], amount), (ACCOUNTS[1], -amount), name=str(number), effective_at=START + timedelta(days=day)
        )
        for number, (amount, day) in enumerate(legs)
    ]
    with writer.transaction(force_rollback=True):
        write_entries(writer.cursor(), entries, shard=0)
        assert asked(writer, ACCOUNTS[0]) == START


@pytest.mark.parametrize("account", ["1110/psp", "1105/S-never"])
def test_an_account_at_zero_is_on_no_side(writer: Connection[TupleRow], make_entry: MakeEntry, account: str) -> None:
    entries = [
        make_entry((ACCOUNTS[0], amount), (ACCOUNTS[1], -amount), name=str(amount), effective_at=START)
        for amount in (3, -3)
    ]
    with writer.transaction(force_rollback=True):
        write_entries(writer.cursor(), entries, shard=0)
        assert asked(writer, account) is None
