"""Payout runs: which lines the run of a business date pays, and how much of them is kept as reserve.

The run of business date B fires at the operator's cut-off on B + 1. It pays every unpaid line released before it
fires and available on or before B, negative ones included, once what is left after the reserve reaches the minimum.
Lines above the operator's `advance_limit` are carried, and so are all while its bank account cannot be one. Of a date
that was opened again after its run had paid (`domain.payout.reopening`) all lines go into the run of the next date.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeAlias
from uuid import UUID

from domain.book.posting import entry_id
from domain.book.release import Release
from domain.calendar import ONE_DAY, business_date, next_open, opens_at
from domain.catalogue.accounts import is_sound
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from domain.money import percent_of
from domain.payout.advances import Advances
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
    """An entry's effect on an operator's payable that may be paid: minor units, positive in the operator's favour.

    `stream_id` is that of what it comes from: a session, mostly.
    """

    entry_id: UUID
    currency: str
    amount: int
    released_at: datetime
    available_on: date
    reserve_release: bool = False
    stream_id: UUID | None = None


@dataclass(slots=True)
class OperatorDesk:
    """What the runs of one operator work on: unpaid lines, reserves still held, failed payouts not yet repeated.

    `advances` are the sessions that may be paid before their drivers pay, where the operator's terms limit that.
    """

    operator_id: str
    closed_through: date | None = None
    lines: list[Line] = field(default_factory=list)
    held: list[Payout] = field(default_factory=list)
    failed: list[Payout] = field(default_factory=list)
    advances: Advances = field(default_factory=Advances)


@value
class Withheld:
    """What the last run did not pay, by currency, since the account in effect at `at` cannot be one."""

    at: datetime
    account: Mapping[str, str]
    amounts: Mapping[str, int]


@value
class Waiting:
    """A run that waits for cover: of a business date, due at `at`; by currency what it wants, and what is missing.

    Minor units; `missing` has only the currencies in which something is.
    """

    business_date: date
    at: datetime
    wanted: Mapping[str, int]
    missing: Mapping[str, int]


@value
class BelowZero:
    """What the run of a business date, at `at`, found an operator to owe: minor units below zero by currency."""

    business_date: date
    at: datetime
    amounts: Mapping[str, int]


# What is left of client money in a currency, as of a moment: minor units, what is on its way taken off.
Cover: TypeAlias = Callable[[str, datetime], int]


@dataclass(slots=True)
class RunsMade:
    """What firing the runs decided, by payout, the lines each payout pays, and the last business date closed.

    `withheld` and `waiting` are of the last run that was tried; `handed_off` is the sum of what leaves, by currency.
    `below_zero` has the first run, and each after it that found other currencies below zero than the one before.
    `fired_at` is the moment of the last business date closed.
    """

    closed_through: date | None
    withheld: Withheld | None = None
    waiting: Waiting | None = None
    decisions: list[tuple[Payout, list[PayoutDecision]]] = field(default_factory=list)
    paid_lines: dict[str, list[UUID]] = field(default_factory=dict)
    handed_off: Mapping[str, int] = field(default_factory=dict)
    below_zero: Sequence[BelowZero] = ()
    fired_at: datetime | None = None


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
    cover: Cover | None = None,
) -> RunsMade:
    """Fire every run of an operator that is due by `until`, oldest first; a fired run is never made again.

    `known` gives a payout that is about to be made, with what was answered about its id already: so what the bank has
    refused by then is repeated by a later run. With `cover` a run that would take client money below zero waits, and
    those after it with it; one that waited is made at `until`, as far as there is cover then.
    """
    last = last_closed(versions, until)
    if last is None:
        return RunsMade(desk.closed_through)
    runs = _Runs(desk, versions, until, known, cover)
    day = first_day(desk)
    while day is not None and day <= last:
        if not runs.fire(day):
            last = day - ONE_DAY
            break
        day += ONE_DAY
    runs.release_reserves(until)
    closed = max(last, desk.closed_through) if desk.closed_through else last
    fired = fires_at(versions, closed)
    if runs.fired_through != closed and fired is not None and runs.waiting is None:
        runs.note_below_zero([], closed, fired[0])
    return RunsMade(
        closed,
        runs.withheld,
        runs.waiting,
        list(runs.decisions.values()),
        runs.paid_lines,
        runs.handed_off,
        runs.below_zero,
        fired[0] if fired else None,
    )


def first_day(desk: OperatorDesk) -> date | None:
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
        cover: Cover | None,
    ) -> None:
        self.desk, self.versions, self.until, self.known, self.cover = desk, versions, until, known, cover
        self.lines = sorted(desk.lines, key=lambda line: (line.available_on, line.entry_id))
        self.held, self.failed = list(desk.held), list(desk.failed)
        self.decisions: dict[str, tuple[Payout, list[PayoutDecision]]] = {}
        self.paid_lines: dict[str, list[UUID]] = {}
        self.withheld: Withheld | None = None
        self.waiting: Waiting | None = None
        self.handed_off: dict[str, int] = defaultdict(int)
        self._payouts: dict[str, Payout] = {}
        self.below_zero: list[BelowZero] = []
        self.fired_through: date | None = None

    def fire(self, day: date) -> bool:
        """Fire the run of one business date; False when it waits for cover."""
        fired = fires_at(self.versions, day)
        if fired is None:
            return True
        at, operator = fired
        self.release_reserves(at)
        due = [line for line in self.lines if line.available_on <= day and line.released_at < at]
        self.note_below_zero(due, day, at)
        self.withheld = self._withhold(due, at, operator)
        if self.withheld is not None:
            return True
        sums = [each for each in self._sums(due, at, operator) if not self._was_paid(each.currency, day)]
        self.waiting = self._wait(sums, day, at, operator)
        if self.waiting is not None:
            return False
        made_at = at if self.cover is None else max(at, self.until)
        # What failed while the run waited was not asked for above: the next one pays it again.
        for payout in self._going_again(at, operator):
            self._pay_again(payout, made_at, operator)
        for each in sums:
            self._pay(each, day, made_at, operator)
        return True

    def _payout(self, payout_id: str) -> Payout:
        """A payout that is about to be made, or was."""
        if payout_id not in self._payouts:
            self._payouts[payout_id] = self.known(payout_id)
        return self._payouts[payout_id]

    def _was_paid(self, currency: str, day: date) -> bool:
        """Whether a date that was opened again has its payout already: what it lacks goes into the next run."""
        return self._payout(PayoutKey(self.desk.operator_id, currency, day, 1).payout_id).created is not None

    def note_below_zero(self, due: Sequence[Line], day: date, at: datetime) -> None:
        """Note in which currencies all that is due comes to less than nothing, where it is not as the run before."""
        sums: dict[str, int] = defaultdict(int)
        for line in due:
            sums[line.currency] += line.amount
        amounts = {currency: sum_ for currency, sum_ in sorted(sums.items()) if sum_ < 0}
        if not self.below_zero or self.below_zero[-1].amounts.keys() != amounts.keys():
            self.below_zero.append(BelowZero(day, at, amounts))
        self.fired_through = day

    def _wait(self, sums: Sequence["_Sum"], day: date, at: datetime, operator: Operator) -> Waiting | None:
        """What cover is missing for all that the run would hand off; None where there is enough, or nobody asks."""
        if self.cover is None or operator.payout.requires_approval:
            return None
        wanted: dict[str, int] = defaultdict(int)
        for each in sums:
            wanted[each.currency] += each.amount
        for created in map(_created, self._going_again(at, operator)):
            wanted[created.currency] += created.amount
        missing = {
            currency: sum_ + self.handed_off[currency] - self.cover(currency, self.until)
            for currency, sum_ in sorted(wanted.items())
        }
        missing = {currency: sum_ for currency, sum_ in missing.items() if sum_ > 0}
        return Waiting(day, at, dict(wanted), missing) if missing else None

    def _withhold(self, due: Sequence[Line], at: datetime, operator: Operator) -> Withheld | None:
        """What cannot be paid to an account that no bank can know; None where the account may be one.

        Payouts that failed count too: they wait for another account in any case.
        """
        if is_sound(operator.bank_account):
            return None
        amounts: dict[str, int] = defaultdict(int)
        for line in due:
            amounts[line.currency] += line.amount
        for created in map(_created, self.failed):
            amounts[created.currency] += created.amount
        return Withheld(at, operator.bank_account, {each: sum_ for each, sum_ in sorted(amounts.items()) if sum_ > 0})

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

    def _going_again(self, at: datetime, operator: Operator) -> list[Payout]:
        """The payouts that a run which is due at a moment pays again."""
        return [payout for payout in self.failed if payout.goes_again(at, operator.bank_account)]

    def _pay_again(self, payout: Payout, at: datetime, operator: Operator) -> None:
        """Repeat a payout that came to nothing, at the first run after what it waits for (P18)."""
        created = _created(payout)
        self.failed.remove(payout)
        key = PayoutKey(created.operator_id, created.currency, created.business_date, created.attempt + 1)
        self._note(payout, supersede(payout, key.payout_id, at))
        self._create(key, created.amount, 0, at, operator, created.entry_ids, reissue_of=created.payout_id)

    def _sums(self, due: Sequence[Line], at: datetime, operator: Operator) -> Iterator["_Sum"]:
        """What there is to pay of lines that are due, by currency."""
        for currency in sorted({line.currency for line in due}):
            sum_ = self._sum([line for line in due if line.currency == currency], currency, at, operator)
            if sum_ is not None:
                yield sum_

    def _sum(self, lines: list[Line], currency: str, at: datetime, operator: Operator) -> "_Sum | None":
        terms, limit = operator.payout, operator.advance_limit_minor
        if limit is not None and currency == operator.currency:
            carried = self.desk.advances.carried(lines, currency, at, limit)
            lines = [line for line in lines if line.stream_id not in carried]
        earned = sum(line.amount for line in lines if not line.reserve_release)
        reserve = max(0, percent_of(earned, terms.reserve_percent))
        amount = sum(line.amount for line in lines) - reserve
        minimum = terms.minimum_minor if currency == operator.currency else 0
        return _Sum(currency, lines, amount, reserve) if amount > 0 and amount >= minimum else None

    def _pay(self, sum_: "_Sum", day: date, at: datetime, operator: Operator) -> None:
        key = PayoutKey(self.desk.operator_id, sum_.currency, day, 1)
        paid = [line.entry_id for line in sum_.lines]
        self.paid_lines[key.payout_id] = paid
        self.desk.advances.pay(sum_.lines)
        gone = set(paid)
        self.lines = [line for line in self.lines if line.entry_id not in gone]
        if sum_.reserve and not operator.payout.requires_approval:
            paid = [*paid, entry_id(payout_stream(key.payout_id), RESERVE_KEY, 1, 0)]
        entry_ids = tuple(sorted(str(each) for each in paid))
        self._create(key, sum_.amount, sum_.reserve, at, operator, entry_ids, reissue_of=None)

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
        if created.status == PayoutStatus.IN_TRANSIT:
            self.handed_off[key.currency] += amount
        payout = self._payout(key.payout_id)
        self._note(payout, create(payout, created))
        if payout.failed:
            self.failed.append(payout)
        if reserve and created.status == PayoutStatus.IN_TRANSIT:
            self.held.append(payout)


@value
class _Sum:
    """What a run pays in a currency, its lines, and what of them it keeps as reserve; minor units."""

    currency: str
    lines: list[Line]
    amount: int
    reserve: int


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
