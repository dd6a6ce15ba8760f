"""Periods of the book as they stand: which are closed, in which zone months end, and in which each entry is booked.

The database books entries (migration 276); here is only read where it stands, and told where it should stand.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.book.balances import trial_balance

DEFAULT_ZONE = "UTC"

_CALENDAR = "SELECT coalesce(zone, %s), zone IS NOT NULL, first_open, open_from FROM book.calendar"
_FIX_ZONE = "SELECT book.fix_zone(%s)"
_BOOKED_IN = "SELECT entry_id, booked_in FROM book.booked WHERE entry_id = ANY(%s)"
_HOLD = "SELECT book.hold_calendar()"
_BOUNDS = """
SELECT (%(period)s || '-01')::timestamp AT TIME ZONE %(zone)s,
       ((%(period)s || '-01')::timestamp + interval '1 month') AT TIME ZONE %(zone)s
"""
# What is effective before a moment and booked in later periods than one.
_LATER = """
SELECT currency, account, sum(amount_minor)::bigint
FROM book.late_entry JOIN book.entry USING (entry_id) JOIN book.posting USING (entry_id, currency)
WHERE booked_in > %s AND effective_at < %s
GROUP BY currency, account
"""
_ISSUED_BEFORE = """
SELECT issued FROM book.period_turn WHERE kind = 'CLOSED' AND period < %s ORDER BY number DESC LIMIT 1
"""
_TURN = """
INSERT INTO book.period_turn (number, kind, period, version, zone, at, cause, statement_hash, issued, balance_sheet,
                              checklist)
SELECT coalesce(max(number), 0) + 1, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s FROM book.period_turn
"""
_TURNS = """
SELECT number, kind, period, version, zone, starts_at, ends_at, at, encode(statement_hash, 'hex'), issued,
       balance_sheet, checklist, recorded_at
FROM book.period_turn WHERE %(period)s::text IS NULL OR period = %(period)s ORDER BY number
"""
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class BookCalendar:
    """Where the book stands: months end in `zone`, and all that begins before `open_from` is closed.

    `first_open` is the month that begins there, as YYYY-MM; both are None while nothing is closed. Until `is_fixed`
    the zone may become another one.
    """

    zone: str
    is_fixed: bool
    first_open: str | None
    open_from: datetime | None


def book_calendar(cursor: Cursor[TupleRow]) -> BookCalendar:
    """Where the book stands now."""
    row = cursor.execute(_CALENDAR, (DEFAULT_ZONE,)).fetchone()
    return BookCalendar(*row) if row else BookCalendar(DEFAULT_ZONE, False, None, None)


def fix_zone(cursor: Cursor[TupleRow], wanted: str) -> str:
    """The zone in which months end from now on: what was fixed before, else `wanted`, by its IANA name.

    Whoever first makes something that names the period of an entry and is kept outside fixes it. Raises
    psycopg.errors.InvalidParameterValue for a zone that PostgreSQL does not know.
    """
    row = cursor.execute(_FIX_ZONE, (wanted,)).fetchone()
    return str(row[0]) if row else wanted


def booked_in(cursor: Cursor[TupleRow], entry_ids: Iterable[UUID]) -> dict[UUID, str]:
    """The period, as YYYY-MM, in which each of these entries is booked; those that the book has not are left out."""
    return dict(cursor.execute(_BOOKED_IN, (list(entry_ids),)).fetchall())


@dataclass(frozen=True, slots=True)
class Turn:
    """A period that was CLOSED or REOPENED; what was issued is JSON text, of closes alone."""

    number: int
    kind: str
    period: str
    version: int
    zone: str
    starts_at: datetime
    ends_at: datetime
    at: datetime
    statement_hash: str | None
    issued: str | None
    balance_sheet: str | None
    checklist: str | None
    recorded_at: datetime


def hold_calendar(cursor: Cursor[TupleRow]) -> None:
    """Have nobody book anything to the end of the transaction; waits for entries in flight, in turn."""
    cursor.execute(_HOLD)


def bounds_of(cursor: Cursor[TupleRow], period: str, zone: str) -> tuple[datetime, datetime]:
    """When a period begins in a zone, and when the next one does."""
    row = cursor.execute(_BOUNDS, {"period": period, "zone": zone}).fetchone()
    if row is None:
        raise LookupError(f"period {period} has no bounds")
    return row[0].astimezone(UTC), row[1].astimezone(UTC)


def restated(cursor: Cursor[TupleRow], ends_at: datetime) -> dict[tuple[str, str], int]:
    """What is effective before a moment, as known now: by currency and account, debit positive, without zeros."""
    found = trial_balance(cursor, ends_at - MICROSECOND)
    return {
        (currency, account): debits - credits
        for currency, accounts in found.items()
        for account, (debits, credits) in accounts.items()
        if debits != credits
    }


def booked_through(cursor: Cursor[TupleRow], period: str, ends_at: datetime) -> dict[tuple[str, str], int]:
    """What is booked in a period or before it, which ends at a moment: as `restated` has it, less what came late."""
    figures = restated(cursor, ends_at)
    for currency, account, amount in cursor.execute(_LATER, (period, ends_at)):
        figures[currency, account] = figures.get((currency, account), 0) - amount
    return {key: amount for key, amount in figures.items() if amount}


def issued_before(cursor: Cursor[TupleRow], period: str) -> str | None:
    """What was issued last of the periods before one; None while none was closed."""
    row = cursor.execute(_ISSUED_BEFORE, (period,)).fetchone()
    return str(row[0]) if row else None


def turn_period(
    cursor: Cursor[TupleRow],
    kind: str,
    period: str,
    version: int,
    zone: str,
    at: datetime,
    cause: UUID,
    *issued: str | bytes | None,
) -> None:
    """Close a period, or open it again; `issued` are hash, figures, balance sheet and checklist of a close.

    Raises psycopg.errors.IntegrityError where it is not the turn of the period.
    """
    cursor.execute(_TURN, (kind, period, version, zone, at, cause, *(issued or (None,) * 4)))


def turns(cursor: Cursor[TupleRow], period: str | None = None) -> list[Turn]:
    """Each close and reopening in its order, of one period or of all."""
    return [Turn(*row) for row in cursor.execute(_TURNS, {"period": period})]
