"""Totals in the form of OCPI 2.3.0: taxes one by one that add up, also where a bound moved the total."""

from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from domain.rating.periods import split
from domain.rating.pricing import ocpi_totals, price
from domain.rating.taxed_totals import ocpi_totals_2_3_0
from domain.tariff.tariff import Tariff
from domain.tariff.taxes import Tax
from tests.rating.rating_builders import (
    CHARGING,
    PATIENT,
    RESERVED,
    component,
    document,
    element,
    period,
    rated,
    row,
    tariff,
)
from tests.rating.test_price_properties import TARIFFS, ZONES, facts
from tests.support.examples import examples


def total(*components: dict[str, Any], taxes: tuple[Tax, ...] = (), **fields: Any) -> Any:
    """The total_cost of an hour with 1 kWh, taxes as (name, percentage, amount)."""
    terms = Tariff.from_ocpi(document(element(*components), **fields), taxes)
    found = ocpi_totals_2_3_0(rated(terms, [period(60, 1000)]))["total_cost"]
    return found["before_taxes"], [(tax["name"], tax.get("percentage"), tax["amount"]) for tax in found["taxes"]]


def d(text: str) -> Decimal:
    return Decimal(text)


def test_there_is_one_entry_for_each_rate_of_vat_and_none_without() -> None:
    assert total(component("ENERGY", 1, vat=9), component("TIME", 2, vat=21), component("FLAT", 3)) == (
        6,
        [("VAT", 9, d("0.09")), ("VAT", 21, d("0.42"))],
    )
    assert total(component("ENERGY", 1, vat=21), component("TIME", 2, vat=21)) == (3, [("VAT", 21, d("0.63"))])
    assert total(component("ENERGY", 1)) == (1, [])
    assert total(component("ENERGY", 1, vat=0)) == (1, [("VAT", 0, 0)])


def test_the_last_tax_that_is_not_zero_takes_what_rounding_left() -> None:
    """0.00005 and 0.00005 are 0.0001 together, and each by itself 0.0000 half-even."""
    two = (Tax("A", Fraction("0.5")), Tax("B", Fraction("0.5")), Tax("C", Fraction(0)))
    assert total(component("ENERGY", 0.01), taxes=two, tax_included="NO") == (
        d("0.01"),
        [("A", d("0.5"), 0), ("B", d("0.5"), d("0.0001")), ("C", 0, 0)],
    )


def test_configured_taxes_have_their_names_and_accounts() -> None:
    terms = Tariff.from_ocpi(
        document(element(component("ENERGY", 1)), tax_included="NO"), [Tax("QST", Fraction("9.975"), "TQ0001")]
    )
    assert ocpi_totals_2_3_0(rated(terms, [period(60, 1000)]))["total_cost"]["taxes"] == [
        {"name": "QST", "account_number": "TQ0001", "percentage": d("9.975"), "amount": d("0.0998")}
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        # The bound is of the same rate: it stays.
        ({"min_price": {"excl_vat": 10, "incl_vat": 12}}, (10, [("VAT", 20, 2)])),
        # The taxes are no longer 20 percent of the price.
        ({"min_price": {"excl_vat": 10, "incl_vat": 11}}, (10, [("VAT", None, 1)])),
        ({"max_price": {"excl_vat": 0.5}}, (d("0.5"), [("VAT", None, d("0.7"))])),
    ],
)
def test_a_bound_that_moved_the_total_moves_its_taxes(fields: Any, expected: Any) -> None:
    assert total(component("ENERGY", 1, vat=20), **fields) == expected


def test_a_bound_brings_in_a_tax_where_no_line_has_one() -> None:
    assert total(component("ENERGY", 0), min_price={"excl_vat": 10, "incl_vat": 12}) == (10, [("VAT", None, 2)])


def test_the_taxes_of_a_reservation_are_told_with_its_cost() -> None:
    terms = tariff(
        element(component("TIME", 6, vat=10), component("FLAT", 1, vat=20), reservation="RESERVATION"),
        element(component("FLAT", 2, vat=9), component("ENERGY", 1)),
    )
    found = ocpi_totals_2_3_0(rated(terms, row((10, 0, RESERVED), (10, 1000, CHARGING))))
    assert found["total_reservation_cost"] == {
        "before_taxes": 2,
        "taxes": [
            {"name": "VAT", "percentage": 20, "amount": d("0.2")},
            {"name": "VAT", "percentage": 10, "amount": d("0.1")},
        ],
    }
    assert [tax["percentage"] for tax in found["total_cost"]["taxes"]] == [20, 10, 9]


@settings(PATIENT, max_examples=examples(80))
@given(TARIFFS, facts(), ZONES)
def test_prices_and_their_taxes_add_up_to_prices_with_vat(
    terms: Tariff, session: dict[str, Any], zone: ZoneInfo
) -> None:
    rating = price(terms, split(tariff=terms, time_zone=zone, **session), zone)
    older, newer = ocpi_totals(rating), ocpi_totals_2_3_0(rating)
    assert older.keys() == newer.keys()
    for name, amount in older.items():
        if isinstance(amount, dict):
            assert newer[name]["before_taxes"] == amount["excl_vat"]
            taxes = sum([tax["amount"] for tax in newer[name]["taxes"]], Decimal(0))
            assert newer[name]["before_taxes"] + taxes == amount["incl_vat"]
        else:
            assert newer[name] == amount
