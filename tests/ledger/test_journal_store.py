"""Entries go into the book as a set, once, and come back as the journal."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import Connection, connect
from psycopg.errors import CheckViolation
from psycopg.rows import TupleRow

from domain.book.journal import Entry
from ledger.book.journal import journal, journal_rows, post_entries, write_entries
from ledger.database import Role
from ledger.errors import EntryExists, EntryRefused
from tests.support.waiting import wait_until

MakeEntry = Callable[..., Entry]
Write = Callable[..., None]
Session = Callable[[Role], Connection[TupleRow]]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(params=[write_entries, post_entries], ids=["set", "call"])
def write(request: pytest.FixtureRequest) -> Write:
    """Both ways into the book, which take and refuse the same."""
    found: Write = request.param
    return found


def test_the_journal_gives_back_what_was_written_in_order_of_effective_time(
    write: Write, writer: Connection[TupleRow], make_entry: MakeEntry
) -> None:
    later = make_entry(("1105/S-1", 1200), ("2011/OP-1", -1200), name="later", effective_at=NOON)
    earlier = make_entry(
        *[("2011/OP-1", 3), ("4010", -2), ("2110/DE/19", -1)],
        name="earlier",
        effective_at=NOON - timedelta(microseconds=1),
        session_id=None,
        payout_id="P-1",
        reverses=later.entry_id,
    )
    write(writer.cursor(), [later, earlier], shard=0)
    assert list(journal(writer.cursor())) == [earlier, later]


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("year", [1, 1600, 2062, 2300, 9999])
def test_a_time_far_off_keeps_its_microsecond(
    write: Write, writer: Connection[TupleRow], make_entry: MakeEntry, year: int, count: int
) -> None:
    at = datetime(year, 12, 31, 23, 59, 59, 999_999, UTC)
    entries = [make_entry(("1105", 1), ("2011", -1), name=f"{number}", effective_at=at) for number in range(count)]
    write(writer.cursor(), entries, shard=0)
    assert [entry.effective_at for entry in journal(writer.cursor())] == [at] * count


def test_entries_of_one_moment_come_in_order_of_their_ids(
    write: Write, writer: Connection[TupleRow], make_entry: MakeEntry
) -> None:
    entries = [make_entry(("1105", 1), ("2011", -1), name=str(number)) for number in range(50)]
    write(writer.cursor(), entries, shard=0)
    assert [entry.entry_id for entry in journal(writer.cursor())] == sorted(entry.entry_id for entry in entries)


def test_the_journal_streams_and_two_can_be_read_side_by_side(
    write: Write, writer: Connection[TupleRow], make_entry: MakeEntry
) -> None:
    entries = [make_entry(("1105", 1), ("2011", -1), name=str(number)) for number in range(5_000)]
    write(writer.cursor(), entries, shard=0)
    cursor = writer.cursor()
    assert all(one == two for one, two in zip(journal(cursor), journal(cursor), strict=True))


def test_the_journal_can_be_read_outside_a_transaction(write: Write, session: Session, make_entry: MakeEntry) -> None:
    writer, reader = session(Role.WRITER), session(Role.READER)
    write(writer.cursor(), [make_entry(("1105", 1), ("2011", -1))], shard=0)
    writer.commit()
    reader.autocommit = True
    assert len(list(journal(reader.cursor()))) == 1


def test_the_largest_entry_and_the_longest_account_fit(
    write: Write, writer: Connection[TupleRow], make_entry: MakeEntry
) -> None:
    account = "1105/" + "~ !" * 98 + "S"
    lines = [(account, 2**62), *[("2011/OP-1", -(2**56))] * 63, ("2011/OP-2", -(2**56))][:64]
    lines[-1] = ("2011/OP-2", -(2**62) + 62 * 2**56)
    write(writer.cursor(), [make_entry(*lines)], shard=0)
    assert [len(entry.postings) for entry in journal(writer.cursor())] == [64]


def test_no_entries_are_no_work(write: Write, writer: Connection[TupleRow]) -> None:
    write(writer.cursor(), [], shard=0)
    assert list(journal(writer.cursor())) == []


def test_an_entry_is_written_once(write: Write, writer: Connection[TupleRow], make_entry: MakeEntry) -> None:
    entry = make_entry(("1105", 1), ("2011", -1))
    write(writer.cursor(), [entry], shard=0)
    writer.commit()
    with pytest.raises(EntryExists, match="roll back"):
        write(writer.cursor(), [entry], shard=1)
    writer.rollback()
    assert list(journal(writer.cursor())) == [entry]


def test_an_entry_is_reversed_once(write: Write, writer: Connection[TupleRow], make_entry: MakeEntry) -> None:
    entry = make_entry(("1105", 5), ("2011", -5))
    first, second = (
        make_entry(("1105", -5), ("2011", 5), name=name, reverses=entry.entry_id) for name in ("first", "second")
    )
    write(writer.cursor(), [entry, first], shard=0)
    with pytest.raises(EntryExists):
        write(writer.cursor(), [second], shard=0)


def test_what_an_entry_reverses_is_in_the_book(
    write: Write, writer: Connection[TupleRow], make_entry: MakeEntry
) -> None:
    missing = make_entry(("1105", 5), ("2011", -5), name="missing")
    mirror = make_entry(("1105", -5), ("2011", 5), name="mirror", reverses=missing.entry_id)
    with pytest.raises(EntryRefused, match="foreign key"):
        write(writer.cursor(), [mirror], shard=0)


def test_a_posting_of_zero_is_refused_before_anything_is_written(
    write: Write, writer: Connection[TupleRow], make_entry: MakeEntry
) -> None:
    with pytest.raises(EntryRefused, match="a posting of zero on 4010: leave it out"):
        write(writer.cursor(), [make_entry(("1105", 1), ("2011", -1), ("4010", 0))], shard=0)
    assert list(journal(writer.cursor())) == []


@pytest.mark.parametrize("change", [{"kind": "J" * 17}, {"currency": "E"}, {"session_id": "S" * 65}])
def test_fields_have_limits(
    write: Write, writer: Connection[TupleRow], make_entry: MakeEntry, change: dict[str, str]
) -> None:
    with pytest.raises(EntryRefused, match="check constraint"):
        write(writer.cursor(), [make_entry(("1105", 1), ("2011", -1), **change)], shard=0)


@pytest.mark.parametrize("shard", [-1, 256])
def test_a_shard_is_from_0_to_255(
    write: Write, writer: Connection[TupleRow], make_entry: MakeEntry, shard: int
) -> None:
    with pytest.raises(CheckViolation):
        write(writer.cursor(), [make_entry(("1105", 1), ("2011", -1))], shard)


def test_writers_that_share_a_slot_wait_for_each_other_whichever_way_they_write(
    book: str, session: Session, make_entry: MakeEntry
) -> None:
    """Where there are more writers than slots: all take what they share in one order."""
    one, other, holder = (session(Role.WRITER) for _ in range(3))
    write_entries(holder.cursor(), [make_entry(("1105", 1), ("2011", -1), name="first")], shard=0)
    holder.commit()
    holder.execute("SELECT FROM book.balance WHERE account = '2011' FOR UPDATE")
    with ThreadPoolExecutor(2) as threads:
        # The set has the first account and waits for the second; the call comes behind it.
        entries = [make_entry(("1105", 1), ("2011", -1), name=name) for name in ("set", "call")]
        by_set = threads.submit(write_entries, one.cursor(), entries[:1], 0)
        by_set.add_done_callback(lambda _: one.commit())
        wait_until(lambda: waiting(book) == 1)
        by_call = threads.submit(post_entries, other.cursor(), entries[1:], 0)
        wait_until(lambda: waiting(book) == 2)
        holder.rollback()
        by_set.result(180)
        by_call.result(180)
    other.commit()
    assert len(list(journal(other.cursor()))) == 3


def waiting(dsn: str) -> int:
    """How many sessions wait for a lock."""
    with connect(dsn) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        ).fetchone()
    return row[0] if row else 0


def test_the_period_is_the_month_of_the_effective_time_in_utc(
    write: Write, writer: Connection[TupleRow], make_entry: MakeEntry
) -> None:
    times = {"2026-02": datetime(2026, 2, 28, 23, 59, 59, 999_999, UTC), "2026-03": datetime(2026, 3, 1, tzinfo=UTC)}
    for period, time in times.items():
        write(writer.cursor(), [make_entry(("1105", 1), ("2011", -1), name=period, effective_at=time)], shard=0)
    writer.execute("SET TimeZone = 'Asia/Tokyo'")
    rows = writer.execute("SELECT session_id, period, recorded_at IS NOT NULL FROM book.entry ORDER BY 1").fetchall()
    assert rows == [(period, period, True) for period in times]


def test_rows_carry_the_version_of_their_hash(
    write: Write, writer: Connection[TupleRow], make_entry: MakeEntry
) -> None:
    write(writer.cursor(), [make_entry(("1105", 1), ("2011", -1))], shard=0)
    assert [(row.hash_version, len(row.hash)) for row in journal_rows(writer.cursor())] == [(1, 32)]
