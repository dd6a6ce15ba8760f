"""Whatever is changed of closed periods, of late entries and of sweeps behind the book's back, `verify` sees it."""

from collections.abc import Callable

import psycopg
import pytest

from tests.audit.forgery import unguarded
from tests.support.audited import verify

TABLES = ("book.entry", "book.late_entry", "book.period_turn", "book.calendar", "event_store.stored_events")

# What somebody does who owns the server, and which check says so.
FAULTS = {
    "a late entry is in its own period again": ("DELETE FROM book.late_entry", "periods"),
    "a late entry is booked in another period": ("UPDATE book.late_entry SET booked_in = '2026-02'", "periods"),
    "an entry in time is booked later": (
        (
            "INSERT INTO book.late_entry SELECT entry_id, '2026-04' FROM book.entry LEFT JOIN book.late_entry AS "
            "late USING (entry_id) WHERE late.entry_id IS NULL ORDER BY entry_id LIMIT 1"
        ),
        "periods",
    ),
    "the book stands where it stood before": (
        "UPDATE book.calendar SET open_from = NULL, first_open = NULL",
        "periods",
    ),
    "another zone": ("UPDATE book.calendar SET zone = 'Asia/Tokyo'", "periods"),
    "issued figures": (
        'UPDATE book.period_turn SET issued = replace(issued, \'"balance": "-21.00"\', \'"balance": "-20.00"\')',
        "periods",
    ),
    "issued figures, in the event too": (
        (
            "UPDATE event_store.stored_events SET state = convert_to(replace(convert_from(state, 'UTF8'), "
            "'\\\"-21.00\\\"', '\\\"-20.00\\\"'), 'UTF8') WHERE topic = 'PeriodClosed'"
        ),
        "periods",
    ),
    "a hash": ("UPDATE book.period_turn SET statement_hash = sha256('')", "periods"),
    "a close that is gone": ("DELETE FROM book.period_turn", "periods"),
    "a second person who is the first": (
        (
            "UPDATE event_store.stored_events SET state = convert_to(replace(convert_from(state, 'UTF8'), 'j.lind', "
            "'m.ortega'), 'UTF8') WHERE topic IN ('period.closed', 'PeriodClosed')"
        ),
        "affairs",
    ),
    "a sweep of more": (
        (
            "UPDATE event_store.stored_events SET state = convert_to(regexp_replace(convert_from(state, 'UTF8'), "
            "'\"amount\":[0-9]+', '\"amount\":999'), 'UTF8') WHERE topic = 'Booked.OwnFundsSwept'"
        ),
        "affairs",
    ),
    "a return that was filed otherwise": (
        (
            "UPDATE event_store.stored_events SET state = convert_to(replace(convert_from(state, 'UTF8'), '-2100', "
            "'-2000'), 'UTF8') WHERE topic = 'VatReturnFiled'"
        ),
        "affairs",
    ),
    "what a sweep reserves": ("UPDATE intake.affair SET reserved = 5, currency = 'EUR'", "affairs"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_changed_of_a_close_is_found(name: str, book: str) -> None:
    statement, check = FAULTS[name]
    with psycopg.connect(book) as connection, unguarded(connection, *TABLES):
        assert connection.execute(statement.encode()).rowcount > 0, "nothing was changed"
    assert check in {each.name for each in verify(book).failed}


def test_what_the_planted_faults_are_planted_in_is_sound(book: str, tamper: Callable[[str], int]) -> None:
    assert not {each.name for each in verify(book).failed} & {"periods", "affairs"}
