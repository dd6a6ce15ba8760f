"""How long operators' cash lasts, by what they declared, what payouts are to bring, and what falls due.

What is to come: payouts that the bank booked since the declaration, less what came back; those on their way, on the
day on which the bank is asked to pay; what is released already, by the runs that will pay it; then the forecast. What
waits for approval is counted with the next run. Nothing is counted of what came back and is not paid again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import LiteralString, NamedTuple

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import ONE_DAY, add_days, next_open
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from domain.network.dated_costs import DatedCost, due_costs
from domain.network.runway import RUNWAY_DAYS, Inflow, Runway, runway
from domain.payout.amounts import Due, NothingPaid, Past, amount_of
from domain.payout.cut_offs import fires_at
from domain.payout.forecast import DayForecast
from projections.cash import Span, cash_by_day
from projections.forecast import expected_days
from projections.network.horizon import network_horizon
from projections.operators import OperatorTerms, operator, operators_of

_EVERYTHING = 2**62
_MOMENT = timedelta(microseconds=1)

_IDS = """
SELECT DISTINCT operator_id FROM surface.operator_terms
WHERE %(after)s::text IS NULL OR operator_id > %(after)s ORDER BY operator_id LIMIT %(limit)s
"""
# The latest declaration of an operator in its currency by a moment.
_CASH = """
SELECT at, amount FROM projection.declared_cash
WHERE operator_id = %(operator_id)s AND currency = %(currency)s AND at <= %(until)s
ORDER BY at DESC, source DESC, id DESC LIMIT 1
"""
_COSTS = """
SELECT cost_id, location_id, effective_from, effective_to, amount, every, due_day, told_at, source, id
FROM projection.costs
WHERE operator_id = %(operator_id)s AND currency = %(currency)s AND amount IS NOT NULL
"""
_UNDATED = """
SELECT DISTINCT kind FROM projection.costs
WHERE operator_id = %(operator_id)s AND currency = %(currency)s AND amount IS NULL ORDER BY kind
"""
# Payouts on their way, with the day on which the bank is asked to pay, and those that wait for approval.
_UNDER_WAY = """
SELECT status, execution_date, amount FROM surface.payouts
WHERE operator_id = %(operator_id)s AND currency = %(currency)s AND status IN ('IN_TRANSIT', 'AWAITING_APPROVAL')
"""
# Lines that are released and neither paid nor set aside, by the business date whose run may pay them.
_RELEASED: LiteralString = """
SELECT greatest(available_on, %(next)s::date), sum(amount)::bigint,
       coalesce(sum(amount) FILTER (WHERE NOT reserve_release), 0)::bigint
FROM surface.payable_lines AS line
WHERE operator_id = %(operator_id)s AND currency = %(currency)s AND payout_id IS NULL AND released_at IS NOT NULL
  AND available_on <= %(last)s
GROUP BY 1
"""
_CLOSED = "SELECT closed_through FROM surface.runs WHERE operator_id = %s AND closed_through > '0001-01-01'"


@dataclass(frozen=True, slots=True)
class Declared:
    """What an operator declared to have, in minor units, and when."""

    at: datetime
    amount: int


@dataclass(frozen=True, slots=True)
class OperatorRunway:
    """An operator's curve in its currency; `undated` are the kinds of costs it declared that fall due on no day."""

    operator_id: str
    currency: str
    declared: Declared | None
    runway: Runway
    has_forecast: bool
    undated: tuple[str, ...]


class _Released(NamedTuple):
    """What is released and not paid by the business date of its run: in all, and without reserves given back."""

    total: int
    earned: int


def runways(cursor: Cursor[TupleRow], limit: int | None = None, after: str | None = None) -> Iterator[OperatorRunway]:
    """The curves of operators whom who asks may see, by id, so many behind one."""
    ids = [id_ for (id_,) in cursor.execute(_IDS, {"after": after, "limit": limit}).fetchall()]
    now = network_horizon(cursor)
    if now is not None:
        for each in sorted(operators_of(cursor, ids), key=lambda each: each.operator_id):
            yield _of(cursor, each, now)


def runway_of(cursor: Cursor[TupleRow], operator_id: str) -> OperatorRunway | None:
    """The curve of one operator; None where it is unknown, or not to be seen by who asks."""
    found, now = operator(cursor, operator_id), network_horizon(cursor)
    return _of(cursor, found, now) if found is not None and now is not None else None


def _of(cursor: Cursor[TupleRow], found: OperatorTerms, now: datetime) -> OperatorRunway:
    versions = found.contract()
    terms = versions.at(now) or versions.timeline[0][1].value
    asked = {"operator_id": found.operator_id, "currency": terms.currency, "until": now}
    row = cursor.execute(_CASH, asked).fetchone()
    declared = Declared(*row) if row else None
    since = declared.at if declared else now
    first = since.astimezone(terms.time_zone).date()
    last = first + timedelta(days=RUNWAY_DAYS)
    to_come = _ToCome(cursor, found.operator_id, versions, terms, now)
    inflows = [*to_come.booked(since), *to_come.under_way(), *to_come.of_runs(last)]
    costs = due_costs([DatedCost(*cost) for cost in cursor.execute(_COSTS, asked)], first, last, terms.time_zone)
    undated = tuple(kind for (kind,) in cursor.execute(_UNDATED, asked))
    curve = runway(declared.amount if declared else None, first, inflows, costs)
    return OperatorRunway(found.operator_id, terms.currency, declared, curve, to_come.has_forecast, undated)


class _ToCome:
    """What is to arrive on an operator's account, as it is known at a moment."""

    def __init__(
        self,
        cursor: Cursor[TupleRow],
        operator_id: str,
        versions: Versions[Operator],
        terms: Operator,
        now: datetime,
    ) -> None:
        self._cursor, self._operator_id, self._versions, self._terms = cursor, operator_id, versions, terms
        self._now, self._today = now, now.astimezone(terms.time_zone).date()
        self._asked = {"operator_id": operator_id, "currency": terms.currency}
        self.has_forecast = False

    def booked(self, since: datetime) -> Iterator[Inflow]:
        """What banks booked since a moment, less what came back, by local day."""
        span = Span(since + _MOMENT, None, _EVERYTHING, self._operator_id, self._terms.currency)
        for each in cash_by_day(self._cursor, span, self._terms.time_zone.key):
            yield Inflow(each.day, each.paid, each.paid)

    def under_way(self) -> Iterator[Inflow]:
        """Payouts on their way; one that has not arrived on its day is expected on the next."""
        for status, execution_date, amount in self._cursor.execute(_UNDER_WAY, self._asked).fetchall():
            day = execution_date or self._today
            if status == "AWAITING_APPROVAL" or day < self._today:
                day = self._open(self._today + ONE_DAY)
            yield Inflow(day, amount, amount)

    def of_runs(self, last: date) -> Iterator[Inflow]:
        """What runs pay by a day: what is released, as long as that is all that they pay; then the forecast."""
        row = self._cursor.execute(_CLOSED, (self._operator_id,)).fetchone()
        if row is None:
            return
        closed: date = row[0]
        released, forecast = self._released(closed, last), self._forecast(closed, last)
        known_through = self._known_through(closed)
        carried = _Released(0, 0)
        day = closed
        while day < last:
            day += ONE_DAY
            more = released.get(day, _Released(0, 0))
            carried = _Released(carried.total + more.total, carried.earned + more.earned)
            fired = fires_at(self._versions, day)
            if fired is None:
                continue
            paid, carried = self._paid(carried, day, *fired)
            told = forecast.get(day) if day > known_through else None
            arrives = self._open(fired[0].astimezone(self._terms.time_zone).date())
            if told is not None:
                # What is carried is in the forecast, but for what the operator owes: that is taken off it first.
                owed = min(carried.total, 0)
                yield _inflow(arrives, paid, told, owed)
                rest = min(told.expected + owed, 0)
                carried = _Released(rest, rest)
            elif paid:
                yield Inflow(arrives, paid, paid)

    def _known_through(self, closed: date) -> date:
        """The last business date of which all is released that its run pays, by the shortest of the delays."""
        terms = self._terms.payout
        delay = min([terms.delay_days, *self._terms.runs.funding_delays.values()])
        return add_days(closed, delay, terms.business_days_only, terms.calendar)

    def _released(self, closed: date, last: date) -> Mapping[date, _Released]:
        asked = self._asked | {"next": closed + ONE_DAY, "last": last}
        return {day: _Released(*sums) for day, *sums in self._cursor.execute(_RELEASED, asked).fetchall()}

    def _forecast(self, closed: date, last: date) -> Mapping[date, DayForecast]:
        days = max((last - closed).days, 0)
        found = {
            each.forecast.business_date: each.forecast
            for each in expected_days(self._cursor, self._operator_id, days)
            if each.currency == self._terms.currency
        }
        self.has_forecast = bool(found)
        return found

    def _paid(self, due: _Released, day: date, at: datetime, terms: Operator) -> tuple[int, _Released]:
        """What a run pays of what is due, and what it carries on; taxes and limits are left out."""
        found = amount_of(Due(terms.currency, due.total, due.earned, 0, 0, None), day, at, terms, Past())
        if isinstance(found, NothingPaid):
            return 0, due
        return found.amount, _Released(found.retained, found.retained)

    def _open(self, day: date) -> date:
        """That day, or the next on which banks carry out transfers in the currency."""
        return next_open(day, *self._terms.bank_calendars(self._terms.currency))


def _inflow(day: date, paid: int, told: DayForecast, owed: int) -> Inflow:
    """What arrives on a day: what is known to be paid, or what is expected less what is owed, whichever is more."""
    low = None if told.low is None else max(paid, told.low + owed, 0)
    return Inflow(day, max(paid, told.expected + owed, 0), low)
