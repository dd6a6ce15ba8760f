"""J01c, J03, J04: captures and their fees, before and after the session is rated."""

from dataclasses import replace
from typing import Any

import pytest

from domain.fact import Fact
from domain.session.decisions import FactRejected
from domain.session.judging import decide
from domain.session.session import Session
from tests.domain.builders import (
    SESSION,
    at,
    balance,
    captured,
    catalogue,
    charged,
    decided,
    ended,
    kinds_on_the_book,
    on_the_book,
    operator,
    refunded,
    settled,
    started,
)

BEARS_FEES: dict[str, Any] = {"psp_fee_bearer": "OPERATOR"}


def recharged(*facts: Fact) -> Session:
    return decided([*charged(), *facts], catalogue(operator({"delay_days": 1}, **BEARS_FEES)))


def test_a_session_is_rated_and_captured_as_in_the_worked_check() -> None:
    session = decided([*charged(), captured("02 11:01", fee=42)])
    assert on_the_book(session) == [
        ("J01", "02 11:00", {"1105/S-1": 1200, "2011/OP": -1200}),
        ("J02", "02 11:00", {"2011/OP": 120, "4010": -100, "2110": -20}),
        ("J08", "02 11:00", {"2011/OP": 1080, "2010/OP": -1080}),
        ("J01c", "02 11:01", {"1110/psp": 1200, "1105/S-1": -1200}),
        ("J03", "02 11:01", {"5010": 42, "1110/psp": -42}),
    ]


def test_a_capture_of_another_amount_leaves_the_rest_with_the_driver() -> None:
    assert balance(decided([*charged(), captured(amount=1000)]), "1105/S-1") == 200
    assert balance(decided([*charged(), captured(amount=1300)]), "1105/S-1") == -100


@pytest.mark.parametrize("facts", [[], [started()], [started(), ended("02 11:00", 1), ended("02 11:00", 2, "end-2")]])
def test_a_capture_is_posted_at_its_own_time_whether_the_session_is_rated_or_not(facts: list[Fact]) -> None:
    session = decided([*facts, captured("02 11:01", fee=42)], catalogue(operator(**BEARS_FEES)))
    assert on_the_book(session) == [
        ("J01c", "02 11:01", {"1110/psp": 1200, "1105/S-1": -1200}),
        ("J03", "02 11:01", {"5010": 42, "1110/psp": -42}),
    ]


def test_the_same_capture_told_by_two_sources_is_posted_once() -> None:
    session = decided([*charged(), captured(), replace(captured(), source="another source")])
    assert kinds_on_the_book(session).count("J01c") == 1


def test_partial_captures_that_agree_in_time_and_amount_are_all_posted() -> None:
    first, second, third = captured(amount=400), replace(captured(amount=400), id="2"), captured("02 11:03", 400)
    session = decided([*charged(), first, second, third, replace(second, source="another source")])
    assert kinds_on_the_book(session).count("J01c") == 3
    assert balance(session, "1105/S-1") == 0


def test_a_capture_id_tells_captures_apart_whoever_tells_them() -> None:
    two = [captured(amount=400, capture_id="C-1"), captured(amount=400, capture_id="C-2")]
    again = replace(two[0], source="another source", at=at("02 11:05"))
    assert balance(decided([*charged(), *two, again]), "1105/S-1") == 400


def test_payments_of_two_providers_may_have_one_id() -> None:
    session = decided([*charged(), captured(amount=600), replace(captured(amount=600), id="2", provider="psp-2")])
    assert (balance(session, "1110/psp"), balance(session, "1110/psp-2")) == (600, 600)


def test_a_fee_is_recharged_to_an_operator_who_bears_it_at_the_capture() -> None:
    session = recharged(captured("02 11:01", fee=42))
    assert on_the_book(session, "J04") == [("J04", "02 11:01", {"2011/OP": 42, "4050": -42})]
    assert on_the_book(session, "J08") == [("J08", "03 00:00", {"2011/OP": 1038, "2010/OP": -1038})]


def test_a_fee_is_recharged_at_a_capture_before_the_rating_once_it_is_rated() -> None:
    session = recharged(captured("02 10:30", fee=42))
    assert on_the_book(session, "J04") == [("J04", "02 10:30", {"2011/OP": 42, "4050": -42})]


def test_a_fee_recharged_after_the_share_matured_is_taken_from_the_available_payable() -> None:
    session = recharged(captured("05 08:00", fee=42))
    assert on_the_book(session, "J04") == [("J04", "05 08:00", {"2010/OP": 42, "4050": -42})]


def test_a_platform_that_bears_the_fee_recharges_nothing() -> None:
    assert "J04" not in kinds_on_the_book(decided([*charged(), captured(fee=42)]))


@pytest.mark.parametrize(("settled_fee", "difference"), [(45, 3), (40, -2)])
def test_another_fee_in_the_settlement_posts_the_difference_then_recharged_like_the_first(
    settled_fee: int, difference: int
) -> None:
    session = recharged(captured("02 11:01", fee=42), settled("02 23:00", fee=settled_fee))
    assert on_the_book(session, "J03")[1:] == [("J03", "02 23:00", {"5010": difference, "1110/psp": -difference})]
    assert on_the_book(session, "J04")[1:] == [("J04", "02 23:00", {"2011/OP": difference, "4050": -difference})]
    assert balance(session, "2010/OP") == -(1080 - settled_fee)


def test_the_same_fee_in_the_settlement_posts_nothing() -> None:
    facts = [*charged(), captured(fee=42)]
    assert kinds_on_the_book(decided([*facts, settled(fee=42)])) == kinds_on_the_book(decided(facts))


def test_one_settlement_item_for_two_captures_of_a_payment_covers_both() -> None:
    two = [captured("02 11:01", 700, 20), captured("02 12:00", 500, 10)]
    session = decided([*charged(), *two, settled(fee=31)])
    assert on_the_book(session, "J03")[2:] == [("J03", "03 06:00", {"5010": 1, "1110/psp": -1})]


def test_a_payment_in_another_currency_is_refused_and_posts_nothing() -> None:
    session = Session(SESSION)
    for fact in [*charged(), captured(currency="USD")]:
        session.learn(fact)
    decisions = decide(session, catalogue(), None).decisions
    assert [d.code for d in decisions if isinstance(d, FactRejected)] == ["CURRENCY_MISMATCH"]
    assert "J01c" not in kinds_on_the_book(session)


def test_a_payment_in_another_currency_that_shows_only_later_is_taken_off_the_book() -> None:
    session = Session(SESSION)
    session.learn(captured(currency="USD", fee=42))
    decide(session, catalogue(), None)
    assert kinds_on_the_book(session) == ["J01c", "J03"]
    session.learn(started())
    decide(session, catalogue(), None)
    assert kinds_on_the_book(session) == []


def test_a_refund_of_a_payment_that_was_never_captured_waits() -> None:
    waiting = [*charged(), refunded("03 10:00", 100, payment="P-9")]
    assert "J25" not in kinds_on_the_book(decided(waiting))
    session = decided([*waiting, captured(payment="P-9")])
    assert on_the_book(session, "J25") == [("J25", "03 10:00", {"2010/OP": 100, "1110/psp": -100})]
