"""OCPI 2.3.0 tariffs: taxes included, added or not applicable, several at once, and bounds before and after taxes."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import AmountError, UnsupportedTariff
from domain.rating.rating import Rating
from domain.tariff.tariff import Component, Tariff
from domain.tariff.taxes import VAT, Tax
from tests.rating.rating_builders import PATIENT, component, costs, document, element, money, period, rated, tariff

GST, QST = Tax("GST", Fraction(5)), Tax("QST", Fraction("9.975"), "1234567890TQ0001")
PER_HOUR = element(component("TIME", 2))


def of_two_and_a_half_hours(taxes: tuple[Tax, ...], **fields: Any) -> Rating:
    return rated(Tariff.from_ocpi(document(PER_HOUR, **fields), taxes), [period(150)])


def test_prices_that_include_taxes_are_the_gross_exactly() -> None:
    terms = tariff(element(component("ENERGY", 0.49, vat=21)), tax_included="YES")
    rating = rated(terms, [period(60, 10_000)])
    assert costs(rating.total) == (Fraction("4.9") / Fraction("1.21"), Fraction("4.9"))


def test_prices_that_do_not_include_taxes_are_the_net_as_in_2_2_1() -> None:
    terms = element(component("ENERGY", 0.49, vat=21))
    assert (
        rated(tariff(terms, tax_included="NO"), [period(60, 1432)]).total
        == rated(tariff(terms), [period(60, 1432)]).total
    )


def test_where_taxes_are_not_applicable_none_is_added_whatever_the_component_states() -> None:
    terms = Tariff.from_ocpi(document(element(component("ENERGY", 0.5, vat=21)), tax_included="N/A"), (GST,))
    rating = rated(terms, [period(60, 1000)])
    assert costs(rating.total) == money("0.5", "0.5")
    assert (terms.taxes, rating.lines[0].vat, terms.elements[0].components[0].taxes) == ((), None, ())


def test_configured_taxes_add_up_on_prices_without_them() -> None:
    """The specification's North American example: C$ 2 an hour, 2.5 hours, C$ 5.00 plus taxes."""
    rating = of_two_and_a_half_hours((GST, QST), tax_included="NO")
    assert costs(rating.total) == money("5", "5.74875")


def test_configured_taxes_are_taken_out_of_prices_that_include_them() -> None:
    """The specification's second one: C$ 2.10 an hour, taxes included, is C$ 5.25 for 2.5 hours."""
    terms = Tariff.from_ocpi(document(element(component("TIME", 2.1)), tax_included="YES"), (GST,))
    assert costs(rated(terms, [period(150)]).total) == money("5", "5.25")
    assert (terms.tax_included, terms.taxes) == ("YES", (GST,))


def test_a_component_with_its_own_vat_bears_no_configured_tax() -> None:
    terms = Tariff.from_ocpi(
        document(element(component("ENERGY", 1, vat=0), component("TIME", 1)), tax_included="NO"), (GST, QST)
    )
    energy, time = terms.elements[0].components
    assert energy.vat == 0
    assert energy.taxes == (Tax(VAT, Fraction(0)),)
    assert (time.vat, time.taxes) == (Fraction("14.975"), (GST, QST))


def test_configured_taxes_do_not_touch_a_tariff_of_2_2_1() -> None:
    terms = Tariff.from_ocpi(document(PER_HOUR), (GST,))
    assert (terms.tax_included, terms.taxes, terms.elements[0].components[0].vat) == (None, (), None)


def test_a_price_limit_makes_it_a_tariff_of_2_3_0_without_taxes_in_its_prices() -> None:
    terms = Tariff.from_ocpi(document(PER_HOUR, max_price={"before_taxes": 4, "after_taxes": 4.1}), (GST,))
    assert (terms.tax_included, terms.taxes) == ("NO", (GST,))
    assert costs(rated(terms, [period(150)]).total) == money("4", "4.1")


@pytest.mark.parametrize(
    ("fields", "total"),
    [
        ({"tax_included": "NO", "min_price": {"before_taxes": 6, "after_taxes": 7}}, money("6", "7")),
        ({"tax_included": "NO", "min_price": {"before_taxes": 6}}, money("6", "5.25")),
        ({"tax_included": "N/A", "min_price": {"before_taxes": 6, "after_taxes": 7}}, money("6", "6")),
        ({"tax_included": "N/A", "max_price": {"before_taxes": 3}}, money("3", "3")),
        ({"tax_included": "YES", "max_price": {"before_taxes": 4, "after_taxes": 4.2}}, money("4", "4.2")),
    ],
)
def test_limits_bound_each_side_and_a_price_without_taxes_as_a_whole(fields: Any, total: Any) -> None:
    assert costs(of_two_and_a_half_hours((GST,), **fields).total) == total


def test_free_of_charge_needs_no_rate_to_be_known() -> None:
    terms = tariff(element(component("FLAT", 0)), tax_included="YES")
    assert costs(rated(terms, [period(10)]).total) == money("0", "0")


def test_included_taxes_that_nobody_knows_are_refused() -> None:
    with pytest.raises(UnsupportedTariff, match="state its vat, or configure the taxes"):
        tariff(PER_HOUR, tax_included="YES")


def test_fields_that_do_not_change_a_price_are_tolerated() -> None:
    assert tariff(PER_HOUR, tax_included="NO", preauthorize_amount=50, x_shade="blue") == tariff(
        PER_HOUR, tax_included="NO"
    )


@pytest.mark.parametrize(("name", "percent"), [("", 5), ("  ", 5), ("GST", -1)])
def test_a_tax_has_a_name_and_is_not_negative(name: str, percent: int) -> None:
    with pytest.raises(AmountError):
        Tax(name, Fraction(percent))


def test_the_taxes_of_a_component_make_up_its_rate() -> None:
    with pytest.raises(UnsupportedTariff):
        Component("TIME", Fraction(1), Fraction(5), 1, (GST, QST))


@PATIENT
@given(st.decimals(0, 100, places=4), st.decimals(0, 40, places=3), st.integers(0, 10**6))
def test_an_included_price_comes_back_to_the_last_digit(amount: Any, vat: Any, energy_wh: int) -> None:
    terms = tariff(element(component("ENERGY", str(amount), vat=str(vat))), tax_included="YES")
    assert rated(terms, [period(60, energy_wh)]).total.incl_vat == Fraction(amount) * energy_wh / 1000
