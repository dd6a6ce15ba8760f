"""What operators are owed and have not got, by cause, as of any moment on both time axes.

The causes add up to `pending`, `available`, `reserved`, `disputed` and `in_transit` of the balances, to the cent.
What came back and was not paid again (`to_fix`) is in none of those.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import LiteralString

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from domain.network.cash_causes import Cause, Place
from domain.payout.amounts import Due, NothingPaid, Past, amount_of
from domain.payout.cut_offs import fires_at, last_closed
from ledger.arrays import array
from projections.as_of import AsOf
from projections.operators import operators_of

_MOMENT = timedelta(microseconds=1)

# Sums by place up to a moment (inclusive) for each question: of whole days as they are kept, unless somebody asks for
# less than is known of them, and of the day of the moment row by row.
_PLACES: LiteralString = """
WITH asked AS MATERIALIZED (
    SELECT number, operator_id, moment
    FROM unnest(%(operators)s::text[], %(moments)s::timestamptz[])
         WITH ORDINALITY AS asked (operator_id, moment, number)
), days AS MATERIALIZED (
    SELECT number, day.operator_id, currency, place, since, moment, amount,
           since + interval '24 hours' <= moment AND max(last_position) OVER (PARTITION BY number, currency, since)
           <= %(position)s AS is_whole
    FROM asked JOIN projection.cash_cause_days AS day USING (operator_id)
    WHERE since <= moment AND (%(currency)s::text IS NULL OR currency = %(currency)s)
)
SELECT number, currency, place, sum(amount)::bigint FROM (
    SELECT number, currency, place, amount FROM days WHERE is_whole
    UNION ALL
    SELECT day.number, day.currency, step.place, step.amount
    FROM (SELECT DISTINCT number, operator_id, currency, since, moment FROM days WHERE NOT is_whole) AS day
    CROSS JOIN LATERAL (
        SELECT place, sum(amount) AS amount FROM projection.cash_causes AS step
        WHERE step.operator_id = day.operator_id AND step.currency = day.currency
          AND step.at >= day.since AND step.at < day.since + interval '24 hours' AND step.at <= day.moment
          AND step.position <= %(position)s
        GROUP BY place
    ) AS step
) AS told
GROUP BY number, currency, place
"""
# Operators and currencies of which anything ever stood anywhere.
_OWED = """
SELECT DISTINCT operator_id, currency FROM projection.cash_cause_days
WHERE (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
  AND (%(currency)s::text IS NULL OR currency = %(currency)s)
ORDER BY operator_id, currency
"""
# What is set aside for payouts that waited for approval at a moment, by operator and currency. A repetition pays what
# came back, which is not available.
_SET_ASIDE = """
SELECT operator_id, currency, sum(amount + reserve + part.withheld + part.fee)::bigint
FROM surface.payouts JOIN surface.payout_parts AS part USING (payout_id, operator_id)
WHERE operator_id = ANY(%(operators)s) AND reissue_of IS NULL
  AND fired_at <= %(moment)s AND position <= %(position)s
  AND CASE WHEN decided_at IS NULL THEN status = 'AWAITING_APPROVAL'
           ELSE decided_at > %(moment)s OR decided_position > %(position)s END
GROUP BY operator_id, currency
"""
_RUNS = "SELECT operator_id, closed_through FROM surface.runs WHERE operator_id = ANY(%s)"


@dataclass(frozen=True, slots=True)
class NotCollected:
    """What an operator is owed in a currency and has not got: minor units by cause, each cause there is."""

    operator_id: str
    currency: str
    amounts: Mapping[Cause, int]

    @property
    def total(self) -> int:
        """All of it: pending, available, reserved, disputed and in transit."""
        return sum(self.amounts.values())


@dataclass(frozen=True, slots=True)
class _Run:
    """The last run that fired by a moment: its business date, when, and by which terms."""

    business_date: date
    fired_at: datetime
    terms: Operator


def not_collected(
    cursor: Cursor[TupleRow], asked: AsOf, operator_id: str | None = None, currency: str | None = None
) -> list[NotCollected]:
    """By operator and currency in their order, of all of whom anything is known that was ever booked."""
    owed = cursor.execute(_OWED, {"operator_id": operator_id, "currency": currency}).fetchall()
    owners = list(dict.fromkeys(owner for owner, _ in owed))
    runs = _last_runs(cursor, owners, asked.effective_at)
    now = _places(cursor, [(owner, asked.effective_at) for owner in owners], asked.position, currency)
    passing = [(owner, run.fired_at - _MOMENT) for owner, run in runs.items()]
    before = dict(zip(runs, _places(cursor, passing, asked.position, currency), strict=True))
    aside = _set_aside(cursor, owners, asked)
    of_owner = dict(zip(owners, now, strict=True))
    found = []
    for owner, of in owed:
        run = runs.get(owner)
        due = before[owner].get(of, {}).get(Place.DUE, 0) if run else 0
        amounts = _causes(of_owner[owner].get(of, {}), aside.get((owner, of), 0), of, run, due)
        found.append(NotCollected(owner, of, amounts))
    return found


def _causes(
    places: Mapping[Place, int], set_aside: int, currency: str, run: _Run | None, due_before: int
) -> dict[Cause, int]:
    """Each cause with what stands there; `due_before` is what had come to 2010 before the last run."""
    amounts = {cause: places.get(Place(cause.value), 0) if cause in _PLAIN else 0 for cause in Cause}
    passed = due_before + places.get(Place.TAKEN, 0) - set_aside
    below = passed if run is not None and _pays_nothing(passed, currency, run) else 0
    available = places.get(Place.DUE, 0) + places.get(Place.TAKEN, 0)
    amounts[Cause.AWAITING_APPROVAL] = set_aside
    amounts[Cause.BELOW_MINIMUM] = below
    amounts[Cause.AWAITING_RUN] = available - set_aside - below
    return amounts


# Causes that bookings alone tell.
_PLAIN = frozenset(Cause(place.value) for place in Place if place not in (Place.DUE, Place.TAKEN))


def _pays_nothing(passed: int, currency: str, run: _Run) -> bool:
    """Whether a run pays nothing of what was due when it fired, by its terms: it is too little."""
    if not passed:
        return False
    due = Due(currency, passed, passed, 0, 0, None)
    found = amount_of(due, run.business_date, run.fired_at, run.terms, Past())
    return isinstance(found, NothingPaid)


def _places(
    cursor: Cursor[TupleRow],
    questions: Sequence[tuple[str, datetime | None]],
    position: int,
    currency: str | None,
) -> list[dict[str, dict[Place, int]]]:
    """For each operator and moment, None for all time, the sums by currency and place."""
    found: list[dict[str, dict[Place, int]]] = [{} for _ in questions]
    if questions:
        asked = {
            "operators": [owner for owner, _ in questions],
            "moments": array([moment.isoformat() if moment else "infinity" for _, moment in questions]),
            "position": position,
            "currency": currency,
        }
        for number, of, place, amount in cursor.execute(_PLACES, asked):
            found[number - 1].setdefault(of, {})[Place(place)] = amount
    return found


def _set_aside(cursor: Cursor[TupleRow], owners: Sequence[str], asked: AsOf) -> dict[tuple[str, str], int]:
    question = {"operators": list(owners), "moment": asked.effective_at or "infinity", "position": asked.position}
    return {(owner, of): amount for owner, of, amount in cursor.execute(_SET_ASIDE, question)}


def _last_runs(cursor: Cursor[TupleRow], owners: Sequence[str], at: datetime | None) -> dict[str, _Run]:
    """The last run of each operator that fired by a moment, None for the last there was."""
    closed: dict[str, date] = dict(cursor.execute(_RUNS, (list(owners),)).fetchall())
    found = {}
    for each in operators_of(cursor, sorted(closed)):
        run = _last_run(each.contract(), closed[each.operator_id], at)
        if run is not None:
            found[each.operator_id] = run
    return found


def _last_run(versions: Versions[Operator], closed: date, at: datetime | None) -> _Run | None:
    day = closed
    if at is not None:
        last = last_closed(versions, at)
        if last is None:
            return None
        day = min(last, closed)
    fired = fires_at(versions, day)
    return _Run(day, *fired) if fired else None
