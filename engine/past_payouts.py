"""What earlier payouts of operators have to do with the next: their amounts, and what taxes were withheld of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.catalogue.parties import Operator
from domain.catalogue.run_terms import RunTerms
from domain.catalogue.versions import Versions
from domain.payout.amounts import LAST_PAYOUTS, Made, Past, Taxed
from domain.payout.cut_offs import fires_at
from domain.payout.events import PayoutCreated
from ledger.arrays import columns
from ledger.intake.kept_payouts import KeptTax

# The last payouts in a currency before a moment, and all since then.
_SENT = """
SELECT asked.operator_id, sent.* FROM unnest(%s::text[], %s::text[], %s::timestamptz[])
    AS asked (operator_id, currency, since)
CROSS JOIN LATERAL (
    (SELECT currency, business_date, amount, sent_at, rejected_at FROM intake.open_payout AS payout
     WHERE payout.operator_id = asked.operator_id AND payout.currency = asked.currency AND counts
       AND sent_at < asked.since ORDER BY sent_at DESC LIMIT %s)
    UNION ALL
    SELECT currency, business_date, amount, sent_at, rejected_at FROM intake.open_payout AS payout
    WHERE payout.operator_id = asked.operator_id AND payout.currency = asked.currency AND counts
      AND sent_at >= asked.since
) AS sent
"""
# Those of business dates from one on, whenever they were handed off.
_OF_DAYS = """
SELECT payout.operator_id, currency, business_date, amount, NULL, rejected_at
FROM unnest(%s::text[], %s::date[]) AS asked (operator_id, day)
JOIN intake.open_payout AS payout
    ON payout.operator_id = asked.operator_id AND counts AND payout.business_date >= asked.day
"""
_TAXED = """
SELECT tax.operator_id, currency, regime, business_date, base, percent, amount, rejected_at
FROM unnest(%s::text[], %s::date[]) AS asked (operator_id, day)
JOIN intake.tax_withheld AS tax ON tax.operator_id = asked.operator_id AND tax.business_date >= asked.day
"""
# A tax year that has begun by a business date began after this span before it.
_A_YEAR = timedelta(days=366)


@dataclass(slots=True)
class _Asked:
    """What terms ask for: the last payouts by operator, currency and moment, those of dates, and taxes of dates."""

    sent: list[tuple[str, str, datetime]] = field(default_factory=list)
    made: list[tuple[str, date]] = field(default_factory=list)
    taxed: list[tuple[str, date]] = field(default_factory=list)

    def add(self, operator_id: str, contracts: Sequence[Operator], day: date, at: datetime) -> None:
        """Add what the runs of an operator ask for, by all terms that it ever had."""
        terms = [each.runs for each in contracts]
        if any(each.anomaly_factor is not None for each in terms):
            self.sent += [(operator_id, currency, at) for currency in sorted({each.currency for each in contracts})]
        if any(_limits_days(each) for each in terms):
            self.made.append((operator_id, day))
        if any(each.withholding for each in terms):
            self.taxed.append((operator_id, day - _A_YEAR))


def pasts_of(cursor: Cursor[TupleRow], days: Mapping[str, tuple[Versions[Operator], date | None]]) -> dict[str, Past]:
    """What runs from a business date on have to know of earlier payouts, by operator, whose terms come with it.

    Nothing is read that no terms ask for.
    """
    pasts = {operator_id: Past() for operator_id in days}
    asked = _Asked()
    for operator_id, (versions, day) in days.items():
        fired = fires_at(versions, day) if day is not None else None
        if day is not None and fired is not None:
            asked.add(operator_id, [version.value for _, version in versions.timeline], day, fired[0])
    if asked.sent:
        for operator_id, *row in cursor.execute(_SENT, (*columns(asked.sent), 2 * LAST_PAYOUTS)).fetchall():
            pasts[operator_id].sent.append(Made(*row))
    if asked.made:
        for operator_id, *row in cursor.execute(_OF_DAYS, columns(asked.made)).fetchall():
            pasts[operator_id].made.append(Made(*row))
    if asked.taxed:
        for operator_id, *row in cursor.execute(_TAXED, columns(asked.taxed)).fetchall():
            pasts[operator_id].taxed.append(Taxed(*row))
    return pasts


def _limits_days(terms: RunTerms) -> bool:
    return terms.limits.day is not None or terms.limits.instant is not None


def taxes_of(created: PayoutCreated) -> tuple[KeptTax, ...]:
    """What is kept of what a payout withheld; one that repeats another withheld nothing anew."""
    if created.reissue_of is not None:
        return ()
    bases = created.tax_bases.items()
    return tuple(
        KeptTax(regime, base, created.tax_percents[regime], created.withheld[regime]) for regime, base in bases
    )
