"""Own money is swept out by two people, never above the cover; a VAT return is what was issued, or refused."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.messages import stream_of
from domain.book.standing import Booked
from domain.closing.affair import Affair
from domain.closing.kinds import AFFAIRS
from domain.closing.sweep import SweepAffair, SweepAround
from domain.closing.vat_return import VatAffair, VatAround
from domain.fact import RecordedFact
from tests.closing.test_close import sentences
from tests.support.audited import verify
from tests.support.closing import CHECKER, MAKER, close, filed, paid, sweep
from tests.support.engine import Engine
from tests.support.events import event, money, operator, session, tariff
from tests.support.examples import examples

PROVIDED: dict[str, Any] = {
    "settlement_id": "ST-1",
    "provider": "acme-psp",
    "settled_at": "2026-03-03T09:00:00Z",
    "net": money("11.80"),
    "items": [{"payment_id": "P-S-1", "gross": money("12.10"), "fee": money("0.30")}],
}


@pytest.fixture
def settled(engine: Engine) -> Engine:
    """A session of 12.10 that was paid and settled: 1.21 of it is the platform's own, less a fee of 0.30."""
    told = [
        operator(),
        tariff(),
        *session(),
        event("payment.settled", "ST-1", str(PROVIDED["settled_at"]), PROVIDED),
    ]
    engine.feed(told)
    engine.advance("2026-04-01T00:00:00Z")
    return engine


def swept(amount: str, sweep_id: str = "SW-1", day: str = "2026-04-05") -> list[dict[str, Any]]:
    """A sweep from its proposal to its end."""
    people = (("proposed", MAKER), ("approved", CHECKER), ("executed", MAKER))
    return [sweep(what, f"{day}T{10 + hour}:00:00Z", by, amount, sweep_id) for hour, (what, by) in enumerate(people)]


def test_own_money_is_swept_and_no_more_than_there_is(settled: Engine) -> None:
    free = settled.balances()["1010 EUR"]
    settled.feed([*swept("0.91"), *swept("0.01", "SW-2")])
    settled.advance("2026-04-06T00:00:00Z")
    assert free - settled.balances()["1010 EUR"] == 91
    assert [each.partition(":")[0] for each in sentences(settled)] == ["ABOVE_COVER", "sweep SW-2 was not approved"]
    assert verify(settled.dsn).passed, verify(settled.dsn).failed


def test_what_is_reserved_is_nobody_elses(settled: Engine) -> None:
    """Two at once: the second is refused while the first is not carried out."""
    settled.feed([*swept("0.70")[:2], *swept("0.50", "SW-2")[:2], *swept("0.21", "SW-3")[:2]])
    settled.advance("2026-04-06T00:00:00Z")
    assert settled.rows("SELECT name, reserved FROM intake.affair WHERE reserved IS NOT NULL ORDER BY name") == [
        ("sweep:SW-1", 70),
        ("sweep:SW-3", 21),
    ]
    assert verify(settled.dsn).passed, verify(settled.dsn).failed


def test_a_return_that_says_what_was_issued_is_paid_and_another_is_refused_with_both(settled: Engine) -> None:
    settled.feed([filed("0.21", at="2026-04-02T09:00:00Z", return_id="VAT-0")])
    settled.advance("2026-04-02T10:00:00Z")
    close(settled, "2026-03", "2026-04-03")
    settled.feed(
        [
            filed("0.20", at="2026-05-09T09:00:00Z", return_id="VAT-2"),
            filed("0.21"),
            paid("0.21"),
            filed("0.21", return_id="VAT-3"),
        ]
    )
    settled.advance("2026-05-13T00:00:00Z")
    said = sentences(settled)
    assert "is not closed" in said[0]
    assert "VAT_DIFFERS: VAT return VAT-2 says output 0.20 and input 0.00 EUR, and issued are output 0.21" in said[1]
    assert "has months of VAT return VAT-1" in said[2]
    assert "2110 EUR" not in settled.balances()
    assert verify(settled.dsn).passed, verify(settled.dsn).failed


AN_AFFAIR: dict[str, tuple[Callable[[], Sequence[dict[str, Any]]], Any]] = {
    "sweep": (
        lambda: [
            *swept("1.00"),
            sweep("proposed", "2026-04-05T12:30:00Z", MAKER, "3.00"),
            sweep("approved", "2026-04-05T10:30:00Z", MAKER),
            sweep("approved", "2026-04-05T10:40:00Z", CHECKER, "2.00"),
        ],
        SweepAround(500),
    ),
    "VAT return": (
        lambda: [
            filed("19.00", "1.71"),
            filed("18.00", at="2026-05-09T09:00:00Z"),
            paid("17.29"),
            paid("17.00", at="2026-05-11T09:00:00Z"),
        ],
        VatAround("2026-05", None, lambda: [("1310/DE-19", 171), ("2110/DE-19", -1900)]),
    ),
}


def _state(affair: Affair) -> tuple[Any, ...]:
    """What stands, and what is refused."""
    return (affair.standing.bookings(), sorted((each.source, each.id) for each in affair.refusals))


@pytest.mark.parametrize("name", AN_AFFAIR)
@given(data=st.data())
@settings(max_examples=examples(25))
def test_decisions_that_come_in_any_order_come_to_the_same(name: str, data: st.DataObject) -> None:
    """Told in any order, and judged by the order of their times."""
    make, around = AN_AFFAIR[name]
    told = list(make())
    in_turn = _told(told, around)
    shuffled = data.draw(st.permutations(told))
    assert _state(_told(shuffled, around)) == _state(in_turn)


def _told(events: Sequence[dict[str, Any]], around: Any) -> Affair:
    """An affair that is told everything, and then judged."""
    first = events[0]
    affair = AFFAIRS[first["type"]](stream_of(first["type"], first["data"]), "affair:ID")
    for each in events:
        affair.learn(RecordedFact(each["type"], each["source"], each["id"], None, each["data"]))  # type: ignore[arg-type]
    while (due := affair.due()) is not None:
        affair.decide(due, around)
    return affair


@given(first=st.permutations(["proposed", "approved", "executed"]))
@settings(max_examples=examples(6))
def test_a_sweep_waits_for_what_comes_before_it(first: list[str]) -> None:
    """Judged after each message, in whatever order they come."""
    told = {each["type"].partition(".")[2]: each for each in swept("1.00")}
    affair = SweepAffair(uuid5(stream_of("sweep.proposed", told["proposed"]["data"]), ""), "sweep:SW-1")
    for name in first:
        each = told[name]
        affair.learn(RecordedFact(each["type"], each["source"], each["id"], None, each["data"]))  # type: ignore[arg-type]
        while (due := affair.due()) is not None:
            affair.decide(due, SweepAround(100))
    assert [booking.amount for booking in affair.standing.bookings()] == [100]  # type: ignore[attr-defined]
    assert not len(affair.refusals)
    assert not len(affair.findings)


@given(output=st.integers(0, 10**9), deducted=st.integers(0, 10**9), off=st.integers(-3, 3))
@settings(max_examples=examples(40))
def test_a_return_is_filed_as_it_was_issued_or_not_at_all(output: int, deducted: int, off: int) -> None:
    """And what is paid of it closes its accounts."""
    affair = VatAffair(stream_of("vat.filed", filed("1.00")["data"]), "vat_return:VAT-1")
    around = VatAround("2026-04", None, lambda: [("1310/NL-21", deducted), ("2110/NL-21", -output)])
    said = filed(_text(output + off), _text(deducted))
    due = _text(output - deducted)
    for each in (said, *([paid(due)] if output != deducted else [])):
        affair.learn(RecordedFact(each["type"], each["source"], each["id"], None, each["data"]))  # type: ignore[arg-type]
    decided: list[Any] = []
    while (told := affair.due()) is not None:
        decided += affair.decide(told, around)
    booked = [each.booking for each in decided if isinstance(each, Booked)]
    assert len(booked) == (1 if not off and output != deducted else 0)
    if off:
        assert any("VAT_DIFFERS" in each.sentence for each in affair.refusals)


def _text(minor: int) -> str:
    sign, digits = ("-" if minor < 0 else ""), f"{abs(minor):03d}"
    return f"{sign}{digits[:-2]}.{digits[-2:]}"
