"""Matters by themselves: in whatever order they are told, and whenever the clock looks, they end alike."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from domain.book.bookings import Booking
from domain.book.journal import Entry
from domain.book.matter_bookings import HoldPlaced, HoldReleased
from domain.book.posting import entries_of, mirrors_of
from domain.book.standing import Booked, Retracted
from domain.catalogue.catalogue import Catalogue
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from domain.fact import RecordedFact
from domain.matter.matter import Matter
from tests.domain.builders import operator

STREAM, START = UUID(int=58), datetime(2026, 3, 2, tzinfo=UTC)
PEOPLE = st.sampled_from(["ann", "bob", "cy"])
HOURS = st.integers(0, 400)
AMOUNTS = st.integers(1, 2_000)


def money(minor: int, currency: str = "EUR") -> dict[str, str]:
    return {"amount": f"{minor // 100}.{minor % 100:02d}", "currency": currency}


def at(hours: int) -> str:
    return (START + timedelta(hours=hours)).isoformat()


def fact(number: int, type_: str, data: dict[str, Any]) -> RecordedFact:
    return RecordedFact(type_, "urn:test", f"{number:03d}", START, data)


@st.composite
def adjustments(draw: Any) -> list[RecordedFact]:
    """All that may be said of one adjustment: proposals, approvals and rejections by three people."""
    told = []
    for number in range(draw(st.integers(1, 6))):
        hours, by = draw(HOURS), draw(PEOPLE)
        if draw(st.booleans()):
            data = {"operator_id": "OP-1", "amount": money(draw(AMOUNTS)), "reason_code": "R", "note": ""}
            data |= {"direction": draw(st.sampled_from(["CREDIT", "DEBIT"])), "proposed_at": at(hours)}
            type_ = "adjustment.proposed"
        else:
            data, type_ = {"at": at(hours)}, f"adjustment.{draw(st.sampled_from(['approved', 'rejected']))}"
        told.append(fact(number, type_, data | {"adjustment_id": "A", "by": by}))
    return told


@st.composite
def holds(draw: Any) -> list[RecordedFact]:
    """All that may be said of one hold: it is placed, perhaps twice, and released in parts, too late and too much."""
    told = []
    for number in range(draw(st.integers(1, 7))):
        data = {"hold_id": "H", "operator_id": "OP-1", "at": at(draw(HOURS)), "reason": "r", "by": draw(PEOPLE)}
        if draw(st.integers(0, 3)) == 0:
            until = {"until": at(draw(HOURS))} if draw(st.booleans()) else {}
            told.append(fact(number, "reserve.held", data | {"amount": money(draw(AMOUNTS))} | until))
        else:
            some = {"amount": money(draw(AMOUNTS))} if draw(st.booleans()) else {}
            told.append(fact(number, "reserve.released", data | some))
    return told


@st.composite
def invoices(draw: Any) -> list[RecordedFact]:
    """An invoice, told once or more often, perhaps otherwise."""
    told = []
    for number in range(draw(st.integers(1, 3))):
        first = START.date() - timedelta(days=draw(st.integers(0, 60)))
        last = first + timedelta(days=draw(st.integers(0, 120)))
        data = {"invoice_id": "I", "operator_id": "OP-1", "net": money(draw(AMOUNTS)), "vat": money(draw(AMOUNTS))}
        data |= {"period_from": first.isoformat(), "period_to": last.isoformat(), "netting": draw(st.booleans())}
        told.append(fact(number, "saas.invoiced", data | {"invoiced_at": at(draw(HOURS))}))
    return told


TOLD = st.one_of(adjustments(), holds(), invoices())
LAST = START + timedelta(days=20)


def operators() -> dict[str, Versions[Operator]]:
    catalogue = Catalogue()
    data = operator() | {"operator_id": "OP-1", "effective_from": "2026-03-01T00:00:00Z"}
    catalogue.publish("operator.registered", "urn:test", "1", START - timedelta(days=1), data)
    return dict(catalogue.operators)


class Ledger:
    """A matter with all the entries it ever gave."""

    def __init__(self) -> None:
        self.matter, self.entries = Matter(STREAM), list[Entry]()
        self.matter.name = "matter:1"

    def decide(self, known: dict[str, Versions[Operator]], clock: datetime | None) -> None:
        for decision in self.matter.decide(known, clock).decisions:
            if isinstance(decision, Booked | Retracted):
                make = entries_of if isinstance(decision, Booked) else mirrors_of
                self.entries += make(decision.booking, STREAM, decision.revision, STREAM)

    def outcome(self) -> tuple[Any, ...]:
        """What stands, what is refused and found, and where it is said to be; without the revisions of entries."""
        judged = self.matter.judged
        refused = {(each.source, each.id, each.sentence) for each in self.matter.refusals}
        found = {(finding.key, finding.sentence) for finding in self.matter.findings}
        where = (judged.state, judged.amount, judged.decided_by, str(judged.details)) if judged else None
        return sorted(map(str, self.matter.standing.bookings())), refused, found, where

    def balances(self) -> dict[str, int]:
        sums: dict[str, int] = {}
        for entry in self.entries:
            for account, amount in entry.postings:
                sums[account] = sums.get(account, 0) + amount
        return {account: amount for account, amount in sums.items() if amount}


def told_at_once(facts: Sequence[RecordedFact]) -> Ledger:
    ledger = Ledger()
    for each in facts:
        ledger.matter.learn(each)
    ledger.decide(operators(), LAST)
    return ledger


@given(TOLD, st.data())
def test_any_order_with_the_clock_between_ends_alike(facts: list[RecordedFact], data: st.DataObject) -> None:
    wanted = told_at_once(facts)
    ledger, known = Ledger(), {} if data.draw(st.booleans(), "operator late") else operators()
    clock: datetime | None = None
    for each in data.draw(st.permutations(facts), "order"):
        ledger.matter.learn(each)
        if data.draw(st.booleans(), "clock"):
            clock = max(clock or START, START + timedelta(hours=data.draw(HOURS)))
        ledger.decide(known, clock if data.draw(st.booleans(), "by the clock") else None)
    ledger.decide(operators(), LAST)
    assert ledger.outcome() == wanted.outcome()
    assert ledger.balances() == wanted.balances()
    before = len(ledger.entries)
    ledger.decide(operators(), None)
    assert len(ledger.entries) == before, "what was judged already changes nothing"


@given(adjustments())
def test_an_adjustment_stands_by_two_people_or_not_at_all(facts: list[RecordedFact]) -> None:
    ledger = told_at_once(facts)
    for booking in ledger.matter.standing.bookings():
        judged = ledger.matter.judged
        assert judged is not None
        assert judged.proposed_by != judged.decided_by
        assert booking.effective_at == judged.decided_at
        assert booking.effective_at >= judged.proposed_at
    refused = {(each.source, each.id) for each in ledger.matter.refusals}
    counting = [each for each in facts if (each.source, each.id) not in refused]
    assert len(counting) <= 2


def amount_of(booking: Booking) -> int:
    assert isinstance(booking, HoldPlaced | HoldReleased)
    return booking.amount


@given(holds())
def test_no_more_of_a_hold_comes_back_than_was_held(facts: list[RecordedFact]) -> None:
    ledger = told_at_once(facts)
    left = -ledger.balances().get("2020/OP-1", 0)
    placed = sum(amount_of(each) for each in ledger.matter.standing.bookings() if each.key == "hold")
    assert 0 <= left <= placed
    running = 0
    for booking in sorted(ledger.matter.standing.bookings(), key=lambda each: each.effective_at):
        running += amount_of(booking) if booking.key == "hold" else -amount_of(booking)
        assert running >= 0


@given(invoices())
def test_an_invoice_is_earned_whole_and_only_once(facts: list[RecordedFact]) -> None:
    ledger = Ledger()
    for each in facts:
        ledger.matter.learn(each)
    ledger.decide(operators(), LAST + timedelta(days=400))
    sums = ledger.balances()
    first = min(facts, key=lambda each: (each.data["invoiced_at"], each.id))
    net = round(float(first.data["net"]["amount"]) * 100)
    assert (sums.get("2310/OP-1", 0), sums["4030"]) == (0, -net)
