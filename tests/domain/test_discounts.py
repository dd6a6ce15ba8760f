"""Discounts: the operator's lowers the price and the commission; the platform's and another operator's are funded."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalogue.catalogue import Catalogue
from domain.fact import Fact
from domain.session.facts import Started
from domain.session.session import Session
from tests.domain.builders import (
    at,
    balance,
    captured,
    catalogue,
    corrected,
    decided,
    ended,
    failed,
    on_the_book,
    operator,
    refunded,
    started,
)
from tests.domain.test_any_order import one_by_one
from tests.support.examples import examples

FUNDER = "OP-F"
NOT_IN_EFFECT = "it was not in effect when the session started"


def published(known: Catalogue, name: str, funder: str, when: str = "2026-01-01T00:00:00", **what: Any) -> Catalogue:
    """With a discount of OP."""
    told = {"discount_id": name, "operator_id": "OP", "effective_from": "2026-01-01T00:00:00Z", "funder": funder}
    known.publish("discount.published", "b", f"{name} {when}", at(when), told | what)
    return known


def with_discounts(funder: str = "PLATFORM", of_operator: dict[str, Any] | None = None, **what: Any) -> Catalogue:
    """A catalogue with discount D, and an operator who may fund it."""
    known = catalogue(operator(**(of_operator or {})))
    known.publish("operator.registered", "b", "f", at("2026-01-01T00:00:00"), operator(operator_id=FUNDER))
    return published(known, "D", funder, **(what or {"fixed": {"amount": "1.00", "currency": "EUR"}}))


def starting(*names: str) -> Started:
    """The session's start, which names discounts."""
    return replace(started(), discount_ids=names)


def findings(session: Session) -> list[tuple[str, int | None]]:
    """What is open of the discounts."""
    found = [(each.kind.value, each.amount) for each in session.findings]
    return sorted(each for each in found if each[0].startswith("DISCOUNT"))


def test_the_platform_funds_a_discount_and_the_operator_has_its_share_of_the_whole_price() -> None:
    session = decided([starting("D"), ended(), captured("02 11:02", 1100)], with_discounts())
    assert on_the_book(session, "J01d") == [("J01d", "02 11:00", {"5065": 100, "1105/S-1": -100})]
    assert balance(session, "1105/S-1") == 0
    assert balance(session, "2010/OP") == -1080
    assert findings(session) == []


def test_another_operator_funds_a_discount_and_owes_it_as_the_share_is_released() -> None:
    session = decided([starting("D"), ended(), captured("02 11:02", 1100)], with_discounts(FUNDER))
    assert balance(session, f"2011/{FUNDER}") == 0
    assert balance(session, f"2010/{FUNDER}") == 100
    assert balance(session, "2010/OP") == -1080
    (release,) = (each for name, each in session.releases.items() if name.startswith("funder:"))
    assert release.operator_id == FUNDER


def test_the_operators_discount_lowers_price_and_commission() -> None:
    session = decided([starting("D"), ended(), captured("02 11:02", 1080)], with_discounts("OPERATOR", percent="10"))
    outcome = session.outcome
    assert outcome is not None
    assert (outcome.net, outcome.gross, outcome.commission) == (900, 1080, 90)
    assert on_the_book(session, "J01d") == []
    assert balance(session, "1105/S-1") == 0
    (cdr,) = session.sent.values()
    assert str(cdr.document["total_cost"]["incl_vat"]) == "10.80"
    assert "discount D 1.20 EUR borne by the operator" in cdr.document["remark"]


def test_an_operator_that_names_itself_bears_it_by_its_price() -> None:
    session = decided([starting("D"), ended()], with_discounts("OP", percent="10"))
    assert session.outcome is not None
    assert session.outcome.gross == 1080


def test_discounts_are_taken_off_one_after_the_other() -> None:
    known = published(with_discounts(percent="10"), "E", "PLATFORM", per_kwh="0.05")
    session = decided([starting("D", "E", "D"), ended()], known)
    # 10 % of 12.00, then 5 cents for each of 20 kWh.
    assert balance(session, "5065") == 220


@pytest.mark.parametrize("funder", ["PLATFORM", "OPERATOR", FUNDER])
def test_a_discount_above_the_price_takes_all_of_it_and_is_told(funder: str) -> None:
    session = decided([starting("D"), ended()], with_discounts(funder, fixed={"amount": "15.00", "currency": "EUR"}))
    assert findings(session) == [("DISCOUNT_ABOVE_PRICE", 300)]
    assert balance(session, "1105/S-1") == 0


def test_nothing_is_left_to_be_captured_of_what_is_funded_whole() -> None:
    terms = {"fund_release": "ON_CAPTURE"}
    session = decided([starting("D"), ended()], with_discounts(of_operator=terms, percent="100"))
    assert balance(session, "2010/OP") == -1080


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ({"fixed": {"amount": "1.00", "currency": "SEK"}}, "it is in SEK, and the session in EUR"),
        ({"percent": "10", "effective_to": "2026-02-01T00:00:00Z"}, NOT_IN_EFFECT),
        (
            {"percent": "10", "effective_from": "2026-04-01T00:00:00Z"},
            NOT_IN_EFFECT,
        ),
        ({"percent": "10", "locations": ["ELSEWHERE"]}, "it is not for location L"),
        ({"percent": "10", "funder": "NOBODY"}, "operator NOBODY, who funds it, is not known"),
    ],
)
def test_what_does_not_count_is_told_and_the_price_stays(what: dict[str, Any], why: str) -> None:
    session = decided([starting("D"), ended()], with_discounts(**what))
    assert balance(session, "1105/S-1") == 1200
    (finding,) = (each for each in session.findings if each.kind == "DISCOUNT_WITHOUT_EFFECT")
    assert finding.sentence == f"discount D of session S-1 counts for nothing: {why}"


def test_one_that_nobody_published_is_told_until_it_is() -> None:
    session = decided([starting("D"), ended()], catalogue())
    assert findings(session) == [("DISCOUNT_WITHOUT_EFFECT", None)]
    known = published(catalogue(), "D", "PLATFORM", when="2026-03-05T00:00:00", percent="10")
    assert balance(decided([starting("D"), ended()], known), "5065") == 120


def test_of_two_funders_the_first_counts() -> None:
    known = published(with_discounts(percent="10"), "E", FUNDER, percent="20")
    session = decided([starting("D", "E"), ended()], known)
    assert balance(session, "5065") == 120
    assert findings(session) == [("DISCOUNT_WITHOUT_EFFECT", None)]


def test_a_payment_that_failed_costs_the_operator_what_the_driver_owed() -> None:
    session = decided([starting("D"), ended(), failed()], with_discounts())
    assert on_the_book(session, "J01f")[0][2]["1105/S-1"] == -1100


def test_a_price_that_falls_after_it_was_paid_gives_each_its_part() -> None:
    facts = [starting("D"), ended(), captured("02 11:02", 1080), corrected("02 12:00", stop_wh=15_000)]
    session = decided(facts, with_discounts(percent="10"))
    # 9.00 in place of 12.00: the driver owed 8.10 of it and paid 10.80.
    assert balance(session, "5065") == 90
    assert balance(session, "2080/P-1") == -270
    assert balance(session, "1105/S-1") == 0


MOMENTS = ("02 10:30", "02 11:00", "02 11:15", "03 00:00", "04 09:00")
moments = st.sampled_from(MOMENTS)
amounts = st.sampled_from((300, 900, 1080, 1100, 1200))
others: st.SearchStrategy[Fact] = st.one_of(
    st.builds(captured, moments, amounts, st.just(42), st.sampled_from(("P-1", "P-2"))),
    st.builds(failed, moments, st.just("P-1")),
    st.builds(refunded, moments, amounts, st.sampled_from(("OPERATOR", "PLATFORM", "SHARED"))),
    st.builds(corrected, moments, st.just(None), st.sampled_from((10_000, 15_000, 25_000))),
)
terms = st.fixed_dictionaries({"fund_release": st.sampled_from(("ON_SESSION", "ON_CAPTURE", "ON_SETTLEMENT"))})
discounts = st.sampled_from(
    (
        {"percent": "10"},
        {"percent": "33.333"},
        {"per_kwh": "0.07"},
        {"fixed": {"amount": "1.00", "currency": "EUR"}},
        {"fixed": {"amount": "11.00", "currency": "EUR"}},
    )
)
histories = st.lists(others, max_size=6, unique_by=lambda fact: (fact.source, fact.id)).flatmap(
    lambda facts: st.permutations([starting("D"), ended(), *facts])
)


@given(histories, terms, st.sampled_from(("PLATFORM", "OPERATOR", FUNDER)), discounts)
@settings(max_examples=examples(60), deadline=None)
def test_any_order_gives_the_same_book_and_funder_and_driver_owe_the_price(
    facts: Sequence[Fact], of_operator: dict[str, Any], funder: str, what: dict[str, Any]
) -> None:
    known = with_discounts(funder, of_operator, **what)
    session, _ = one_by_one(facts, known)
    again = decided(facts, known)
    one, other = ({each.key: each for each in found.standing.bookings()} for found in (session, again))
    assert one == other
    assert session.outcome == again.outcome
    outcome = session.outcome
    assert outcome is not None
    if outcome.gross is not None and funder != "OPERATOR":
        borne = balance(session, "5065") + balance(session, f"2010/{FUNDER}") + balance(session, f"2011/{FUNDER}")
        assert 0 < borne <= outcome.gross


@pytest.mark.parametrize("funder", ["PLATFORM", FUNDER])
def test_a_share_is_split_whole_whoever_funds_a_discount_of_the_price(funder: str) -> None:
    splits = [{"operator_id": "HOST", "role": "host", "percent": "25"}]
    known = with_discounts(funder, {"splits": splits})
    known.publish("operator.registered", "b", "h", at("2026-01-01T00:00:00"), operator(operator_id="HOST"))
    session = decided([starting("D"), ended(), captured("02 11:02", 1100)], known)
    assert balance(session, "2010/OP") == -810
    assert balance(session, "2010/HOST") == -270
    assert balance(session, f"2010/{FUNDER}" if funder == FUNDER else "5065") == 100
    assert balance(session, f"2011/{FUNDER}") == 0


def test_of_a_sale_of_the_platforms_only_the_operators_discount_lowers_the_price() -> None:
    of_sale = {"model": "PRINCIPAL"}
    session = decided([starting("D"), ended()], with_discounts("PLATFORM", of_sale))
    assert findings(session) == [("DISCOUNT_WITHOUT_EFFECT", None)]
    lowered = decided([starting("D"), ended()], with_discounts("OPERATOR", of_sale, percent="10"))
    assert lowered.outcome is not None
    assert lowered.outcome.gross == 1080
