"""What people ask the read models: balances, payouts and totals."""

from dataclasses import dataclass
from datetime import date, datetime

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

# What the store holds, for the summary.
_TOTALS = """
SELECT count(*) FILTER (WHERE state = 'RATED'),
       count(*) FILTER (WHERE state = 'OPEN'),
       count(*) FILTER (WHERE state = 'SUSPENSE'),
       (SELECT count(*) FROM projection.cdrs),
       (SELECT count(*) FROM projection.payouts)
FROM projection.sessions
"""
_TOTAL_NAMES = ("sessions_rated", "sessions_open", "sessions_in_suspense", "cdrs", "payouts")

# Balances by operator and currency; of one operator where one is named.
_BALANCES = """
SELECT operator_id, currency, pending, available, reserved, disputed, in_transit, to_fix, paid_out
FROM projection.operator_balances
WHERE %(operator_id)s::text IS NULL OR operator_id = %(operator_id)s
ORDER BY operator_id, currency
"""

# Payouts by operator, currency, business date and attempt; of one operator where one is named.
_PAYOUTS = """
SELECT payout_id, batch_id, operator_id, currency, business_date, attempt, amount, reserve, status, status_at, reason,
       fired_at, reissue_of, cardinality(entry_ids) AS entries
FROM projection.payouts
WHERE %(operator_id)s::text IS NULL OR operator_id = %(operator_id)s
ORDER BY operator_id, currency, business_date, attempt
"""


@dataclass(frozen=True, slots=True)
class OperatorBalance:
    """What an operator is owed and was paid in one currency: minor units, positive in its favour."""

    operator_id: str
    currency: str
    pending: int
    available: int
    reserved: int
    disputed: int
    in_transit: int
    to_fix: int
    paid_out: int


@dataclass(frozen=True, slots=True)
class PayoutRow:
    """A payout as people see it; `entries` is how many journal entries it pays, `amount` is in minor units."""

    payout_id: str
    batch_id: str
    operator_id: str
    currency: str
    business_date: date
    attempt: int
    amount: int
    reserve: int
    status: str
    status_at: datetime
    reason: str | None
    fired_at: datetime
    reissue_of: str | None
    entries: int


def totals(cursor: Cursor[TupleRow]) -> dict[str, int]:
    """Counts of the store: `sessions_rated`, `sessions_open`, `sessions_in_suspense`, `cdrs`, `payouts`."""
    row = cursor.execute(_TOTALS).fetchone() or ()
    return dict(zip(_TOTAL_NAMES, row, strict=True))


def operator_balances(cursor: Cursor[TupleRow], operator_id: str | None = None) -> list[OperatorBalance]:
    """Balances by operator and currency, of all or of one."""
    with cursor.connection.cursor(row_factory=class_row(OperatorBalance)) as rows:
        return rows.execute(_BALANCES, {"operator_id": operator_id}).fetchall()


def payouts(cursor: Cursor[TupleRow], operator_id: str | None = None) -> list[PayoutRow]:
    """Payouts by operator, currency, business date and attempt, of all or of one operator."""
    with cursor.connection.cursor(row_factory=class_row(PayoutRow)) as rows:
        return rows.execute(_PAYOUTS, {"operator_id": operator_id}).fetchall()
