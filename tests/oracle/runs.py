"""Payout runs at each cut-off, their reserves, and what banks answer about payouts."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from functools import partial
from heapq import heappush
from typing import Any, TypeAlias

from tests.oracle.accounts import Payout, payout_id
from tests.oracle.business_days import business_date, start_of
from tests.oracle.exact import half_up, minor, minor_text, number
from tests.oracle.facts import Event, Facts, acts_at, key_of
from tests.oracle.ledger_of_record import Book, Line

FACT, CDR, MATURING, RESERVE, RUN = range(5)
Data: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = Callable[["PayoutRuns", Payout, datetime, Data], None]


class PayoutRuns:
    """The book with the moments to come, and every run that the clock makes up to `until`."""

    def __init__(self, facts: Facts, until: datetime) -> None:
        self.facts, self.until = facts, until
        self.book = Book()
        self.payouts: dict[str, Payout] = {}
        self._waiting: dict[str, list[tuple[datetime, Callable[[datetime, Data], None], Data]]] = {}
        self._moments: list[tuple[Any, ...]] = []
        self._count = 0

    def _at(self, acts: tuple[datetime, str, str], action: Callable[[datetime], None], order: int = FACT) -> None:
        self._count += 1
        heappush(self._moments, (acts[0], order, acts[1], acts[2], self._count, action))

    def _answer_waiting(self, name: str) -> None:
        """Answers about a CDR or payout that came before it act at their own times."""
        for at, handler, data in self._waiting.pop(name, []):
            handler(at, data)

    def _terms(self, operator_id: str, at: datetime) -> Mapping[str, Any]:
        terms = self.facts.operator(operator_id, at)
        assert terms is not None, f"{operator_id} has no terms at {at}"
        return terms

    def _business_date(self, operator_id: str, at: datetime) -> date:
        terms = self._terms(operator_id, at)
        return business_date(at, terms["time_zone"], terms["payout"]["cutoff_time"])

    def _expect_runs(self, operator_id: str) -> None:
        """A run for each business date, at the cut-off that is in effect when it fires."""
        day = self._business_date(operator_id, min(version.begins for version in self.facts.operators[operator_id]))
        while day <= self.until.date() + timedelta(days=1):
            fires = self._starts(operator_id, day + timedelta(days=1))
            self._at((fires, operator_id, ""), partial(self._fire, operator_id, day), RUN)
            day += timedelta(days=1)

    def _starts(self, operator_id: str, day: date) -> datetime:
        """When a business date starts, by the cut-off that is then in effect."""
        moments = []
        for version in self.facts.operators[operator_id]:
            cutoff, zone = version.data["payout"]["cutoff_time"], version.data["time_zone"]
            starts = start_of(day, zone, cutoff)
            holds = self.facts.operator(operator_id, starts)
            if holds is not None and (holds["payout"]["cutoff_time"], holds["time_zone"]) == (cutoff, zone):
                moments.append(starts)
        return min(moments)

    def _fire(self, operator_id: str, day: date, at: datetime) -> None:
        terms = self._terms(operator_id, at)
        self._reissue(operator_id, terms, at)
        for currency in sorted({line.currency for line in self.book.lines if line.operator_id == operator_id}):
            payable = [
                line
                for line in self.book.lines
                if (line.operator_id, line.currency) == (operator_id, currency)
                and not line.taken
                and line.available_on <= day
                and line.posted_at <= at
            ]
            self._pay(operator_id, currency, day, at, terms, payable)

    def _pay(
        self, operator_id: str, currency: str, day: date, at: datetime, terms: Mapping[str, Any], payable: list[Line]
    ) -> None:
        rules = terms["payout"]
        earned = sum(line.amount for line in payable if not line.reserve_release)
        reserve = max(half_up(earned * number(rules["reserve_percent"]) / 100), 0)
        amount = sum(line.amount for line in payable) - reserve
        if amount <= 0 or amount < minor_text(str(rules["minimum"]), currency):
            return
        for line in payable:
            line.taken = True
        payout = Payout(
            payout_id(operator_id, currency, day, 1), operator_id, currency, day, amount, 1,
            "AWAITING_APPROVAL" if rules["requires_approval"] else "IN_TRANSIT", terms["bank_account"], at,
        )  # fmt: skip
        self.payouts[payout.payout_id] = payout
        if rules["requires_approval"]:
            return
        available = f"2010/{operator_id}"
        self.book.post(at, "J31", currency, (available, reserve), (f"2020/{operator_id}", -reserve))
        self.book.post(at, "J35", currency, (available, amount), (f"2050/{operator_id}", -amount))
        self._answer_waiting(payout.payout_id)
        if reserve:
            free_on = day + timedelta(days=int(rules["reserve_days"]))
            free_at = max(at, self._starts(operator_id, free_on))
            line = Line(operator_id, currency, reserve, free_on, free_at, reserve_release=True)
            self._at((free_at, operator_id, ""), lambda at: self._release_reserve(line, at), RESERVE)

    def _release_reserve(self, line: Line, at: datetime) -> None:
        sides = (f"2020/{line.operator_id}", line.amount), (f"2010/{line.operator_id}", -line.amount)
        self.book.post(at, "J32", line.currency, *sides)
        self.book.lines.append(line)

    def _reissue(self, operator_id: str, terms: Mapping[str, Any], at: datetime) -> None:
        for old in sorted(self.payouts.values(), key=lambda payout: payout.payout_id):
            if old.operator_id == operator_id and _goes_again(old, terms, at):
                old.reissued = True
                name = payout_id(operator_id, old.currency, old.business_date, old.attempt + 1)
                self.payouts[name] = Payout(
                    name, operator_id, old.currency, old.business_date, old.amount, old.attempt + 1,
                    "IN_TRANSIT", terms["bank_account"], at,
                )  # fmt: skip
                sides = (f"2060/{operator_id}", old.amount), (f"2050/{operator_id}", -old.amount)
                self.book.post(at, "J40", old.currency, *sides)
                self._answer_waiting(name)

    def _answered(self, handler: Answer, at: datetime, data: Mapping[str, Any]) -> None:
        """An answer acts on its payout, which may not be made yet, and never before it was handed off."""
        payout = self.payouts.get(data["payout_id"])
        if payout is None:
            again = partial(self._answered, handler)
            self._waiting.setdefault(data["payout_id"], []).append((at, again, data))
        else:
            handler(self, payout, max(at, payout.fired_at), data)

    def _pay_out(self, payout: Payout, at: datetime, _: Mapping[str, Any]) -> None:
        if payout.status != "IN_TRANSIT":
            return
        payout.status = "PAID"
        sides = (f"2050/{payout.operator_id}", payout.amount), ("1010", -payout.amount)
        self.book.post(at, "J36", payout.currency, *sides)
        self.book.paid_out[payout.operator_id, payout.currency] += payout.amount

    def _refuse(self, payout: Payout, at: datetime, data: Mapping[str, Any]) -> None:
        if payout.status == "PAID":
            self._return_payout(payout, at, data)
        elif payout.status == "IN_TRANSIT":
            payout.status, payout.since, payout.reason = "FAILED", at, data["reason"]
            sides = (f"2050/{payout.operator_id}", payout.amount), (f"2060/{payout.operator_id}", -payout.amount)
            self.book.post(at, "J38", payout.currency, *sides)

    def _return_payout(self, payout: Payout, at: datetime, data: Mapping[str, Any]) -> None:
        self._pay_out(payout, at, data)
        if payout.status != "PAID":
            return
        payout.status, payout.since = "RETURNED", at
        sides = ("1010", payout.amount), (f"2060/{payout.operator_id}", -payout.amount)
        self.book.post(at, "J39", payout.currency, *sides)
        self.book.paid_out[payout.operator_id, payout.currency] -= payout.amount
        if "amount" in data:
            kept = payout.amount - minor(data["amount"])
            self.book.post(at, "J37b", payout.currency, ("5090", kept), ("1010", -kept))

    def _paid(self, at: datetime, data: Mapping[str, Any]) -> None:
        self._answered(PayoutRuns._pay_out, at, data)

    def _failed_payout(self, at: datetime, data: Mapping[str, Any]) -> None:
        self._answered(PayoutRuns._refuse, at, data)

    def _returned(self, at: datetime, data: Mapping[str, Any]) -> None:
        self._answered(PayoutRuns._return_payout, at, data)


def _goes_again(old: Payout, terms: Mapping[str, Any], at: datetime) -> bool:
    """To another account where that was to blame; three times at most where it was not."""
    if old.reissued or old.status not in ("FAILED", "RETURNED") or old.since >= at:
        return False
    if old.status == "RETURNED" or old.reason == "AC04":
        return bool(old.bank_account != terms["bank_account"])
    return old.attempt < 3


def without_withdrawn(events: list[Event]) -> list[Event]:
    """Events without failures that the bank took back: it paid later, or returned what it never said it had paid."""
    words = ("payout.accepted", "payout.paid", "payout.failed", "payout.returned")
    told: dict[str, list[tuple[datetime, int, Event]]] = {}
    for event in events:
        if event["type"] in words:
            entry = (acts_at(event)[0], words.index(event["type"]), event)
            told.setdefault(event["data"]["payout_id"], []).append(entry)
    gone = set()
    for answers in told.values():
        answers.sort(key=lambda answer: answer[:2])
        for place, (_, word, event) in enumerate(answers):
            before, after = [each[1] for each in answers[:place]], [each[1] for each in answers[place + 1 :]]
            if word == 2 and (1 in after or (3 in after and 1 not in before)):
                gone.add(key_of(event))
    return [event for event in events if key_of(event) not in gone]
