"""Payout runs: which lines the run of a business date pays, and how much of them is kept as reserve.

The run of business date B fires at the operator's cut-off on B + 1. It pays every unpaid line released before it
fires and available on or before B, negative ones included, once what is left after the reserve reaches the minimum.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from domain.book.posting import entry_id
from domain.book.release import Release
from domain.calendar import ONE_DAY, business_date, next_open, opens_at
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from domain.money import percent_of
from domain.payout.payout import (
    RESERVE_KEY,
    RESERVE_RELEASE_KEY,
    Payout,
    PayoutCreated,
    PayoutDecision,
    PayoutKey,
    PayoutStatus,
    create,
    payout_stream,
    release_reserve,
    supersede,
)
from domain.values import value


@value
class Line:
    """An entry's effect on an operator's payable that may be paid: minor units, positive in the operator's favour."""

    entry_id: UUID
    currency: str
    amount: int
    released_at: datetime
    available_on: date
    reserve_release: bool = False


@dataclass(slots=True)
class OperatorDesk:
    """What the runs of one operator work on: unpaid lines, reserves still held, failed payouts not yet repeated."""

    operator_id: str
    closed_through: date | None = None
    lines: list[Line] = field(default_factory=list)
    held: list[Payout] = field(default_factory=list)
    failed: list[Payout] = field(default_factory=list)


@dataclass(slots=True)
class RunsMade:
    """What firing the runs decided, by payout, the lines each payout pays, and the last business date closed."""

    closed_through: date | None
    decisions: list[tuple[Payout, list[PayoutDecision]]] = field(default_factory=list)
    paid_lines: dict[str, list[UUID]] = field(default_factory=dict)


def fires_at(versions: Versions[Operator], day: date) -> tuple[datetime, Operator] | None:
    """When the run that closes a business date fires, with the terms in effect then; None while there is no contract.

    Where a change of the cut-off would skip the run, it fires at the moment of the change.
    """
    timeline = versions.timeline
    for index, (start, version) in enumerate(timeline):
        operator = version.value
        moment = opens_at(day + ONE_DAY, operator.time_zone, operator.payout.cutoff)
        if index:
            moment = max(moment, start)
        ends = timeline[index + 1][0] if index + 1 < len(timeline) else None
        if start <= moment and (ends is None or moment < ends):
            return moment, operator
    return None


def last_closed(versions: Versions[Operator], until: datetime) -> date | None:
    """The last business date whose run has fired by a moment (inclusive)."""
    operator = versions.at(until)
    if operator is None:
        return None
    day = business_date(until, operator.time_zone, operator.payout.cutoff)
    for candidate in (day + ONE_DAY, day, day - ONE_DAY, day - 2 * ONE_DAY, day - 3 * ONE_DAY):
        fired = fires_at(versions, candidate)
        if fired is not None and fired[0] <= until:
            return candidate
    return None


def fire_runs(
    desk: OperatorDesk,
    versions: Versions[Operator],
    until: datetime,
    known: Callable[[str], Payout],
) -> RunsMade:
    """Fire every run of an operator that is due by `until`, oldest first; a fired run is never made again.

    `known` gives a payout that is about to be made, with what was answered about its id already: so what the bank has
    refused by then is repeated by a later run.
    """
    last = last_closed(versions, until)
    if last is None:
        return RunsMade(desk.closed_through)
    runs = _Runs(desk, versions, until, known)
    day = _first_day(desk)
    while day is not None and day <= last:
        runs.fire(day)
        day += ONE_DAY
    runs.release_reserves(until)
    closed = max(last, desk.closed_through) if desk.closed_through else last
    return RunsMade(closed, list(runs.decisions.values()), runs.paid_lines)


def _first_day(desk: OperatorDesk) -> date | None:
    """The first run that may have something to do: no line is paid before its date, and no run is made again."""
    days = [line.available_on for line in desk.lines]
    days += [_created(payout).business_date for payout in (*desk.held, *desk.failed)]
    first = min(days, default=None)
    if first is None or desk.closed_through is None:
        return first
    return max(first, desk.closed_through + ONE_DAY)


class _Runs:
    """The runs of one operator, one after the other."""

    def __init__(
        self,
        desk: OperatorDesk,
        versions: Versions[Operator],
        until: datetime,
        known: Callable[[str], Payout],
    ) -> None:
        self.desk, self.versions, self.until, self.known = desk, versions, until, known
        self.lines = sorted(desk.lines, key=lambda line: (line.available_on, line.entry_id))
        self.held, self.failed = list(desk.held), list(desk.failed)
        self.decisions: dict[str, tuple[Payout, list[PayoutDecision]]] = {}
        self.paid_lines: dict[str, list[UUID]] = {}

    def fire(self, day: date) -> None:
        """Fire the run of one business date."""
        fired = fires_at(self.versions, day)
        if fired is None:
            return
        at, operator = fired
        self.release_reserves(at)
        for payout in list(self.failed):
            self._pay_again(payout, at, operator)
        due = [line for line in self.lines if line.available_on <= day and line.released_at < at]
        for currency in sorted({line.currency for line in due}):
            self._pay([line for line in due if line.currency == currency], currency, day, at, operator)

    def _note(self, payout: Payout, made: list[PayoutDecision]) -> None:
        self.decisions.setdefault(payout.payout_id, (payout, []))[1].extend(made)

    def release_reserves(self, at: datetime) -> None:
        """Reserves whose day has opened by now become lines again (J32)."""
        for payout in list(self.held):
            created = _created(payout)
            release_on = release_day(created, self.versions)
            moment = reserve_released_at(created, self.versions, release_on)
            if moment > at:
                continue
            self.held.remove(payout)
            self._note(payout, release_reserve(payout, moment))
            released = entry_id(payout_stream(payout.payout_id), RESERVE_RELEASE_KEY, 1, 0)
            self.lines.append(
                Line(released, created.currency, created.reserve, moment, release_on, reserve_release=True)
            )

    def _pay_again(self, payout: Payout, at: datetime, operator: Operator) -> None:
        """Repeat a payout that came to nothing, at the first run after what it waits for (P18)."""
        created = _created(payout)
        if not payout.goes_again(at, operator.bank_account):
            return
        self.failed.remove(payout)
        key = PayoutKey(created.operator_id, created.currency, created.business_date, created.attempt + 1)
        self._note(payout, supersede(payout, key.payout_id, at))
        self._create(key, created.amount, 0, at, operator, created.entry_ids, reissue_of=created.payout_id)

    def _pay(self, lines: list[Line], currency: str, day: date, at: datetime, operator: Operator) -> None:
        terms = operator.payout
        earned = sum(line.amount for line in lines if not line.reserve_release)
        reserve = max(0, percent_of(earned, terms.reserve_percent))
        amount = sum(line.amount for line in lines) - reserve
        minimum = terms.minimum_minor if currency == operator.currency else 0
        if amount <= 0 or amount < minimum:
            return
        key = PayoutKey(self.desk.operator_id, currency, day, 1)
        paid = [line.entry_id for line in lines]
        self.paid_lines[key.payout_id] = paid
        gone = set(paid)
        self.lines = [line for line in self.lines if line.entry_id not in gone]
        if reserve and not terms.requires_approval:
            paid = [*paid, entry_id(payout_stream(key.payout_id), RESERVE_KEY, 1, 0)]
        entry_ids = tuple(sorted(str(each) for each in paid))
        self._create(key, amount, reserve, at, operator, entry_ids, reissue_of=None)

    def _create(
        self,
        key: PayoutKey,
        amount: int,
        reserve: int,
        at: datetime,
        operator: Operator,
        entry_ids: Iterable[str],
        reissue_of: str | None,
    ) -> None:
        calendars = operator.bank_calendars(key.currency)
        created = PayoutCreated(
            payout_id=key.payout_id,
            batch_id=key.batch_id,
            operator_id=key.operator_id,
            currency=key.currency,
            business_date=key.business_date,
            attempt=key.attempt,
            amount=amount,
            reserve=reserve,
            status=PayoutStatus.AWAITING_APPROVAL if operator.payout.requires_approval else PayoutStatus.IN_TRANSIT,
            fired_at=at,
            bank_account=operator.bank_account,
            holder_name=operator.name,
            country_code=operator.country_code,
            entry_ids=tuple(entry_ids),
            reissue_of=reissue_of,
            execution_date=next_open(at.astimezone(operator.time_zone).date(), *calendars),
            time_zone=operator.time_zone.key,
            calendars=tuple(calendar.name for calendar in calendars),
            calendar_versions=tuple(calendar.version for calendar in calendars),
        )
        payout = self.known(key.payout_id)
        self._note(payout, create(payout, created))
        if payout.failed:
            self.failed.append(payout)
        if reserve and created.status == PayoutStatus.IN_TRANSIT:
            self.held.append(payout)


def _created(payout: Payout) -> PayoutCreated:
    if payout.created is None:
        raise ValueError(f"payout {payout.payout_id} was never created")
    return payout.created


def reserve_release(created: PayoutCreated, versions: Versions[Operator], at: datetime) -> Release:
    """The release of a reserve that was given back at a moment: payable on the day its run comes round (P8)."""
    return Release(at, release_day(created, versions), at)


def owed_at_once(created: PayoutCreated, versions: Versions[Operator], at: datetime) -> Release:
    """The release of what an operator owes from a moment on: the run of that business date takes it off (J40x)."""
    operator = versions.at(at)
    day = business_date(at, operator.time_zone, operator.payout.cutoff) if operator else created.business_date
    return Release(at, day, at)


def release_day(created: PayoutCreated, versions: Versions[Operator]) -> date:
    """The business date on which a reserve is a line again: `reserve_days` after its own (rule P8)."""
    operator = versions.at(created.fired_at)
    return created.business_date + ONE_DAY * (operator.payout.reserve_days if operator else 0)


def reserve_released_at(created: PayoutCreated, versions: Versions[Operator], release_on: date) -> datetime:
    """The moment of J32: when that business date opens, not before the run that took the reserve."""
    opened = fires_at(versions, release_on - ONE_DAY)
    return max(created.fired_at, opened[0]) if opened else created.fired_at
