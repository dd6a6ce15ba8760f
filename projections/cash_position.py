"""The cash position: by operator and currency what moved in a span, what is owed and where, and how long it took.

All figures are of one snapshot, as known at one position.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Cursor
from psycopg.rows import TupleRow

from projections.as_of import FOREVER, AsOf
from projections.balances_at import operator_balances_at
from projections.cash import CashMovement, Span, cash_movements
from projections.days_to_cash import DaysToCash, days_to_cash
from projections.queries import OperatorBalance, operator_balances

_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class CashPosition:
    """What moved of an operator's share in a currency, what it is owed, and its days to cash, None without any."""

    moved: CashMovement
    owed: OperatorBalance
    days: DaysToCash | None


def span_as_of(span: Span, effective_at: datetime | None) -> Span:
    """A span that ends with what is effective up to a moment, inclusive."""
    if effective_at is None:
        return span
    ends = min(effective_at, FOREVER - _MOMENT) + _MOMENT
    return span._replace(before=min(span.before, ends) if span.before else ends)


def cash_positions(cursor: Cursor[TupleRow], span: Span, asked: AsOf, *, is_now: bool) -> list[CashPosition]:
    """The positions by operator and currency; `is_now`: nothing is left out, and balances are those of now."""
    of = span_as_of(span, asked.effective_at)
    moved = cash_movements(cursor, of)
    days = {(each.operator_id, each.currency): each for each in days_to_cash(cursor, of, asked.effective_at)}
    balances = balances_as_of(cursor, asked, span.operator_id, is_now=is_now)
    owed = {(each.operator_id, each.currency): each for each in balances}
    found = []
    for each in moved:
        key = each.operator_id, each.currency
        nothing = OperatorBalance(*key, 0, 0, 0, 0, 0, 0, 0)
        found.append(CashPosition(each, owed.get(key, nothing), days.get(key)))
    return found


def balances_as_of(
    cursor: Cursor[TupleRow], asked: AsOf, operator_id: str | None = None, *, is_now: bool
) -> list[OperatorBalance]:
    """What operators are owed on both axes, of all or of one; the read model where nothing is left out."""
    if is_now:
        return operator_balances(cursor, operator_id)
    return operator_balances_at(cursor, asked, operator_id)
