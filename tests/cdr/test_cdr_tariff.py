"""Tariffs inside CDRs: what of 2.3.0 a CDR of 2.2.1 can say, and the other way round."""

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.ocpi import tariff as model_2_2_1
from contracts.ocpi import tariff_2_3_0 as model_2_3_0
from domain.cdr.tariff import tariff_2_2_1, tariff_2_3_0
from domain.money import to_minor_half_up
from domain.tariff.tariff import Tariff
from ledger.events.codec import dump
from tests.cdr.cdr_builders import GST, QST, as_read, check, emitted, newer
from tests.rating.rating_builders import AMSTERDAM, MORNING, component, document, element, period, rated

LIMITS = {"min_price": {"excl_vat": 1, "incl_vat": 1.21}, "max_price": {"excl_vat": 9, "incl_vat": 10.89}}
INCLUSIVE = newer(document(element(component("ENERGY", 0.49, vat=21)), **LIMITS), "YES")
NEWER_NAMES = ("tax_included", "before_taxes", "after_taxes", "preauthorize_amount")


def components_of(tariff: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for part in tariff["elements"] for each in part["price_components"]]


def test_a_tariff_of_2_2_1_stays_as_it_is() -> None:
    terms = document(element(component("ENERGY", 0.49, vat=21), max_power=16), **LIMITS)
    assert tariff_2_2_1(terms) == terms


def test_prices_that_include_taxes_are_told_without_them() -> None:
    terms = newer(
        document(element(component("ENERGY", "0.60", vat=20)), element(component("FLAT", "1.21", vat=21))), "YES"
    )
    told = components_of(tariff_2_2_1(terms))
    assert [(each["price"], each["vat"]) for each in told] == [(Decimal("0.5"), 20), (Decimal(1), 21)]


def test_a_price_that_does_not_end_is_rounded_up_at_fifteen_digits() -> None:
    told = components_of(tariff_2_2_1(INCLUSIVE))[0]
    assert told["price"] == Decimal("0.404958677685951")
    assert told["price"] > Decimal(49) / Decimal(121)


def test_several_taxes_add_up_to_one_vat() -> None:
    terms = newer(document(element(component("ENERGY", 0.5))), "NO")
    assert components_of(tariff_2_2_1(terms, (GST, QST)))[0] == component("ENERGY", 0.5, vat=Decimal("14.975"))


def test_where_no_taxes_apply_there_is_no_vat_and_one_bound() -> None:
    terms = newer(document(element(component("ENERGY", 0.5, vat=21)), **LIMITS), "N/A")
    told = tariff_2_2_1(terms, (GST,))
    assert components_of(told) == [component("ENERGY", 0.5)]
    assert told["max_price"] == {"excl_vat": 9, "incl_vat": 9}


def test_nothing_of_2_3_0_is_left_in_a_cdr_of_2_2_1() -> None:
    told = as_read(tariff_2_2_1({**INCLUSIVE, "preauthorize_amount": 50}))
    assert not [name for name in NEWER_NAMES if name in str(told)]
    assert model_2_2_1.Tariff.model_validate(json.loads(dump(told))).min_price is not None
    Tariff.from_ocpi(told)


def test_a_cdr_of_2_2_1_with_a_tariff_of_2_3_0_is_refused() -> None:
    facts = {"registers": [(MORNING, 0), (MORNING.replace(hour=11), 900)]}
    session = {"started_at": MORNING, "ended_at": MORNING.replace(hour=11), **facts}
    cdr = emitted(INCLUSIVE, session, AMSTERDAM).older
    check(cdr, "2.2.1")
    for tariff in (INCLUSIVE, {**cdr["tariffs"][0], "min_price": {"before_taxes": 1}}):
        with pytest.raises(ValidationError):
            check({**cdr, "tariffs": [tariff]}, "2.2.1")


@pytest.mark.parametrize("tax_included", ["YES", "NO", "N/A"])
def test_a_tariff_of_2_3_0_stays_as_it_is_in_a_cdr_of_2_3_0(tax_included: str) -> None:
    terms = newer(document(element(component("ENERGY", 0.49, vat=21)), **LIMITS), tax_included)
    assert tariff_2_3_0(terms) == terms


def test_a_tariff_of_2_2_1_says_in_2_3_0_that_taxes_come_on_top() -> None:
    told = tariff_2_3_0(document(element(component("ENERGY", 0.49, vat=21)), min_price={"excl_vat": 1}))
    assert told["tax_included"] == "NO"
    assert told["min_price"] == {"before_taxes": 1}
    model_2_3_0.Tariff.model_validate(told)


def test_both_forms_have_the_cdrs_id_of_the_tariff() -> None:
    long = document(element(component("FLAT", 1)), id="T" * 64)
    assert tariff_2_2_1(long)["id"] == tariff_2_3_0(long)["id"] != long["id"]


@given(
    st.decimals("0.01", 9, places=4),
    st.sampled_from([5, 7.7, 19, 20, 21, 25.5]),
    st.integers(0, 99_999),
    st.integers(0, 999),
)
def test_amounts_are_the_same_by_the_converted_tariff(price: Decimal, vat: float, wh: int, minutes: int) -> None:
    components = (component("ENERGY", str(price), vat=vat), component("TIME", str(price), vat=vat))
    terms = newer(document(element(*components)), "YES")
    periods = [period(minutes, wh)]
    own = rated(Tariff.from_ocpi(terms), periods).total
    again = rated(Tariff.from_ocpi(as_read(tariff_2_2_1(terms))), periods).total
    for mine, theirs in ((own.excl_vat, again.excl_vat), (own.incl_vat, again.incl_vat)):
        assert to_minor_half_up(mine, "EUR") == to_minor_half_up(theirs, "EUR")


def test_an_amount_halfway_between_two_cents_is_still_rounded_up() -> None:
    terms = newer(document(element(component("ENERGY", "0.11", vat=21))), "YES")
    periods = [period(60, 4500)]
    assert rated(Tariff.from_ocpi(terms), periods).total.incl_vat == Fraction("0.495")
    again = rated(Tariff.from_ocpi(as_read(tariff_2_2_1(terms))), periods).total
    assert to_minor_half_up(again.incl_vat, "EUR") == 50
