"""What the payouts of an operator's next business dates will come to, by what its runs paid of the last months."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import LiteralString

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import ONE_DAY
from domain.payout.forecast import CALIBRATION_DAYS, DAYS, WEEKDAYS, DayForecast, forecast

# All that a forecast looks at: the days that bands are measured by, and before them the weeks by which the first of
# those was told, as far ahead as any.
_LOOKS_BACK = timedelta(days=CALIBRATION_DAYS + 7 * (WEEKDAYS + 4))

_RUNS = """
SELECT operator_id, closed_through FROM surface.runs
WHERE closed_through > '0001-01-01' AND (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
ORDER BY operator_id
"""
# By business date: what was paid, at once as well. What was rejected paid nothing, a further attempt the same again.
_PAID = """
SELECT currency, business_date, sum(amount)::bigint FROM surface.payouts
WHERE operator_id = %(operator_id)s AND business_date > %(since)s AND business_date <= %(closed)s
  AND reissue_of IS NULL AND status <> 'REJECTED'
GROUP BY currency, business_date ORDER BY currency, business_date
"""
# Lines that are released and not paid, by the date whose run may pay them.
_RELEASED: LiteralString = """
SELECT currency, greatest(available_on, %(next)s::date), sum(amount)::bigint FROM surface.payable_lines
WHERE operator_id = %(operator_id)s AND payout_id IS NULL AND released_at IS NOT NULL AND available_on <= %(last)s
GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class ExpectedDay:
    """A business date to come of an operator in a currency, in minor units.

    `released` is what is released already and may be paid then, before reserves, minimums and taxes.
    """

    operator_id: str
    currency: str
    forecast: DayForecast
    released: int


def expected_days(cursor: Cursor[TupleRow], operator_id: str | None = None, days: int = DAYS) -> list[ExpectedDay]:
    """The business dates after the last one that runs closed, of an operator or all; none where too few were paid."""
    closed = cursor.execute(_RUNS, {"operator_id": operator_id}).fetchall()
    return [day for id_, through in closed for day in _of_operator(cursor, id_, through, days)]


def _of_operator(cursor: Cursor[TupleRow], operator_id: str, closed: date, days: int) -> list[ExpectedDay]:
    asked = {"operator_id": operator_id, "closed": closed, "since": closed - _LOOKS_BACK}
    asked |= {"next": closed + ONE_DAY, "last": closed + days * ONE_DAY}
    paid: dict[str, dict[date, int]] = {}
    for currency, day, amount in cursor.execute(_PAID, asked):
        paid.setdefault(currency, {})[day] = amount
    released = {(currency, day): amount for currency, day, amount in cursor.execute(_RELEASED, asked)}
    return [
        ExpectedDay(operator_id, currency, each, released.get((currency, each.business_date), 0))
        for currency, of_days in paid.items()
        for each in forecast(of_days, min(of_days), closed, days)
    ]
