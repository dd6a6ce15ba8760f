"""Payout runs: which lines the run of a business date pays, and how much of them is kept as reserve.

The run of business date B fires at the operator's cut-off on B + 1. It pays every unpaid line released before it
fires and available on or before B, negative ones included, once what is left after the reserve reaches the minimum.
Lines above the operator's `advance_limit` are carried, and so are all while its bank account cannot be one. Of a date
that was opened again after its run had paid (`domain.payout.reopening`) all lines go into the run of the next date.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime

from domain.calendar import BEGINNING, ONE_DAY, business_date
from domain.catalogue.accounts import is_sound
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from domain.fact import in_order
from domain.payout.amounts import NothingPaid, PayoutSum, sum_of
from domain.payout.circumstances import Circumstances
from domain.payout.conversions import waits_for_rate
from domain.payout.cut_offs import fires_at, last_closed
from domain.payout.desk import BelowZero, Cover, OperatorDesk, RunsMade, Waiting, Withheld, created_of, first_day
from domain.payout.instant import ATTEMPTS, InstantRequested, OfDay, PaidAtOnce, above_limit, at_once
from domain.payout.left_out import LeftOutFor, RunTold, left_out
from domain.payout.lines import Line
from domain.payout.making import Making
from domain.payout.payee import with_payee
from domain.payout.payout import Payout


def fire_runs(
    desk: OperatorDesk,
    versions: Versions[Operator],
    until: datetime,
    known: Callable[[str], Payout],
    cover: Cover | None = None,
    around: Circumstances | None = None,
) -> RunsMade:
    """Fire every run of an operator that is due by `until`, oldest first; a fired run is never made again.

    `known` gives a payout that is about to be made, with what was answered about its id already: so what the bank has
    refused by then is repeated by a later run. With `cover` a run that would take client money below zero waits, and
    those after it with it; one that waited is made at `until`, as far as there is cover then. By what people decided
    (`around`) runs pay nothing while payouts are held, and are made once all payouts are resumed.
    """
    around = around or Circumstances(versions)
    last = last_closed(versions, until)
    if (last is None and not desk.requests) or around.is_stopped(until):
        return RunsMade(desk.closed_through)
    runs = _Runs(desk, versions, until, known, cover, around)
    day = first_day(desk)
    while day is not None and last is not None and day <= last:
        if not runs.fire(day):
            last = day - ONE_DAY
            break
        day += ONE_DAY
    if runs.waiting is None and not runs.is_stopped:
        runs.pay_at_once(until, inclusive=True)
    if last is None:
        return replace(runs.made(), closed_through=desk.closed_through)
    runs.making.release_reserves(until)
    closed = max(last, desk.closed_through) if desk.closed_through else last
    fired = fires_at(versions, closed)
    # Where another clock closed the day before, no run is fired here, and none can be the first without a debt.
    is_new = closed not in (desk.closed_through, runs.fired_through)
    if is_new and fired is not None and runs.waiting is None and not runs.is_stopped:
        runs.note_below_zero([], closed, fired[0])
    return replace(runs.made(), closed_through=closed, fired_at=fired[0] if fired else None)


class _Runs:
    """The runs of one operator, one after the other."""

    def __init__(
        self,
        desk: OperatorDesk,
        versions: Versions[Operator],
        until: datetime,
        known: Callable[[str], Payout],
        cover: Cover | None,
        around: Circumstances,
    ) -> None:
        self.desk, self.versions, self.until, self.cover = desk, versions, until, cover
        self.around, self.is_stopped = around, False
        self.making = Making(desk, versions, known, around)
        self.withheld: Withheld | None = None
        self.waiting: Waiting | None = None
        self.below_zero: list[BelowZero] = []
        self.told: list[RunTold] = []
        self.requests, self._at_once = list(desk.requests), list[PaidAtOnce]()
        closed = fires_at(versions, desk.closed_through) if desk.closed_through else None
        self._last_moment = closed[0] if closed else BEGINNING
        # Why a run does not pay lines that are due, by their entries.
        self._reasons: dict[str, LeftOutFor] = {}
        self.fired_through: date | None = None

    def made(self) -> RunsMade:
        """What was made so far."""
        return RunsMade(
            None,
            self.withheld,
            self.waiting,
            list(self.making.decisions.values()),
            self.making.paid_lines,
            self.making.handed_off,
            self.below_zero,
            told=self.told,
            at_once=self._at_once,
        )

    def pay_at_once(self, until: datetime, *, inclusive: bool = False) -> None:
        """Pay what was asked for before a moment, or by then too; late requests after the run that was made since."""
        for request in sorted(self.requests, key=in_order):
            moment = self.around.leaves_at(max(request.at, self._last_moment))
            if moment is not None and (moment < until or (inclusive and moment == until)):
                self.requests.remove(request)
                self._at_once.append(self._answer(request, moment))

    def _answer(self, request: InstantRequested, at: datetime) -> PaidAtOnce:
        """Make the payout that somebody asked for, or say why it is not made."""
        operator = self.versions.at(at)
        if operator is None:
            return PaidAtOnce(request, refusal=f"{request.operator_id} had no terms by then")
        day = business_date(at, operator.time_zone, operator.payout.cutoff)
        refusal = self._why_not(request, operator, day, at)
        if refusal:
            return PaidAtOnce(request, refusal=refusal)
        self.making.release_reserves(at)
        self.making.count_rejected(at)
        due = [line for line in self.making.lines if line.currency == request.currency and line.is_due(day, at)]
        lines = self._within_advances(due, request.currency, at, operator)
        sum_ = at_once(lines, day, at, operator, self.desk.past, request.amount)
        if isinstance(sum_, str):
            return PaidAtOnce(request, refusal=sum_)
        sum_ = with_payee(sum_, operator, at, self.around)
        of_day = self.desk.of_days.get((request.currency, day), OfDay())
        refusal = above_limit(sum_.amount, of_day, operator, day) or self._lacks_cover(sum_)
        if refusal:
            return PaidAtOnce(request, refusal=refusal)
        number = of_day.number + 1
        self.desk.of_days[request.currency, day] = OfDay(number, of_day.amount + sum_.amount)
        attempt = ATTEMPTS * number + 1
        payout_id = self.making.pay(sum_, day, at, operator, attempt, (request.source, request.id))
        return PaidAtOnce(request, payout_id, day, number, sum_.amount)

    def _why_not(self, request: InstantRequested, operator: Operator, day: date, at: datetime) -> str:
        """Why nothing is paid at once; "" where it may be."""
        if request.currency != operator.currency:
            return f"{operator.operator_id} is paid at once in {operator.currency}, and in no other currency"
        if self.desk.closed_through is not None and day <= self.desk.closed_through:
            return f"business date {day} of {operator.operator_id} is closed"
        if self.around.is_held(at):
            return f"the payouts of {operator.operator_id} were held"
        if not is_sound(operator.bank_account):
            return f"no bank can know the account of {operator.operator_id}"
        return ""

    def _lacks_cover(self, sum_: PayoutSum) -> str:
        """That client money does not reach, where runs wait for cover; "" where it does."""
        if self.cover is None or sum_.awaits_approval:
            return ""
        left = self.cover(sum_.currency, self.until) - self.making.handed_off[sum_.currency]
        return "" if left >= sum_.amount else "client money did not reach for it"

    def fire(self, day: date) -> bool:
        """Fire the run of one business date; False when it waits, for cover or until payouts are resumed.

        What somebody asked for before it comes first.
        """
        fired = fires_at(self.versions, day)
        if fired is not None:
            self.pay_at_once(fired[0])
            self._last_moment = fired[0]
        self._reasons, waiting = {}, list(self.making.awaiting)
        is_made = self._fire(day)
        if fired is not None and self.desk.explains:
            at = fired[0]
            # What a reserve of no days holds comes back at that moment.
            self.making.release_reserves(at)
            self.told.append(RunTold(day, at, left_out(self.making.lines, day, at, self._reasons, waiting)))
        return is_made

    def _leave(self, lines: Iterable[Line], reason: LeftOutFor) -> None:
        """Note why a run does not pay lines that are due."""
        if self.desk.explains:
            self._reasons.update((str(line.entry_id), reason) for line in lines)

    def _fire(self, day: date) -> bool:
        fired = fires_at(self.versions, day)
        if fired is None:
            return True
        at, operator = fired
        leaves_at = self.around.leaves_at(at)
        if leaves_at is None or leaves_at > self.until:
            self.is_stopped = True
            return False
        made_at = leaves_at if self.cover is None else max(leaves_at, self.until)
        if made_at > at:
            operator = self.versions.at(made_at) or operator
        self.making.release_reserves(at)
        self.making.count_rejected(at)
        due = [line for line in self.making.lines if line.is_due(day, at)]
        self.note_below_zero(due, day, at)
        if self.around.is_held(leaves_at):
            self.withheld = None
            self._leave(due, LeftOutFor.HELD)
            return True
        self.withheld = self._withhold(due, at, operator)
        if self.withheld is not None:
            self._leave(due, LeftOutFor.BAD_ACCOUNT)
            return True
        sums = list(self._sums(due, day, made_at, operator))
        self.waiting = self._wait(sums, day, at, made_at, operator)
        if self.waiting is not None:
            self._leave(due, LeftOutFor.NO_COVER)
            return False
        # What failed while the run waited was not asked for above: the next one pays it again.
        for payout in self.making.going_again(at, operator):
            self.making.pay_again(payout, made_at, operator)
        for each in sums:
            self.making.pay(each, day, made_at, operator)
        return True

    def note_below_zero(self, due: Sequence[Line], day: date, at: datetime) -> None:
        """Note in which currencies all that is due comes to less than nothing, where it is not as the run before."""
        sums: dict[str, int] = defaultdict(int)
        for line in due:
            sums[line.currency] += line.amount
        amounts = {currency: sum_ for currency, sum_ in sorted(sums.items()) if sum_ < 0}
        if not self.below_zero or self.below_zero[-1].amounts.keys() != amounts.keys():
            self.below_zero.append(BelowZero(day, at, amounts))
        self.fired_through = day

    def _wait(
        self, sums: Sequence[PayoutSum], day: date, at: datetime, made_at: datetime, operator: Operator
    ) -> Waiting | None:
        """What cover is missing for all that the run would hand off; None where there is enough, or nobody asks."""
        if self.cover is None or operator.asks_for_approval or self.around.is_another_payee(operator, made_at):
            return None
        wanted: dict[str, int] = defaultdict(int)
        for each in sums:
            if not each.awaits_approval:
                wanted[each.currency] += each.amount
        for created in map(created_of, self.making.going_again(at, operator)):
            wanted[created.currency] += created.amount
        missing = {
            currency: sum_ + self.making.handed_off[currency] - self.cover(currency, self.until)
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
        for created in map(created_of, self.making.failed):
            amounts[created.currency] += created.amount
        return Withheld(at, operator.bank_account, {each: sum_ for each, sum_ in sorted(amounts.items()) if sum_ > 0})

    def _sums(self, due: Sequence[Line], day: date, at: datetime, operator: Operator) -> Iterator[PayoutSum]:
        """What there is to pay of lines that are due, by currency."""
        for currency in sorted({line.currency for line in due}):
            of_currency = [line for line in due if line.currency == currency]
            if waits_for_rate(of_currency, currency, operator):
                self._leave(of_currency, LeftOutFor.FX_RATE_MISSING)
                continue
            lines = self._within_advances(of_currency, currency, at, operator)
            found = sum_of(lines, currency, day, at, operator, self.desk.past)
            if isinstance(found, NothingPaid):
                self._leave(lines, LeftOutFor(found.reason))
            elif self.making.was_paid(currency, day):
                self._leave(lines, LeftOutFor.PAID_BEFORE)
            else:
                yield with_payee(found, operator, at, self.around)

    def _within_advances(self, lines: list[Line], currency: str, at: datetime, operator: Operator) -> list[Line]:
        limit = operator.advance_limit_minor
        if limit is None or currency != operator.currency:
            return lines
        carried = self.desk.advances.carried(lines, currency, at, limit)
        self._leave((line for line in lines if line.stream_id in carried), LeftOutFor.ADVANCE_LIMIT)
        return [line for line in lines if line.stream_id not in carried]
