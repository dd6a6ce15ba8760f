"""Eight writers while periods are closed: what is issued is what is booked by then, and nothing is in between."""

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event, Thread
from uuid import uuid4

from psycopg import Connection
from psycopg.rows import TupleRow

from domain.book.journal import Entry
from domain.closing.periods import month_after
from ledger.book.journal import post_entries, write_entries
from ledger.book.periods import booked_through, bounds_of, hold_calendar, turn_period
from ledger.database import Role

WRITERS, CLOSES = 8, 20
_BOOKED = """
SELECT currency, account, sum(amount_minor)::bigint
FROM book.posting JOIN book.booked USING (entry_id) WHERE booked_in <= %s
GROUP BY currency, account HAVING sum(amount_minor) <> 0
"""
Figures = dict[tuple[str, str], int]


def write(connection: Connection[TupleRow], number: int, make_entry: Callable[..., Entry], over: Event) -> None:
    """Entries of all months, early and late, in sets large and small, until all are closed."""
    turn = 0
    while not over.is_set():
        turn += 1
        entries = [
            make_entry(
                (f"1105/W-{number}", 1 + place),
                ("2011/OP", -1 - place),
                name=f"{number}.{turn}.{place}",
                effective_at=datetime(2024 + (turn + place) % 2, 1 + (turn * 5 + place) % 12, 15, tzinfo=UTC),
            )
            for place in range(3)
        ]
        (write_entries if turn % 2 else post_entries)(connection.cursor(), entries, number)
        connection.commit()


def close_all(connection: Connection[TupleRow]) -> dict[str, Figures]:
    """Close twenty months; what was issued of each."""
    issued: dict[str, Figures] = {}
    period = "2024-01"
    for _ in range(CLOSES):
        cursor = connection.cursor()
        hold_calendar(cursor)
        _, ends_at = bounds_of(cursor, period, "UTC")
        issued[period] = booked_through(cursor, period, ends_at)
        at = datetime(2026, 1, 1, tzinfo=UTC)
        turn_period(cursor, "CLOSED", period, 1, "UTC", at, uuid4(), bytes(32), "{}", "{}", "{}")
        connection.commit()
        period = month_after(period)
    return issued


def test_issued_figures_are_what_is_booked_by_then_however_many_write(
    session: Callable[[Role], Connection[TupleRow]], make_entry: Callable[..., Entry]
) -> None:
    over = Event()
    writers = [
        Thread(target=write, args=(session(Role.WRITER), number, make_entry, over)) for number in range(WRITERS)
    ]
    for each in writers:
        each.start()
    owner = session(Role.OWNER)
    try:
        issued = close_all(owner)
    finally:
        over.set()
        for each in writers:
            each.join(60)
    for period, figures in issued.items():
        booked = {(currency, account): amount for currency, account, amount in owner.execute(_BOOKED, (period,))}
        assert booked == figures, period
    assert owner.execute("SELECT count(DISTINCT booked_in) > 5 FROM book.late_entry").fetchone() == (True,)
