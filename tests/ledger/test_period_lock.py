"""In which period an entry is booked is the database's to say, and nobody books anything in one that is closed."""

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Thread

import pytest
from psycopg import Connection, IsolationLevel
from psycopg.errors import IntegrityError, SerializationFailure
from psycopg.rows import TupleRow

from domain.book.journal import Entry
from ledger.book.journal import post_entries, write_entries
from ledger.database import Role
from tests.support.waiting import wait_until

Maker = Callable[..., Entry]

CLOSE = (
    "INSERT INTO book.period_turn (number, kind, period, version, zone, at, cause, statement_hash, issued, "
    "balance_sheet, checklist) SELECT coalesce(max(number), 0) + 1, %s, %s, %s, %s, '2026-07-01T00:00:00Z', "
    "gen_random_uuid(), {0}, {1}, {1}, {1} FROM book.period_turn"
)
JANUARY, FEBRUARY, MARCH, APRIL = (datetime(2026, month, 15, tzinfo=UTC) for month in range(1, 5))


def turn(connection: Connection[TupleRow], kind: str, period: str, version: int = 1, zone: str = "UTC") -> None:
    given = ("sha256('')", "'{}'") if kind == "CLOSED" else ("NULL", "NULL")
    connection.execute(CLOSE.format(*given).encode(), (kind, period, version, zone))


def close(connection: Connection[TupleRow], period: str, version: int = 1, zone: str = "UTC") -> None:
    turn(connection, "CLOSED", period, version, zone)


def made(make_entry: Maker, at: datetime, name: str) -> Entry:
    return make_entry(("1105/S", 100), ("2011/OP", -100), name=name, effective_at=at)


def booked(connection: Connection[TupleRow]) -> dict[str, tuple[str, str]]:
    """Of each entry, by the name of its session, the period it is of and the one it is booked in."""
    rows = connection.execute(
        "SELECT session_id, booked.period, booked_in FROM book.booked JOIN book.entry USING (entry_id)"
    )
    return {name: (period, booked_in) for name, period, booked_in in rows}


@pytest.fixture
def owner(session: Callable[[Role], Connection[TupleRow]]) -> Connection[TupleRow]:
    """A connection of who owns the tables."""
    return session(Role.OWNER)


def test_an_entry_is_booked_in_its_own_period_while_that_is_open_and_else_in_the_first_open_one(
    owner: Connection[TupleRow], make_entry: Maker
) -> None:
    write_entries(owner.cursor(), [made(make_entry, JANUARY, "in time")], shard=0)
    close(owner, "2026-01")
    late = [made(make_entry, at, name) for name, at in (("late", JANUARY), ("now", FEBRUARY), ("early", MARCH))]
    write_entries(owner.cursor(), late, shard=0)
    close(owner, "2026-02")
    post_entries(owner.cursor(), [made(make_entry, JANUARY, "later")], shard=0)
    turn(owner, "REOPENED", "2026-02")
    write_entries(owner.cursor(), [made(make_entry, at, f"again {at:%m}") for at in (JANUARY, FEBRUARY)], shard=0)
    assert booked(owner) == {
        "in time": ("2026-01", "2026-01"),
        "late": ("2026-01", "2026-02"),
        "now": ("2026-02", "2026-02"),
        "early": ("2026-03", "2026-03"),
        "later": ("2026-01", "2026-03"),
        "again 01": ("2026-01", "2026-02"),
        "again 02": ("2026-02", "2026-02"),
    }


def test_months_end_in_the_zone_of_the_book(owner: Connection[TupleRow], make_entry: Maker) -> None:
    close(owner, "2026-01", zone="Europe/Berlin")
    moments = {"before": datetime(2026, 1, 31, 22, 59, tzinfo=UTC), "after": datetime(2026, 1, 31, 23, 0, tzinfo=UTC)}
    write_entries(owner.cursor(), [made(make_entry, at, name) for name, at in moments.items()], shard=0)
    assert booked(owner) == {"before": ("2026-01", "2026-02"), "after": ("2026-02", "2026-02")}
    with pytest.raises(IntegrityError, match="cannot be closed now"):
        close(owner, "2026-02", zone="UTC")


@pytest.mark.parametrize(
    "turns",
    [
        [("CLOSED", "2026-01"), ("CLOSED", "2026-03")],
        [("CLOSED", "2026-01"), ("CLOSED", "2026-01")],
        [("REOPENED", "2026-01")],
        [("CLOSED", "2026-01"), ("CLOSED", "2026-02"), ("REOPENED", "2026-01")],
        [("CLOSED", "2026-01"), ("REOPENED", "2026-01"), ("REOPENED", "2025-12")],
    ],
)
def test_periods_are_closed_in_order_and_the_last_one_is_opened_again(
    turns: list[tuple[str, str]], owner: Connection[TupleRow]
) -> None:
    for kind, period in turns[:-1]:
        turn(owner, kind, period)
    with pytest.raises(IntegrityError, match=r"cannot be .* now"):
        turn(owner, *turns[-1])


def test_an_entry_in_flight_is_before_the_close_that_waits_for_it(
    session: Callable[[Role], Connection[TupleRow]], make_entry: Maker
) -> None:
    owner, closer, watcher = (session(Role.OWNER) for _ in range(3))
    write_entries(owner.cursor(), [made(make_entry, JANUARY, "in flight")], shard=0)

    def close_and_commit() -> None:
        close(closer, "2026-01")
        closer.commit()

    closing = Thread(target=close_and_commit)
    closing.start()
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'book.calendar'::regclass"
    wait_until(lambda: watcher.execute(waits).fetchone() == (1,))
    owner.commit()
    closing.join(30)
    assert booked(watcher) == {"in flight": ("2026-01", "2026-01")}
    assert watcher.execute("SELECT first_open FROM book.calendar").fetchone() == ("2026-02",)


@pytest.mark.parametrize("isolation", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
def test_who_saw_the_book_before_a_close_books_nothing_after_it(
    isolation: IsolationLevel, session: Callable[[Role], Connection[TupleRow]], make_entry: Maker
) -> None:
    owner, closer = session(Role.OWNER), session(Role.OWNER)
    owner.isolation_level = isolation
    assert booked(owner) == {}
    close(closer, "2026-01")
    closer.commit()
    with pytest.raises(SerializationFailure):
        write_entries(owner.cursor(), [made(make_entry, JANUARY, "late")], shard=0)
