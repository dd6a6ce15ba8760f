"""A balance as of any moment is the sum of what is effective by then, in whichever order the entries came."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from threading import Barrier
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.errors import CheckViolation
from psycopg.rows import TupleRow

from domain.book.journal import Entry
from ledger.book.balances import Balance, balance, balance_at, trial_balance
from ledger.book.buckets import LISTED_MAX
from ledger.book.journal import post_entries, write_entries
from ledger.book.spans import LEVELS, MONTH, by_span, span_of
from ledger.database import Role, connect
from tests.support.examples import examples
from tests.support.integrity import check_balances, check_history

MakeEntry = Callable[..., Entry]
Session = Callable[[Role], Connection[TupleRow]]

MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
YEAR_EDGE = datetime(2026, 1, 1, tzinfo=UTC)
EDGES = [
    YEAR_EDGE,
    datetime(2024, 2, 29, tzinfo=UTC),
    datetime(2026, 3, 1, tzinfo=UTC),
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 3, 29, 12, 59, 59, 999_999, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_998, tzinfo=UTC),
]
SPREADS = [timedelta(0), MICROSECOND, *(timedelta(seconds=each) for each in (1, 60, 3_600, 86_400, 40 * 86_400))]
ACCOUNTS = ["4010", "2110", "2011/OP-1", "1105/S-1", '5090/"odd"\\{,}', "1110/it's"]


def as_of(entries: Iterable[Entry], account: str, currency: str, at: datetime) -> Balance:
    """The balance added up from scratch."""
    amounts = [
        posting.amount_minor
        for entry in entries
        for posting in entry.postings
        if posting.account == account and entry.currency == currency and entry.effective_at <= at
    ]
    return Balance(sum(each for each in amounts if each > 0), -sum(each for each in amounts if each < 0))


def moments(random: Random, count: int) -> list[datetime]:
    """Moments in heaps of all densities, so that buckets of every level are split."""
    found: list[datetime] = []
    for _ in range(count):
        edge = random.choice([*EDGES[:2] * 4, *EDGES[2:-2]])
        found.append(edge + random.choice([-1, 1]) * random.random() * random.choice(SPREADS))
    return found


def many(make_entry: MakeEntry, random: Random, count: int, name: str = "") -> list[Entry]:
    """Entries on the platform's account and a random one."""
    return [
        make_entry(
            *zip((ACCOUNTS[0], random.choice(ACCOUNTS[1:])), random.choice([(7, -7), (-3, 3)]), strict=True),
            name=f"{name}{number}",
            effective_at=at,
        )
        for number, at in enumerate(moments(random, count))
    ]


def split_levels(connection: Connection[TupleRow]) -> set[int]:
    return {row[0] for row in connection.execute("SELECT level FROM book.balance_history WHERE split")}


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), seed=st.integers(0, 2**32), sets=st.lists(st.integers(1, 400), min_size=1, max_size=6))
def test_a_balance_at_a_moment_is_the_sum_of_what_is_effective_by_then(
    writer: Connection[TupleRow], make_entry: MakeEntry, data: st.DataObject, seed: int, sets: list[int]
) -> None:
    random = Random(seed)
    entries = many(make_entry, random, sum(sets))
    cursor = writer.cursor()
    with writer.transaction(force_rollback=True):
        left = list(entries)
        for size in sets:
            random.choice([write_entries, post_entries])(cursor, left[:size], shard=random.randrange(3))
            del left[:size]
        asked = [entry.effective_at for entry in random.sample(entries, min(8, len(entries)))]
        asked += data.draw(st.lists(st.datetimes(timezones=st.just(UTC)), max_size=3))
        for at in (moment for each in asked for moment in _around(each)):
            for account in ACCOUNTS:
                assert balance_at(cursor, account, "EUR", at) == as_of(entries, account, "EUR", at)
        assert check_history(cursor) == check_balances(cursor) == []


def _around(moment: datetime) -> list[datetime]:
    """A moment and its neighbours, as far as there are any."""
    before = [moment - MICROSECOND] if moment > EDGES[-2] else []
    return [*before, moment, *([moment + MICROSECOND] if moment < EDGES[-1] else [])]


def test_late_entries_count_at_their_own_time_at_every_density(
    writer: Connection[TupleRow], make_entry: MakeEntry
) -> None:
    random, entries = Random(7), []
    cursor = writer.cursor()
    for number in range(40):
        new = many(make_entry, random, random.choice([1, 2, 50, 300]), name=f"{number}.")
        (post_entries if number % 3 else write_entries)(cursor, new, shard=number % 2)
        entries += new
    assert split_levels(writer) == set(LEVELS), "not every level was reached"
    for edge in EDGES:
        for account in ACCOUNTS:
            for at in _around(edge):
                assert balance_at(cursor, account, "EUR", at) == as_of(entries, account, "EUR", at), (account, at)
    assert check_history(cursor) == []


def test_before_the_first_entry_there_is_nothing_and_after_the_last_everything(
    writer: Connection[TupleRow], make_entry: MakeEntry
) -> None:
    cursor = writer.cursor()
    entries = many(make_entry, Random(1), 500)
    write_entries(cursor, entries, shard=0)
    first, last = min(e.effective_at for e in entries), max(e.effective_at for e in entries)
    for account in ACCOUNTS:
        assert balance_at(cursor, account, "EUR", first - MICROSECOND) == Balance(0, 0)
        assert balance_at(cursor, account, "EUR", last) == balance(cursor, account, "EUR")
    assert balance_at(cursor, "4010", "USD", last) == balance_at(cursor, "4011", "EUR", last) == Balance(0, 0)


def test_a_moment_is_the_same_in_every_time_zone(writer: Connection[TupleRow], make_entry: MakeEntry) -> None:
    cursor = writer.cursor()
    summer = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Lisbon"))
    write_entries(cursor, [make_entry(("4010", -5), ("2110", 5), effective_at=summer)], shard=0)
    at = summer.astimezone(UTC)
    for zone in ("Pacific/Kiritimati", "America/St_Johns", "Asia/Kathmandu"):
        writer.execute(f"SET LOCAL TimeZone = '{zone}'".encode())
        for asked in (at, at.astimezone(timezone(timedelta(hours=-9, minutes=-30))), at.astimezone(ZoneInfo(zone))):
            assert balance_at(cursor, "4010", "EUR", asked).credits == 5
            assert balance_at(cursor, "4010", "EUR", asked - MICROSECOND).credits == 0


def test_a_moment_without_an_offset_is_refused(writer: Connection[TupleRow], make_entry: MakeEntry) -> None:
    with pytest.raises(ValueError, match="offset"):
        balance_at(writer.cursor(), "4010", "EUR", datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="offset"):
        trial_balance(writer.cursor(), datetime(2026, 1, 1))  # noqa: DTZ001


def test_the_trial_balance_as_of_a_moment_is_the_balance_of_each_account(
    writer: Connection[TupleRow], make_entry: MakeEntry
) -> None:
    cursor = writer.cursor()
    entries = many(make_entry, Random(3), 900)
    for number in range(3):
        write_entries(cursor, entries[number::3], shard=number)
    for at in (*EDGES, *(entry.effective_at for entry in entries[:20])):
        found = trial_balance(cursor, at)
        wanted = {name: as_of(entries, name, "EUR", at) for name in sorted(ACCOUNTS)}
        posted = {name: (each.debits, each.credits) for name, each in wanted.items() if each != Balance(0, 0)}
        assert found.get("EUR", {}) == posted
        assert list(found.get("EUR", {})) == list(posted)
        only = {name: sums for name, sums in posted.items() if name.startswith("2011/")}
        assert trial_balance(cursor, at, code="2011").get("EUR", {}) == only
    assert trial_balance(cursor, EDGES[-1]) == trial_balance(cursor)
    assert set(trial_balance(cursor, code="4010")["EUR"]) == {"4010"}
    assert trial_balance(cursor, code="401") == {}


def test_an_account_with_few_postings_has_no_buckets_of_its_own(
    writer: Connection[TupleRow], make_entry: MakeEntry
) -> None:
    entries = [
        make_entry(("1105/S-1", 1), ("4010", -1), name=str(n), effective_at=YEAR_EDGE + n * MICROSECOND)
        for n in range(LISTED_MAX)
    ]
    cursor = writer.cursor()
    write_entries(cursor, entries[:1], shard=0)
    write_entries(cursor, entries[1:], shard=0)
    assert cursor.execute("SELECT count(*) FROM book.balance_history").fetchone() == (0,)
    one_more = make_entry(("2110", 1), ("4010", -1), name="one more", effective_at=YEAR_EDGE)
    write_entries(cursor, [one_more], shard=0)
    rows = cursor.execute("SELECT account, level, cardinality(listed) FROM book.balance_history ORDER BY level")
    assert rows.fetchall() == [("4010", level, 0) for level in LEVELS[:-1]] + [("4010", 6, 0)] * LISTED_MAX
    assert balance_at(cursor, "4010", "EUR", YEAR_EDGE) == Balance(0, 2)


def test_what_a_rolled_back_transaction_split_is_no_harm_to_the_next(
    writer: Connection[TupleRow], make_entry: MakeEntry
) -> None:
    cursor = writer.cursor()
    few = many(make_entry, Random(4), 60, name="few")
    write_entries(cursor, few, shard=0)
    writer.commit()
    write_entries(cursor, many(make_entry, Random(5), 2_000, name="gone"), shard=0)
    writer.rollback()
    more = many(make_entry, Random(6), 50, name="more")
    write_entries(cursor, more, shard=0)
    assert check_history(cursor) == []
    for at in (entry.effective_at for entry in few + more):
        assert balance_at(cursor, "4010", "EUR", at) == as_of(few + more, "4010", "EUR", at)


def test_a_day_that_fills_up_after_a_rollback_keeps_all_its_movements(
    writer: Connection[TupleRow], make_entry: MakeEntry
) -> None:
    def of_one_day(count: int, name: str, day: datetime = YEAR_EDGE) -> list[Entry]:
        noon = day + timedelta(hours=12)
        return [
            make_entry(("4010", 1), ("2110", -1), name=f"{name}{n}", effective_at=noon + n * timedelta(seconds=90))
            for n in range(count)
        ]

    cursor = writer.cursor()
    # Another month splits the accounts at once; January lists what it has.
    other = of_one_day(3 * LISTED_MAX, "other", YEAR_EDGE - timedelta(days=100))
    few = of_one_day(LISTED_MAX // 2, "few")
    write_entries(cursor, other, shard=0)
    write_entries(cursor, few, shard=0)
    writer.commit()
    write_entries(cursor, of_one_day(LISTED_MAX * 6 // 10, "gone", YEAR_EDGE + timedelta(days=5)), shard=0)
    writer.rollback()
    more = of_one_day(LISTED_MAX * 3 // 2, "more")
    write_entries(cursor, more, shard=0)

    assert check_history(cursor) == []
    there = other + few + more
    for entry in few + more:
        assert balance_at(cursor, "4010", "EUR", entry.effective_at) == as_of(
            there, "4010", "EUR", entry.effective_at
        )


@pytest.mark.parametrize("own_shard", [True, False], ids=["each its own shard", "all the same shard"])
def test_many_writers_keep_one_history(book: str, make_entry: MakeEntry, own_shard: bool) -> None:
    writers, batches = 4, 10
    start = Barrier(writers)
    written = [
        [many(make_entry, Random(w * 100 + b), 60, name=f"{w}.{b}.") for b in range(batches)] for w in range(4)
    ]

    def write(number: int) -> None:
        with connect(book, Role.WRITER) as connection:
            start.wait(180)
            for entries in written[number]:
                write_entries(connection.cursor(), entries, shard=number if own_shard else 0)
                connection.commit()

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    entries = [entry for each in written for one in each for entry in one]
    with connect(book, Role.READER) as reader:
        for entry in entries[::97]:
            at = entry.effective_at
            assert balance_at(reader.cursor(), "2110", "EUR", at) == as_of(entries, "2110", "EUR", at)
    with connect(book, Role.AUDITOR) as auditor:
        assert check_history(auditor.cursor()) == check_balances(auditor.cursor()) == []


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("moment", EDGES)
def test_spans_meet_without_gap_or_overlap(level: int, moment: datetime) -> None:
    moment_us = (moment - EPOCH) // MICROSECOND
    start_us, end_us = span_of(level, moment_us)
    assert start_us <= moment_us < end_us
    assert span_of(level, start_us) == (start_us, end_us) == span_of(level, end_us - 1)
    if level != MONTH:
        assert span_of(level - 1, start_us) == span_of(level - 1, end_us - 1), "a span lies within a coarser one"
    if end_us < (EDGES[-1] - EPOCH) // MICROSECOND:
        assert span_of(level, end_us)[0] == end_us
    parts = list(by_span(level, sorted([(start_us - 1, 1), (start_us, 2), (end_us - 1, 3)])))[-1]
    assert parts == (start_us, [(start_us, 2), (end_us - 1, 3)]) or level == LEVELS[-1]


def test_a_bucket_starts_where_its_span_does(writer: Connection[TupleRow]) -> None:
    with pytest.raises(CheckViolation, match="balance_history_start"):
        writer.execute(
            "INSERT INTO book.balance_history (account, currency, level, start, shard, debits, credits, split, "
            "listed) "
            "VALUES ('4010', 'EUR', 3, '2026-01-01T00:30:00Z', 0, 1, 0, false, '{}')"
        )


TAMPERING = [
    "UPDATE book.balance_history SET debits = debits + 1 WHERE level = {level}",
    "UPDATE book.balance_history SET debits = debits + 5, credits = credits + 5 WHERE level = {level}",
    "DELETE FROM book.balance_history WHERE level = {level}",
    (
        "UPDATE book.balance_history SET start = start + interval '1 month' "
        "WHERE level = {level} AND account = '4010' "
        "AND start = (SELECT max(start) FROM book.balance_history WHERE level = {level} AND account = '4010')"
    ),
]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("statement", TAMPERING)
def test_a_history_that_is_not_the_sum_of_its_postings_is_found(
    book: str, writer: Connection[TupleRow], make_entry: MakeEntry, statement: str, level: int
) -> None:
    write_entries(writer.cursor(), many(make_entry, Random(8), 3_000), shard=0)
    writer.commit()
    with psycopg.connect(book) as superuser:
        assert check_history(superuser.cursor()) == []
        assert superuser.execute(statement.format(level=level).encode()).rowcount > 0
        assert any("history of" in finding for finding in check_history(superuser.cursor()))
