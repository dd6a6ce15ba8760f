"""Periods of the book as they stand: which are closed, in which zone months end, and in which each entry is booked.

The database books entries (migration 276); here is only read where it stands, and told where it should stand.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

DEFAULT_ZONE = "UTC"

_CALENDAR = "SELECT coalesce(zone, %s), zone IS NOT NULL, first_open, open_from FROM book.calendar"
_FIX_ZONE = "SELECT book.fix_zone(%s)"
_BOOKED_IN = "SELECT entry_id, booked_in FROM book.booked WHERE entry_id = ANY(%s)"


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
