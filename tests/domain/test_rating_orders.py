"""Orders to rate anew: whom they concern, from when, and beside corrections, payments and each other."""

from itertools import permutations

import pytest

from domain.fact import Fact
from domain.session.assessment import assess
from domain.session.session import Session
from tests.domain.builders import (
    balance,
    captured,
    catalogue,
    charged,
    corrected,
    decided,
    kinds_on_the_book,
    on_the_book,
    partner,
)
from tests.domain.publishing import Told, ordered, publish


def rated(*orders: Told, facts: list[Fact] | None = None, roams: bool = False) -> Session:
    """The session of 2 March, 10:00 to 11:00, of 20 kWh for 12.00, after these orders."""
    known = publish(catalogue(of_partner=partner() if roams else None), orders)
    return decided(charged(roams=roams) + (facts or []), known)


def gross(*orders: Told, facts: list[Fact] | None = None) -> int | None:
    outcome = rated(*orders, facts=facts).outcome
    assert outcome is not None
    return outcome.gross


def test_an_order_prices_a_session_anew_from_its_own_time_on() -> None:
    session = rated(ordered("05 09:00", "0.25"))
    # The first price, its mirror, and the new one.
    assert [when for _, when, _ in on_the_book(session, "J01")] == ["02 11:00", "05 09:00", "05 09:00"]
    assert balance(session, "1105/S-1") == 600


@pytest.mark.parametrize(
    ("since", "before", "concerned"),
    [
        ("02 10:00", "02 10:01", True),
        ("02 09:00", "02 10:00", False),
        ("02 10:01", "03 00:00", False),
    ],
)
def test_it_concerns_what_started_in_its_range_which_ends_before_its_end(
    since: str, before: str, concerned: bool
) -> None:
    assert gross(ordered("05 09:00", "0.25", since, before)) == (600 if concerned else 1200)


def test_it_may_concern_the_sessions_of_one_tariff_only() -> None:
    assert gross(ordered("05 09:00", "0.25", sessions_of="t")) == 600
    assert gross(ordered("05 09:00", "0.25", sessions_of="other")) == 1200


def test_an_order_before_the_end_of_a_session_counts_from_its_end() -> None:
    for when in ("02 09:00", "02 10:30", "02 11:00"):
        session = rated(ordered(when, "0.25"))
        assert [(when, found["1105/S-1"]) for _, when, found in on_the_book(session, "J01")] == [("02 11:00", 600)]


def test_when_the_tariff_says_it_is_valid_does_not_matter_to_an_order() -> None:
    ended = ordered("05 09:00", "0.25", end_date_time="2026-02-01T00:00:00Z")
    assert gross(ended) == 600


def test_an_order_that_cannot_be_followed_changes_nothing() -> None:
    gold = [{"price_components": [{"type": "GOLD", "price": 1, "step_size": 1}]}]
    assert gross(ordered("05 09:00", "0.25", currency="SEK")) == 1200
    assert gross(ordered("05 09:00", "0.25", elements=gold)) == 1200


def test_of_several_orders_the_latest_rules_and_each_is_on_the_book_from_its_time() -> None:
    orders = [ordered("05 09:00", "0.25"), ordered("06 09:00", "0.75"), ordered("07 09:00", "0.30")]
    for some in permutations(orders):
        session = rated(*some)
        assert balance(session, "1105/S-1") == 720
        assert {when for _, when, _ in on_the_book(session, "J01")} == {
            "02 11:00",
            "05 09:00",
            "06 09:00",
            "07 09:00",
        }


def test_of_orders_at_one_time_the_last_by_source_and_id_rules() -> None:
    orders = [ordered("05 09:00", "0.25", order_id="A"), ordered("05 09:00", "0.75", order_id="B")]
    assert {gross(*some) for some in permutations(orders)} == {1800}


def test_an_order_told_twice_with_another_tariff_is_as_it_was_first_given() -> None:
    orders = [ordered("05 09:00", "0.25", order_id="A"), ordered("06 09:00", "0.75", order_id="A")]
    assert {gross(*some) for some in permutations(orders)} == {600}


def test_what_a_captured_payment_cannot_give_stays_as_billed() -> None:
    session = rated(ordered("05 09:00", "0.75"), facts=[captured()])
    assert session.outcome is not None
    assert (session.outcome.gross, session.outcome.shortfall) == (1200, 600)


def test_a_lower_price_of_a_captured_session_is_due_back() -> None:
    session = rated(ordered("05 09:00", "0.25"), facts=[captured()])
    assert "J59" in kinds_on_the_book(session)
    assert balance(session, "2080/P-1") == -600


def test_corrections_and_orders_are_one_line_of_truths_in_the_order_of_their_times() -> None:
    facts: list[Fact] = [corrected("04 09:00", stop_wh=10_000), corrected("06 09:00", stop_wh=30_000)]
    known = publish(catalogue(), [ordered("05 09:00", "0.25"), ordered("07 09:00", "1.00")])
    changes = assess(decided(charged() + facts, known).meter, known).changes
    assert [(f"{change.at:%d}", change.bill.gross if change.bill else None) for change in changes] == [
        ("02", 1200),
        ("04", 600),
        ("05", 300),
        ("06", 900),
        ("07", 3600),
    ]


def test_a_correction_after_an_order_is_priced_with_the_ordered_tariff() -> None:
    assert gross(ordered("05 09:00", "0.25"), facts=[corrected("06 09:00", stop_wh=40_000)]) == 1200


def test_a_roaming_session_gets_a_credit_cdr_and_a_new_one() -> None:
    session = rated(ordered("05 09:00", "0.25"), roams=True)
    issued = [(cdr.number, f"{cdr.issued_at:%d %H:%M}", cdr.credited_at is not None) for cdr in session.issued]
    assert issued == [(1, "02 11:15", True), (2, "05 09:00", False)]
