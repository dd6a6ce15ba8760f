"""What explains a rating: its lines, and every rounding between them and what is published and posted."""

import json
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rating.explanation import decimal_text, explanation
from domain.rating.periods import split
from domain.rating.pricing import price
from domain.tariff.tariff import Tariff
from domain.tariff.taxes import Tax
from tests.rating.rating_builders import (
    CHARGING,
    IDLE,
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


def test_a_line_tells_when_what_how_much_and_at_which_price() -> None:
    terms = tariff(element(component("ENERGY", 0.49, vat=21)))
    assert explanation(rated(terms, [period(60, 1432)]), terms, "EUR") == {
        "lines": [
            {
                "from": "2024-03-05T09:00:00Z",
                "to": "2024-03-05T10:00:00Z",
                "period": 0,
                "last_period": 0,
                "component": "ENERGY",
                "quantity": "1.432",
                "unit": "kWh",
                "step_size": 1,
                "price": "0.49",
                "vat": "21",
                "excl_vat": "0.70168",
                "incl_vat": "0.8490328",
            }
        ],
        "rounding": {
            "sum": {"excl_vat": "0.70168", "incl_vat": "0.8490328"},
            "ocpi": {"rule": "4 decimals, half-even", "excl_vat": "0.7017", "incl_vat": "0.849"},
            "ledger": {"rule": "minor unit of EUR, half-up", "excl_vat": "0.70", "incl_vat": "0.85"},
        },
    }


def test_a_component_that_stays_active_is_one_line_until_the_phase_changes_or_time_is_missing() -> None:
    terms = tariff(element(component("ENERGY", 1), component("TIME", 6), component("PARKING_TIME", 3)))
    periods = row((10, 100, CHARGING), (10, 200, CHARGING), (5, 0, IDLE), (10, 300, CHARGING))
    periods.append(period(10, 400, start=periods[-1].end.replace(hour=11)))
    lines = explanation(rated(terms, periods), terms)["lines"]
    assert [(line["component"], line["period"], line["last_period"], line["quantity"]) for line in lines] == [
        ("ENERGY", 0, 1, "0.3"),
        ("TIME", 0, 1, "0.3333333333"),
        ("ENERGY", 2, 2, "0"),
        ("PARKING_TIME", 2, 2, "0.0833333333"),
        ("ENERGY", 3, 3, "0.3"),
        ("TIME", 3, 3, "0.1666666667"),
        ("ENERGY", 4, 4, "0.4"),
        ("TIME", 4, 4, "0.1666666667"),
    ]


def test_the_total_that_a_step_raised_is_told_before_and_after() -> None:
    terms = tariff(
        element(component("ENERGY", "0.20", step=500), max_kwh=4.3), element(component("ENERGY", "0.27", step=500))
    )
    found = explanation(rated(terms, row((60, 4300, CHARGING), (30, 1100, CHARGING))), terms)
    assert found["lines"][1]["rounded_up_by"] == "0.1"
    assert "rounded_up_by" not in found["lines"][0]
    assert found["rounding"]["steps"] == [
        {
            "component": "ENERGY",
            "step_size": 500,
            "step_unit": "Wh",
            "before": "5.4",
            "after": "5.5",
            "unit": "kWh",
        }
    ]


def test_a_reservation_is_marked_and_its_step_stands_apart() -> None:
    terms = tariff(
        element(component("TIME", 5, vat=20, step=300), component("FLAT", 2), reservation="RESERVATION"),
        element(component("TIME", 6, step=60)),
    )
    found = explanation(rated(terms, row((13, 0, RESERVED), (20, 0, CHARGING))), terms)
    assert [(line["component"], line.get("reservation", False)) for line in found["lines"]] == [
        ("FLAT", True),
        ("TIME", True),
        ("TIME", False),
    ]
    fee = found["lines"][0]
    assert (fee["quantity"], fee["unit"], "step_size" in fee, "vat" in fee) == ("1", "fee", False, False)
    assert found["rounding"]["steps"] == [
        {
            "component": "TIME",
            "step_size": 300,
            "step_unit": "s",
            "before": "0.2166666667",
            "after": "0.25",
            "unit": "h",
            "reservation": True,
        }
    ]


def test_a_bound_that_moved_the_total_is_told_side_by_side() -> None:
    terms = tariff(
        element(component("ENERGY", 1, vat=21)),
        min_price={"excl_vat": 0.5, "incl_vat": 1.3},
        max_price={"excl_vat": 0.9, "incl_vat": 5},
    )
    assert explanation(rated(terms, [period(60, 1000)]), terms)["rounding"]["bounds"] == [
        {"bound": "max_price", "side": "excl_vat", "before": "1", "after": "0.9"},
        {"bound": "min_price", "side": "incl_vat", "before": "1.21", "after": "1.3"},
    ]


def test_included_and_several_taxes_are_told_with_the_price_as_it_was_published() -> None:
    taxes = (Tax("GST", Fraction(5)), Tax("QST", Fraction("9.975")))
    terms = Tariff.from_ocpi(document(element(component("ENERGY", 0.5)), tax_included="YES"), taxes)
    (line,) = explanation(rated(terms, [period(60, 1000)]), terms)["lines"]
    assert (line["price"], line["price_incl_vat"], line["vat"]) == ("0.4348771472", "0.5", "14.975")
    assert line["taxes"] == [{"name": "GST", "percentage": "5"}, {"name": "QST", "percentage": "9.975"}]
    assert (line["excl_vat"], line["incl_vat"]) == ("0.4348771472", "0.5")


@pytest.mark.parametrize(
    ("currency", "posted"), [("JPY", ("1", "2")), ("EUR", ("1.25", "1.51")), ("KWD", ("1.250", "1.513"))]
)
def test_the_ledger_rounds_once_half_up_to_the_minor_unit(currency: str, posted: tuple[str, str]) -> None:
    terms = tariff(element(component("ENERGY", 1.25, vat=21)), currency=currency)
    ledger = explanation(rated(terms, [period(60, 1000)]), terms, currency)["rounding"]["ledger"]
    assert (ledger["excl_vat"], ledger["incl_vat"]) == posted


@PATIENT
@given(st.integers(-(10**12), 10**12), st.integers(1, 10**12))
def test_a_decimal_text_is_exact_where_it_ends_and_has_ten_decimals_where_not(
    numerator: int, denominator: int
) -> None:
    text, value = decimal_text(numerator, denominator), Fraction(numerator, denominator)
    assert "e" not in text.lower()
    if Fraction(text) != value:
        with localcontext() as context:
            context.prec = 80
            rounded = (Decimal(numerator) / Decimal(denominator)).quantize(Decimal(10) ** -10, ROUND_HALF_EVEN)
        assert Fraction(text) == Fraction(rounded)
        odd = value.denominator
        while odd % 2 == 0:
            odd //= 2
        while odd % 5 == 0:
            odd //= 5
        assert odd > 1


@pytest.mark.parametrize(
    ("quotient", "text"),
    [((0, 7), "0"), ((-1, 3), "-0.3333333333"), ((3, 8), "0.375"), ((1, 2**40), str(Decimal(1) / Decimal(2**40)))],
)
def test_decimal_texts(quotient: tuple[int, int], text: str) -> None:
    assert Fraction(decimal_text(*quotient)) == Fraction(text)


def plain_values(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and plain_values(each) for key, each in value.items())
    if isinstance(value, list):
        return all(plain_values(each) for each in value)
    return type(value) in (str, int, bool)


@PATIENT
@given(TARIFFS, facts(), ZONES)
def test_an_explanation_is_plain_json_without_nulls_and_its_lines_add_up(
    terms: Tariff, session: dict[str, Any], zone: ZoneInfo
) -> None:
    rating = price(terms, split(tariff=terms, time_zone=zone, **session), zone)
    found = explanation(rating, terms, "EUR")
    assert plain_values(found)
    assert json.loads(json.dumps(found)) == found
    exact = sum(Fraction(line["incl_vat"]) for line in found["lines"])
    assert abs(exact - rating.subtotal.incl_vat) <= Fraction(len(found["lines"]), 10**10)
