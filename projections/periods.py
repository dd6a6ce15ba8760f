"""Periods as people look at them: where one stands, by which hash it is closed, what was issued, what is late."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.closing.statement import Bounds, Item, figures_of, statement_hash
from ledger.book.periods import Turn, book_calendar, booked_through, bounds_of, restated, turns
from ledger.intake.checklist import checklist

OPEN, CLOSED, NEXT = "OPEN", "CLOSED", "NEXT"

# Every late line of a period or one before it that is booked behind it.
_LATE = """
SELECT entry.entry_id, kind, effective_at, cause, booked_in, posting.currency, account, amount_minor
FROM book.late_entry JOIN book.entry USING (entry_id) JOIN book.posting USING (entry_id)
WHERE booked_in > %s AND effective_at < %s
ORDER BY booked_in, effective_at, entry.entry_id, line
"""


@dataclass(frozen=True, slots=True)
class LateLine:
    """A posting that is effective in a period, or before it, and booked after it: minor units, debit positive."""

    entry_id: UUID
    kind: str
    effective_at: datetime
    cause: UUID
    booked_in: str
    currency: str
    account: str
    amount: int


@dataclass(frozen=True, slots=True)
class AccountReport:
    """An account of a period: what was issued of it, the late lines, and what both come to."""

    currency: str
    account: str
    issued: int
    late: Sequence[LateLine]
    restated: int


@dataclass(frozen=True, slots=True)
class PeriodStatus:
    """Where a period stands: CLOSED, NEXT to be closed or OPEN; `statement_hash` is what it is closed by, or was."""

    bounds: Bounds
    state: str
    version: int
    statement_hash: str
    checklist: Sequence[Item]
    last: Turn | None


def period_status(cursor: Cursor[TupleRow], period: str, book_zone: str) -> PeriodStatus:
    """Where a period stands now; `book_zone` counts while no zone is fixed."""
    calendar = book_calendar(cursor)
    zone = calendar.zone if calendar.is_fixed else book_zone
    bounds = Bounds(period, zone, *bounds_of(cursor, period, zone))
    told = turns(cursor, period)
    version = max((each.version for each in told), default=0)
    last = told[-1] if told else None
    if calendar.first_open is not None and period < calendar.first_open:
        hash_ = (last.statement_hash if last else None) or ""
        return PeriodStatus(bounds, CLOSED, version, hash_, (), last)
    state = NEXT if calendar.first_open in (None, period) else OPEN
    hash_ = statement_hash(bounds, version + 1, booked_through(cursor, period, bounds.ends_at))
    return PeriodStatus(bounds, state, version + 1, hash_, checklist(cursor, bounds.ends_at), last)


def issued_of(cursor: Cursor[TupleRow], period: str) -> Turn | None:
    """The close of a period that stands; None where it is not closed, or was closed by the close of a later one."""
    told = turns(cursor, period)
    return told[-1] if told and told[-1].kind == "CLOSED" else None


def late_lines(cursor: Cursor[TupleRow], period: str, ends_at: datetime) -> Iterator[LateLine]:
    """What is effective by the end of a period and booked behind it, by period, time and entry."""
    return (LateLine(*row) for row in cursor.execute(_LATE, (period, ends_at)))


def period_report(cursor: Cursor[TupleRow], closed: Turn) -> list[AccountReport]:
    """Every account of a closed period: issued, the late lines, and restated, which is their sum."""
    issued, now = figures_of(closed.issued or '{"accounts": []}'), restated(cursor, closed.ends_at)
    late: dict[tuple[str, str], list[LateLine]] = {}
    for line in late_lines(cursor, closed.period, closed.ends_at):
        late.setdefault((line.currency, line.account), []).append(line)
    return [
        AccountReport(currency, account, issued.get(key, 0), late.get(key, ()), now.get(key, 0))
        for key in sorted({*issued, *now, *late})
        for currency, account in (key,)
    ]
