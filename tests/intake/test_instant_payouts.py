"""Operators are paid at once on request: for a fee, within limits, and beside the run of the day."""

from random import Random
from typing import Any

import pytest

from domain.catalogue.run_terms import InstantFee
from tests.intake.test_run_terms import TAX, days, made
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import event, operator

Event = dict[str, Any]
FEE = {"percent": "1", "fixed": "0.50", "vat_percent": "21"}
REFUSED = """
SELECT body ->> 'sentence' FROM event_store.stored_events,
     LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
WHERE topic = 'DecisionRefused' ORDER BY body ->> 'at', 1
"""


def request(at: str, amount: str | None = None, number: int = 1, **fields: Any) -> Event:
    """Somebody asks for OP-1 at a moment."""
    data = {"operator_id": "OP-1", "currency": "EUR", "amount": amount, "at": at, "by": "office"} | fields
    return event("payout.instant_requested", data["operator_id"], at, data, id_=f"R-{number}")


def refusals(engine: Engine) -> list[str]:
    return [sentence for (sentence,) in engine.rows(REFUSED)]


def paid(engine: Engine) -> list[tuple[str, int, int, int]]:
    """(business date, attempt, amount, fee with VAT) of all payouts, by the moment at which they were made."""
    return [
        (body["business_date"], body["attempt"], body["amount"], body["fee"] + body["fee_vat"])
        for body in sorted(made(engine), key=lambda body: (body["fired_at"], body["attempt"]))
    ]


def sound(engine: Engine) -> None:
    assert [finding for check in verify(engine.dsn).failed for finding in check.findings] == []


def test_all_that_is_available_is_paid_at_once_for_a_fee_and_the_run_pays_what_comes_after(engine: Engine) -> None:
    engine.feed([*days(instant_fee=FEE), request("2026-03-02T14:00:00Z")])
    engine.advance("2026-03-03T23:30:00Z")
    assert paid(engine) == [("2026-03-02", 1001, 1016, 73), ("2026-03-03", 1, 544, 0)]
    assert engine.balances()["4060 EUR"] == -60
    sound(engine)


def test_just_an_amount_is_paid_and_the_rest_goes_with_the_run_of_the_same_date(engine: Engine) -> None:
    engine.feed([*days(instant_fee=FEE, retain="1.00"), request("2026-03-02T14:00:00Z", "5.00")])
    engine.advance("2026-03-02T23:30:00Z")
    fee = 55 + 12
    assert paid(engine) == [("2026-03-02", 1001, 500, fee), ("2026-03-02", 1, 1089 - 500 - fee - 100, 0)]
    assert engine.balances()["2010/OP-1 EUR"] == -100
    sound(engine)


def test_several_of_one_date_each_have_a_key_of_their_own_and_a_limit_together(engine: Engine) -> None:
    asked = [request(f"2026-03-02T{12 + n}:00:00Z", "3.00", n) for n in range(4)]
    engine.feed([*days(instant_fee=FEE | {"fixed": "0.00"}, limits={"instant": "7.00"}), *asked])
    engine.advance("2026-03-02T22:30:00Z")
    assert [(attempt, amount) for _, attempt, amount, _ in paid(engine)] == [(1001, 300), (2001, 300)]
    assert refusals(engine) == ["no more than 7.00 EUR are paid at once to OP-1 of 2026-03-02, in all"] * 2
    sound(engine)


@pytest.mark.parametrize(
    ("terms", "asked", "sentence"),
    [
        ({}, {}, "the terms of OP-1 have no instant payouts"),
        (
            {"instant_fee": FEE},
            {"amount": "10.50"},
            "10.16 EUR can be paid at once to OP-1, once the fee for it is paid",
        ),
        ({"instant_fee": FEE}, {"currency": "SEK"}, "OP-1 is paid at once in EUR, and in no other currency"),
        (
            {"instant_fee": FEE, "payout_minimum": "8.00"},
            {"amount": "7.99"},
            "7.99 EUR is below the minimum of OP-1, 8.00 EUR",
        ),
        (
            {"instant_fee": FEE, "bank_account": {"holder": "G", "iban": "NL21INGB0001234567"}},
            {},
            "no bank can know the account of OP-1",
        ),
    ],
)
def test_what_cannot_be_paid_at_once_is_refused_with_a_sentence_and_goes_with_the_run(
    engine: Engine, terms: dict[str, Any], asked: dict[str, Any], sentence: str
) -> None:
    engine.feed([*days(**terms), request("2026-03-02T14:00:00Z", **asked)])
    engine.advance("2026-03-02T22:30:00Z")
    assert (paid(engine), refusals(engine)) == ([], [sentence])
    sound(engine)


def test_held_payouts_are_not_paid_at_once_and_what_waits_for_approval_is_set_aside(engine: Engine) -> None:
    held = {"operator_id": "OP-1", "at": "2026-03-02T13:00:00Z", "reason": "asked by the court", "by": "office"}
    engine.feed([*days(instant_fee=FEE), request("2026-03-02T14:00:00Z")])
    engine.feed([event("operator.payouts_held", "OP-1", "2026-03-02T13:00:00Z", held)])
    released = held | {"at": "2026-03-03T08:00:00Z"}
    engine.feed([event("operator.payouts_released", "OP-1", "2026-03-03T08:00:00Z", released)])
    again = operator(
        changed=True, time="2026-03-03T09:00:00Z", instant_fee=FEE, withholding=[TAX], payout_requires_approval=True
    )
    engine.feed([again, request("2026-03-03T14:00:00Z", number=2)])
    engine.advance("2026-03-03T20:00:00Z")
    assert refusals(engine) == ["the payouts of OP-1 were held"]
    assert [(body["attempt"], body["status"]) for body in made(engine)] == [(1001, "AWAITING_APPROVAL")]
    assert "4060 EUR" not in engine.balances()
    sound(engine)


def test_one_that_failed_goes_again_within_its_own_thousand(engine: Engine) -> None:
    engine.feed([*days(instant_fee=FEE), request("2026-03-02T14:00:00Z")])
    engine.advance("2026-03-02T15:00:00Z")
    (first,) = made(engine)
    failed = {"payout_id": first["payout_id"], "at": "2026-03-02T16:00:00Z", "reason": "AM04"}
    engine.feed([event("payout.failed", first["payout_id"], "2026-03-02T16:00:00Z", failed)])
    engine.advance("2026-03-02T23:30:00Z")
    assert paid(engine) == [("2026-03-02", 1001, 1016, 73), ("2026-03-02", 1002, 1016, 0)]
    sound(engine)


@pytest.mark.parametrize("seed", [1, 2])
def test_in_any_order_of_arrival_the_same_is_paid_at_once(engine: Engine, seed: int) -> None:
    events = [
        *days(instant_fee=FEE, retain="2.00", withholding=[TAX], limits={"instant": "9.00"}),
        *(request(f"2026-03-0{day}T14:00:00Z", amount, day) for day, amount in ((2, "4.00"), (3, None), (4, "8.00"))),
    ]
    shuffled = [*events, *events[-2:]]
    Random(seed).shuffle(shuffled)
    engine.feed(shuffled, batch=5)
    engine.advance("2026-03-08T00:00:00Z")
    assert paid(engine) == [
        ("2026-03-02", 1001, 400, 65),
        ("2026-03-02", 1, 424, 0),
        ("2026-03-03", 1001, 477, 67),
        ("2026-03-04", 1001, 800, 70),
        ("2026-03-04", 1, 1084, 0),
        ("2026-03-05", 1, 968, 0),
        ("2026-03-06", 1, 7744, 0),
    ]
    sound(engine)


def test_a_request_that_nobody_signed_is_a_dead_letter(engine: Engine) -> None:
    unsigned = {name: each for name, each in request("2026-03-02T14:00:00Z").items() if name != "signature"}
    engine.feed([*days(instant_fee=FEE), unsigned])
    engine.advance("2026-03-02T22:30:00Z")
    assert (paid(engine), engine.refusals()) == ([], ["NOT_SIGNED"])


@pytest.mark.parametrize("fault", ["a fee that is not charged", "a fee without VAT"])
def test_it_is_seen_when_the_fee_is_wrong(engine: Engine, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    of = InstantFee.of
    wrong = {"a fee that is not charged": lambda *_: (0, 0), "a fee without VAT": lambda *each: (of(*each)[0], 0)}
    monkeypatch.setattr(InstantFee, "of", wrong[fault])
    engine.feed([*days(instant_fee=FEE), request("2026-03-02T14:00:00Z")])
    engine.advance("2026-03-02T15:00:00Z")
    assert "run_amounts" in {check.name for check in verify(engine.dsn).failed}


def test_it_is_seen_when_the_limit_of_a_date_is_not_looked_at(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.payout.run.above_limit", lambda *_: "")
    engine.feed([*days(instant_fee=FEE, limits={"instant": "7.00"}), request("2026-03-02T14:00:00Z")])
    engine.advance("2026-03-02T15:00:00Z")
    assert {check.name for check in verify(engine.dsn).failed} == {"run_amounts"}
