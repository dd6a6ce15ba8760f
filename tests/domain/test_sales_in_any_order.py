"""Sessions that the platform sells come out the same in any order, whichever terms were told when."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.vat_ids import is_vat_id
from domain.catalogue.catalogue import Catalogue
from domain.fact import Fact
from domain.session.facts import Refunded
from tests.domain.builders import at, balance, decided, partner, tariff
from tests.domain.test_any_order import (
    check,
    check_among_each_other,
    driver_histories,
    roaming_histories,
)
from tests.domain.test_sales import DUTCH, DUTCH_TAX, HERE, known, tax, terms_of

models = st.sampled_from(("PRINCIPAL", "PRINCIPAL", "AGENT"))
taxes = st.sampled_from((tax(), tax(None), DUTCH_TAX, DUTCH_TAX | {"vat_id": None}, {}))
bearers = st.fixed_dictionaries(
    {
        "fund_release": st.sampled_from(("ON_SESSION", "ON_CAPTURE", "ON_SETTLEMENT")),
        "psp_fee_bearer": st.sampled_from(("PLATFORM", "OPERATOR")),
        "dispute_fee_bearer": st.sampled_from(("PLATFORM", "OPERATOR")),
        "payment_failure_bearer": st.sampled_from(("PLATFORM", "OPERATOR")),
    }
)
identities = st.sampled_from((None, {"country": "NL", "vat_id": DUTCH}, {"country": "NL"}, {"country": "DE"}))


@settings(deadline=None)
@given(driver_histories, models, taxes, bearers)
def test_a_drivers_session_comes_out_the_same_in_any_order(
    facts: list[Fact], model: str, told: dict[str, Any], terms: dict[str, Any]
) -> None:
    check(facts, known(model, told, **terms))


@settings(deadline=None)
@given(roaming_histories, models, taxes, st.sampled_from(("ADVANCE", "PAY_WHEN_PAID")), identities)
def test_a_partners_session_comes_out_the_same_in_any_order(
    facts: list[Fact], model: str, told: dict[str, Any], funding: str, identity: dict[str, Any] | None
) -> None:
    check(facts, known(model, told, of_partner=partner(funding, tax=identity)))


def changed(when: str, model: str, told: dict[str, Any]) -> dict[str, Any]:
    return terms_of(model, told) | {"effective_from": at(when).isoformat()}


publications = (
    ("operator.registered", "op", "2026-01-01T00:00:00", terms_of("AGENT", tax(HERE))),
    ("operator.changed", "op-1", "02 09:00", changed("02 09:00", "PRINCIPAL", DUTCH_TAX)),
    ("operator.changed", "op-2", "02 10:30", changed("02 10:30", "AGENT", {})),
    ("operator.changed", "op-3", "02 09:30", changed("02 09:30", "PRINCIPAL", tax())),
    ("tariff.published", "t", "02 12:00", tariff()),
    ("partner.registered", "p", "02 09:59", partner(tax={"country": "NL", "vat_id": DUTCH})),
)
catalogues = st.lists(st.sampled_from(publications), unique_by=lambda each: each[1], max_size=len(publications))


@settings(deadline=None)
@given(st.one_of(driver_histories, roaming_histories), catalogues, st.randoms(use_true_random=False))
def test_terms_and_facts_may_come_in_any_order_among_each_other(
    facts: list[Fact], told: list[tuple[str, str, str, dict[str, Any]]], random: Any
) -> None:
    check_among_each_other(facts, told, random, lambda: Catalogue(vat_ids=is_vat_id))


@settings(deadline=None)
@given(driver_histories, taxes, bearers)
def test_the_operator_loses_nothing_of_a_sale_but_what_refunds_say_it_bears(
    facts: list[Fact], told: dict[str, Any], terms: dict[str, Any]
) -> None:
    facts = [each for each in facts if not (isinstance(each, Refunded) and each.borne_by != "PLATFORM")]
    ours = {"dispute_fee_bearer": "PLATFORM", "psp_fee_bearer": "PLATFORM"}
    session = decided(facts, known("PRINCIPAL", told, **terms | ours))
    if session.outcome is not None and session.outcome.operator_share is not None:
        owed = sum(balance(session, account) for account in ("2010/OP", "2011/OP", "2030/OP"))
        assert owed == -session.outcome.operator_share
