"""The driver's own money: `verify` follows it by code of its own, and finds it where others were charged with it."""

from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import Any

import pytest

from domain.session.driver import book, disputes, due, ratings, refunds
from domain.session.driver.due import Part
from domain.session.facts import Captured
from domain.session.payment_facts import first_of_each
from tests.support import aftermath
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import (
    TOKEN,
    captured,
    corrected,
    ended,
    event,
    money,
    operator,
    partner,
    started,
    tariff,
)

Event = dict[str, Any]


def findings(engine: Engine, events: Iterable[Event]) -> set[str]:
    """The checks that fail after a session of 20 kWh (12.10) and these events."""
    engine.feed([operator(fund_release="ON_SESSION"), tariff(), started(), ended(), *events])
    engine.advance("2026-04-01T00:00:00Z")
    return {check.name for check in verify(engine.dsn).failed}


def _at(day: int, hour: int = 9) -> str:
    return f"2026-03-{day:02d}T{hour:02d}:00:00Z"


def _capture(amount: str, at: str = "2026-03-02T11:01:00Z", **data: Any) -> Event:
    made = captured(amount=amount, at=at)
    number = data.pop("number", 1)
    return made | {"id": f"{made['id']}:{number}", "data": made["data"] | data}


def _refund(amount: str, day: int = 3) -> Event:
    return aftermath.refunded("R-1", "S-1", _at(day), money(amount), "OPERATOR")


def _failed(day: int) -> Event:
    return aftermath.refund_failed("R-1", "S-1", _at(day))


def _closed(day: int, outcome: str) -> Event:
    return aftermath.dispute_closed("D-1", "S-1", _at(day), outcome)


OVERPAID = [_capture("15.00"), _refund("2.90")]
DISPUTE = aftermath.disputed("D-1", "S-1", _at(5), money("12.10"), money("15.00"))
LOWERED_AND_LOST = [_capture("12.10"), corrected("S-1", _at(3), 15_000), DISPUTE, _closed(20, "LOST")]
DECIDED_AGAIN = [_capture("12.10"), DISPUTE, _closed(10, "WON"), _closed(20, "LOST")]
RAISED = [_capture("12.10"), corrected("S-1", _at(3), 25_000)]
COVERED = [*RAISED, _capture("3.03", _at(4), payment_id="P-2", number=2)]
CAME_BACK = [*OVERPAID, _failed(6)]
# 12.10 above the bill goes back, the price rises, and the refund comes back: that pays the raised price.
PAID_BY_WHAT_CAME_BACK = [_capture("24.20"), _refund("12.10"), corrected("S-1", _at(4), 30_000), _failed(6)]
PAID_BY_WHAT_WAS_WON = [
    _capture("20.00"),
    aftermath.disputed("D-1", "S-1", _at(3), money("20.00"), money("15.00")),
    corrected("S-1", _at(4), 30_000),
    _closed(10, "WON"),
]
REVIEW = {"session_id": "S-1", "at": _at(3), "verdict": "VOID", "reason": "none", "by": "I. Jansen"}
WAS_NONE = [
    ended(at="2026-03-02T11:30:00Z"),
    event("charging.session.reviewed", "S-1", _at(3), REVIEW),
    _capture("12.10"),
    _refund("12.10", 4),
]
PARTS = [_capture("6.05"), _capture("6.05", number=2), _capture("6.05", number=3, capture_id="C-3")]


@pytest.mark.parametrize(
    "events",
    [
        OVERPAID,
        LOWERED_AND_LOST,
        DECIDED_AGAIN,
        RAISED,
        COVERED,
        CAME_BACK,
        PARTS,
        WAS_NONE,
        PAID_BY_WHAT_CAME_BACK,
        PAID_BY_WHAT_WAS_WON,
    ],
    ids=str,
)
def test_the_audit_agrees(engine: Engine, events: list[Event]) -> None:
    assert findings(engine, events) == set()


def test_it_finds_an_overpayment_that_was_paid_back_at_the_operators_cost(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due.DriversMoney, "overpaid", 0)
    assert findings(engine, OVERPAID) == {"refunds"}


def test_it_finds_a_refund_of_a_session_that_was_none_at_the_operators_cost(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book, "VOIDED", "what no session is")
    assert findings(engine, WAS_NONE) == {"refunds"}


def test_it_finds_a_dispute_that_takes_from_the_operator_what_is_due_back_anyway(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due.DriversMoney, "set_aside", lambda _, amount, payment_id: Part(0, payment_id, 0))
    monkeypatch.setattr(due.DriversMoney, "take", lambda _, amount, payment_id: Part(0, payment_id, 0))
    assert findings(engine, LOWERED_AND_LOST) == {"disputes"}


def test_it_finds_a_dispute_whose_later_outcome_was_not_heard(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book, "outcomes", lambda *said: list(disputes.outcomes(*said))[:1])
    assert findings(engine, DECIDED_AGAIN) == {"disputes"}


def test_it_finds_a_raised_price_that_was_paid_and_is_not_charged(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ratings.Ratings, "consider_raised", lambda *_: None)
    assert findings(engine, COVERED) == {"raised"}


def test_it_finds_a_raised_price_that_is_charged_and_not_paid(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ratings.Ratings, "missing", lambda _: 0)
    monkeypatch.setattr(due.DriversMoney, "overpaid", 303)
    assert findings(engine, RAISED) == {"raised"}


def test_it_finds_a_refund_that_failed_and_stays_on_the_book(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refunds.Refunds, "fail", lambda *_: None)
    assert findings(engine, CAME_BACK) == {"refunds"}


def test_it_finds_partial_captures_that_were_taken_for_one(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def by_amount(captures: Sequence[Captured]) -> list[Captured]:
        return first_of_each(captures, lambda fact: (fact.payment_id, fact.at, fact.amount))

    monkeypatch.setattr(book, "distinct_captures", by_amount)
    assert "captures" in findings(engine, PARTS)


MOMENTS = ("2026-03-02T10:30:00Z", "2026-03-02T11:00:00Z", "2026-03-02T11:01:00Z", _at(3), _at(4), _at(6), _at(8))
AMOUNTS = ("1.00", "3.03", "6.05", "12.10", "15.13")


def _any(random: Random, session_id: str) -> Iterator[Event]:
    """A session with much that happens to its payments, often at one moment."""
    yield started(session_id, token=TOKEN) if random.random() < 0.15 else started(session_id)
    if random.random() < 0.95:
        yield ended(session_id)
    for number in range(random.randrange(3, 12)):
        at, amount = random.choice(MOMENTS), money(random.choice(AMOUNTS))
        name, payment_id = f"{random.randrange(3)}", f"P-{random.randrange(2)}-{session_id}"
        made = random.choice(
            (
                captured(session_id, at, amount["amount"], payment_id=payment_id),
                captured(session_id, at, amount["amount"], payment_id=payment_id),
                corrected(session_id, at, random.choice((15_000, 20_000, 25_000, 0, -1)) % 100_000),
                aftermath.payment_failed(session_id, at),
                aftermath.refunded(name, session_id, at, amount, random.choice(("OPERATOR", "PLATFORM", "SHARED"))),
                aftermath.disputed(name, session_id, at, amount, money("15.00")),
                aftermath.dispute_closed(name, session_id, at, random.choice(("WON", "LOST"))),
                aftermath.dispute_closed(name, session_id, at, random.choice(("WON", "LOST"))),
                _failed(random.choice((3, 8))),
            )
        )
        data = made["data"] | {"session_id": session_id}
        if "payment_id" in data:
            data |= {"payment_id": payment_id}
        if "refund_id" in data:
            data |= {"refund_id": name}
        yield made | {"id": f"{random.randrange(1_000)}:{number}:{session_id}", "subject": session_id, "data": data}


@pytest.mark.parametrize("seed", [1, 2])
def test_the_audit_agrees_whatever_happens_to_payments(engine: Engine, seed: int) -> None:
    random = Random(seed)
    events = [each for number in range(150) for each in _any(random, f"S-{number}")]
    random.shuffle(events)
    engine.feed([operator(fund_release="ON_SESSION"), tariff(), partner(), *events])
    engine.advance("2026-04-01T00:00:00Z")
    report = verify(engine.dsn)
    assert [finding.sentence for check in report.failed for finding in check.findings] == []
