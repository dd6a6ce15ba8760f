"""What people ask the read models: balances, payouts and totals."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

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

_PAYOUT_ROW = """
SELECT payout_id, batch_id, operator_id, currency, business_date, attempt, amount, reserve, status, status_at, reason,
       fired_at, reissue_of, cardinality(entry_ids) AS entries
FROM projection.payouts
"""
_PAYOUT = f"{_PAYOUT_ROW} WHERE payout_id = %s"
# Payouts by operator, currency, business date and attempt; of one operator where one is named.
_PAYOUTS = f"""{_PAYOUT_ROW}
WHERE %(operator_id)s::text IS NULL OR operator_id = %(operator_id)s
ORDER BY operator_id, currency, business_date, attempt
"""
_OPERATORS_OF_PAYOUTS = "SELECT payout_id, operator_id FROM projection.payouts"

# Sessions by id, of a state or an operator where one is named.
_SESSIONS = """
SELECT session_id, operator_id, state, reason, energy_wh, currency, net, vat, gross, commission, commission_vat,
       operator_share
FROM projection.sessions
WHERE (%(state)s::text IS NULL OR state = %(state)s)
  AND (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
ORDER BY session_id LIMIT %(limit)s
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


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as people see it; amounts are in minor units, and there are none where it has no bill."""

    session_id: str
    operator_id: str
    state: str
    reason: str
    energy_wh: Decimal | None
    currency: str | None
    net: int | None
    vat: int | None
    gross: int | None
    commission: int | None
    commission_vat: int | None
    operator_share: int | None


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


def payout(cursor: Cursor[TupleRow], payout_id: str) -> PayoutRow | None:
    """One payout, by its id as it is written; None where there is none."""
    with cursor.connection.cursor(row_factory=class_row(PayoutRow)) as rows:
        return rows.execute(_PAYOUT, (payout_id,)).fetchone()


def operators_of_payouts(cursor: Cursor[TupleRow]) -> dict[str, str]:
    """The operator of each payout, by the payout's id."""
    return dict(cursor.execute(_OPERATORS_OF_PAYOUTS).fetchall())


def sessions(
    cursor: Cursor[TupleRow], *, state: str | None = None, operator_id: str | None = None, limit: int
) -> list[SessionRow]:
    """The first sessions by id, of a state and of an operator where those are named."""
    with cursor.connection.cursor(row_factory=class_row(SessionRow)) as rows:
        return rows.execute(_SESSIONS, {"state": state, "operator_id": operator_id, "limit": limit}).fetchall()


def payout_id_as_written(text: str) -> str:
    """A payout's id with hyphens and in small letters, whichever way it was given; other text as it is."""
    try:
        return str(UUID(text.strip()))
    except ValueError:
        return text
