"""Lists of entries: whatever is asked, what the journal has, newest first, once each, while others write, too."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.standing import Booked
from domain.money import format_minor
from domain.session.session import session_stream
from ledger.book.journal import JournalRow, journal_rows
from ledger.database import Role, connect
from projections.as_of import position_at
from projections.entry_list import EntryFilter, EntryRow, Range, entries_by_id, list_entries
from projections.runner import catch_up
from tests.projections.builders import NOON, Recorder, rated_booking
from tests.projections.following import following, recording_during
from tests.support.explaining import Explaining

BEHIND = 2**62


@pytest.fixture
def cursor(settled: str) -> Iterator[Cursor[TupleRow]]:
    with connect(settled, Role.AUDITOR) as connection, connection.cursor() as cursor:
        yield cursor


@pytest.fixture
def journal(cursor: Cursor[TupleRow]) -> list[JournalRow]:
    return sorted(journal_rows(cursor), key=lambda row: (row.effective_at, row.entry_id), reverse=True)


def walk(cursor: Cursor[TupleRow], wanted: EntryFilter, limit: int = 50, **more: Any) -> list[EntryRow]:
    """All pages of a list."""
    found: list[EntryRow] = []
    after = None
    while page := list_entries(cursor, wanted, known=more.get("known", BEHIND), limit=limit, after=after):
        found += page
        after = page[-1].effective_at, page[-1].entry_id
    return found


def ids(rows: list[Any]) -> list[UUID]:
    return [row.entry_id for row in rows]


def test_the_whole_journal_newest_first(cursor: Cursor[TupleRow], journal: list[JournalRow]) -> None:
    rows = walk(cursor, EntryFilter(), 37)
    assert ids(rows) == ids(journal)
    for row, entry in zip(rows, journal, strict=True):
        assert (row.kind, row.currency, row.cause, row.accounts, row.amounts) == (
            *(entry.kind, entry.currency, entry.cause, entry.accounts, entry.amounts),
        )
        assert row.period == f"{row.effective_at:%Y-%m}"
    reversed_by = {row.reverses: row.entry_id for row in rows if row.reverses}
    assert reversed_by
    assert {row.entry_id: row.reversed_by for row in rows if row.reversed_by} == reversed_by


def payouts_of(cursor: Cursor[TupleRow], operator: str) -> set[str]:
    rows = cursor.execute("SELECT payout_id FROM projection.payouts WHERE operator_id = %s", (operator,))
    return {row[0] for row in rows}


def test_each_filter_gives_those_of_the_journal_that_satisfy_it(
    cursor: Cursor[TupleRow], journal: list[JournalRow]
) -> None:
    operator = next(row.accounts[0][5:] for row in journal if row.accounts[0].startswith("2010/"))
    own = {f"{code}/{operator}" for code in ("2010", "2011", "2020", "2030", "2060")}
    own |= {f"2050/{payout_id}" for payout_id in payouts_of(cursor, operator)}
    middle = journal[len(journal) // 2].effective_at
    day = timedelta(days=1)
    cases: list[tuple[EntryFilter, Any]] = [
        (EntryFilter(account="1010"), lambda row: "1010" in row.accounts),
        (EntryFilter(account=f"2010/{operator}"), lambda row: f"2010/{operator}" in row.accounts),
        (EntryFilter(code="4010"), lambda row: "4010" in row.accounts),
        (EntryFilter(code="2050"), lambda row: any(a.startswith("2050/") for a in row.accounts)),
        (EntryFilter(operators=(operator,)), lambda row: own & set(row.accounts)),
        (EntryFilter(kind="J35"), lambda row: row.kind == "J35"),
        (EntryFilter(currency="EUR"), lambda row: row.currency == "EUR"),
        (EntryFilter(effective_at=Range(gte=middle)), lambda row: row.effective_at >= middle),
        (EntryFilter(effective_at=Range(gt=middle)), lambda row: row.effective_at > middle),
        (EntryFilter(effective_at=Range(lte=middle)), lambda row: row.effective_at <= middle),
        (
            EntryFilter(effective_at=Range(gte=middle - day, lt=middle)),
            lambda row: middle - day <= row.effective_at < middle,
        ),
        (
            EntryFilter(operators=(operator,), kind="J02", effective_at=Range(lte=middle)),
            lambda row: own & set(row.accounts) and row.kind == "J02" and row.effective_at <= middle,
        ),
        (
            EntryFilter(account=f"2010/{operator}", operators=(operator,), code="2011"),
            lambda row: {f"2010/{operator}", f"2011/{operator}"} <= set(row.accounts),
        ),
    ]
    for wanted, satisfies in cases:
        expected = [row.entry_id for row in journal if satisfies(row)]
        assert expected, wanted
        assert ids(walk(cursor, wanted, 7)) == expected, wanted
    assert walk(cursor, EntryFilter(account="9999/nothing")) == walk(cursor, EntryFilter(code="20")) == []


def test_the_entries_of_a_session_and_of_a_payout(cursor: Cursor[TupleRow], journal: list[JournalRow]) -> None:
    session_id = next(row.session_id for row in journal if row.session_id)
    payout_id = next(row.payout_id for row in journal if row.payout_id)
    assert ids(walk(cursor, EntryFilter(session_id=session_id), 2)) == [
        row.entry_id for row in journal if row.session_id == session_id
    ]
    assert ids(walk(cursor, EntryFilter(payout_id=payout_id), 2)) == [
        row.entry_id for row in journal if row.payout_id == payout_id
    ]
    kinds = {row.kind for row in walk(cursor, EntryFilter(session_id=session_id, code="2011"))}
    assert kinds == {
        row.kind for row in journal if row.session_id == session_id and any(a[:4] == "2011" for a in row.accounts)
    }


def test_when_entries_were_recorded_is_asked_by_itself(cursor: Cursor[TupleRow], journal: list[JournalRow]) -> None:
    rows = walk(cursor, EntryFilter())
    moment = sorted(row.recorded_at for row in rows)[len(rows) // 2]
    late = [row.entry_id for row in rows if row.recorded_at >= moment]
    assert ids(walk(cursor, EntryFilter(recorded_at=Range(gte=moment)), 11)) == late
    assert walk(cursor, EntryFilter(recorded_at=Range(gt=datetime(2999, 1, 1, tzinfo=UTC)))) == []


def test_what_was_known_later_is_not_told(cursor: Cursor[TupleRow]) -> None:
    positions: dict[UUID, int] = dict(
        cursor.execute("SELECT entry_id, min(position) FROM projection.account_lines GROUP BY entry_id").fetchall()
    )
    known = sorted(positions.values())[len(positions) // 2]
    rows = walk(cursor, EntryFilter(), known=known)
    assert set(ids(rows)) == {entry_id for entry_id, position in positions.items() if position <= known}
    assert all(row.reversed_by is None or positions[row.reversed_by] <= known for row in rows)
    account = rows[0].accounts[0]
    assert ids(walk(cursor, EntryFilter(account=account), known=known)) == [
        row.entry_id for row in rows if account in row.accounts
    ]
    late = [entry_id for entry_id, position in positions.items() if position > known]
    assert entries_by_id(cursor, late, known=known) == []
    assert len(entries_by_id(cursor, late, known=position_at(cursor))) == len(late)


def test_amounts_of_every_entry_that_is_seen_whole_are_balanced(cursor: Cursor[TupleRow]) -> None:
    for row in walk(cursor, EntryFilter()):
        assert sum(row.amounts) == 0
        assert format_minor(row.amounts[0], row.currency)


def at_some_time(number: int) -> list[tuple[UUID, Any]]:
    """A session rated at a time that has nothing to do with the order in which it is recorded."""
    session_id = f"S-{number}"
    minutes = number * 7919 % 1_000
    booking = replace(rated_booking(session_id, f"OP-{number % 3}"), effective_at=NOON + timedelta(minutes=minutes))
    return [(session_stream(session_id), Booked(booking, 1))]


@pytest.mark.parametrize("wanted", [EntryFilter(), EntryFilter(code="4010"), EntryFilter(operators=("OP-1", "OP-2"))])
def test_a_walk_while_others_write_gives_what_was_there_once(
    store: str, recorder: Recorder, wanted: EntryFilter
) -> None:
    for number in range(60):
        recorder.record_all(at_some_time(number))
    catch_up(store)
    with connect(store, Role.AUDITOR, autocommit=True) as connection, connection.cursor() as cursor:
        before = ids(walk(cursor, wanted, 50, known=position_at(cursor)))
        walked: list[UUID] = []

        def page_by_page() -> None:
            after = None
            while True:
                with connection.transaction():
                    page = list_entries(cursor, wanted, known=position_at(cursor), limit=2, after=after)
                if not page:
                    return
                walked.extend(ids(page))
                after = page[-1].effective_at, page[-1].entry_id

        with following(store):
            last = recording_during(page_by_page, lambda number: recorder.record_all(at_some_time(number)), 60)
    assert last > 60
    assert len(walked) == len(set(walked))
    assert set(before) <= set(walked)


def test_a_page_is_found_by_an_index_whatever_is_asked(cursor: Cursor[TupleRow]) -> None:
    """What has no index with the order of the list would be read whole, and put in order."""
    cases = [
        EntryFilter(),
        EntryFilter(account="2010/OP-1"),
        EntryFilter(account="2010/OP-1", code="2011"),
        EntryFilter(operators=("OP-1", "OP-2")),
        EntryFilter(kind="J36"),
        EntryFilter(session_id="S-1"),
    ]
    cursor.execute("SET LOCAL enable_seqscan = off")
    with Explaining(cursor.connection) as explaining:
        for wanted in cases:
            for known in (BEHIND, 1):
                explaining.plans = []
                list_entries(explaining, wanted, known=known, limit=20, after=(NOON, UUID(int=1)))
                for plan in explaining.plans:
                    scanned = set(re.findall(r"Seq Scan on (\w+)", plan))
                    assert scanned <= {"generation", "open_payout"}, plan
                    assert "Gather" not in plan
