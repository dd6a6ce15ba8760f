"""Taxes that were withheld when an operator was paid, a tax year at a time, as a certificate states them."""

from dataclasses import dataclass
from datetime import date

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.catalogue.run_terms import RunTerms
from projections.operators import operator

# What payouts that left withheld; those that wait for approval have withheld nothing yet, and were rejected nothing.
_WITHHELD = """
SELECT tax.regime, tax.currency, tax.business_date, tax.payout_id, payout.status, tax.base, tax.percent, tax.amount
FROM surface.tax_withheld AS tax JOIN surface.payouts AS payout USING (payout_id, operator_id)
WHERE tax.operator_id = %(operator_id)s AND tax.business_date >= %(from)s AND tax.business_date < %(to)s
  AND payout.status NOT IN ('AWAITING_APPROVAL', 'REJECTED')
ORDER BY tax.regime, tax.currency, tax.business_date, payout.fired_at, tax.payout_id
"""


@dataclass(frozen=True, slots=True)
class TaxWithheld:
    """What a payout withheld by a regime, and base and tax of the tax year up to and with it; minor units."""

    regime: str
    currency: str
    business_date: date
    payout_id: str
    status: str
    base: int
    percent: str
    amount: int
    base_so_far: int
    amount_so_far: int


def taxes_withheld(cursor: Cursor[TupleRow], operator_id: str, year: int) -> list[TaxWithheld]:
    """What was withheld of an operator in the tax year that begins in a year, by regime, currency and date.

    The year begins where the terms now in effect say so of the regime, else in January. Of a payout that came to
    nothing afterwards what it withheld stays, as its amount does.
    """
    found = operator(cursor, operator_id)
    profiles = RunTerms.from_data(found.in_effect().terms).withholding if found else ()
    starts = {each.regime: each.year_start for each in profiles}
    asked = {"operator_id": operator_id, "from": date(year, 1, 1), "to": date(year + 2, 1, 1)}
    so_far: dict[tuple[str, str], tuple[int, int]] = {}
    rows: list[TaxWithheld] = []
    for regime, currency, day, payout_id, status, base, percent, amount in cursor.execute(_WITHHELD, asked):
        month, begins = starts.get(regime, (1, 1))
        if not date(year, month, begins) <= day < date(year + 1, month, begins):
            continue
        base_before, amount_before = so_far.get((regime, currency), (0, 0))
        now = base_before + base, amount_before + amount
        so_far[regime, currency] = now
        rows.append(TaxWithheld(regime, currency, day, payout_id, status, base, percent, amount, *now))
    return rows
