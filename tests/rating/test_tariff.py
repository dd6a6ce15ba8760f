"""Reading OCPI tariffs: exact numbers, and refusal of all that would be priced wrongly."""

from fractions import Fraction
from typing import Any

import pytest

from domain.charging import PARKING_TIME
from domain.errors import UnsupportedTariff
from domain.tariff.tariff import Tariff
from tests.rating.rating_builders import MORNING, component, document, element, period, rated, row, session, tariff

ENERGY_ONLY = element(component("ENERGY", 0.49))


@pytest.mark.parametrize("number", [0.35, "0.35", "0.350"])
def test_a_price_means_its_shortest_decimal_text(number: Any) -> None:
    assert tariff(element(component("ENERGY", number))).elements[0].components[0].price == Fraction(35, 100)


def test_a_step_size_of_zero_is_taken_as_one() -> None:
    assert tariff(element(component("ENERGY", 1, step=0))).elements[0].components[0].step_size == 1


def test_null_fields_and_unknown_extra_fields_change_nothing() -> None:
    plain = tariff(ENERGY_ONLY)
    assert tariff(ENERGY_ONLY, min_price=None, x_colour="green", energy_mix={"is_green_energy": True}) == plain


def test_of_two_components_of_one_type_the_first_counts() -> None:
    terms = tariff(element(component("ENERGY", 1), component("ENERGY", 2)))
    assert rated(terms, [period(60, 1000)]).total.excl_vat == 1


@pytest.mark.parametrize(
    ("elements", "fields", "place"),
    [
        ([element(component("ENERGY_EXPORT", 1))], {}, "ENERGY_EXPORT"),
        ([element(component("ENERGY", float("nan")))], {}, "price"),
        ([element(component("ENERGY", True))], {}, "price"),
        ([element(component("ENERGY", "1e99"))], {}, "price"),
        ([element(component("ENERGY", 1, vat=-21))], {}, "vat"),
        ([element({"type": "TIME", "price": 1, "step_size": 1.5})], {}, "step_size"),
        ([element(component("ENERGY", 1), min_soc=80)], {}, "min_soc"),
        ([element(component("ENERGY", 1), booking="USED")], {}, "booking"),
        ([element(component("TIME", 1), reservation="LATER")], {}, "LATER"),
        ([element(component("TIME", 1), start_time="24:00")], {}, "start_time"),
        ([element(component("TIME", 1), start_date="2024-02-30")], {}, "start_date"),
        ([element(component("TIME", 1), day_of_week=["FUNDAY"])], {}, "FUNDAY"),
        ([element()], {}, "price_components"),
        ([], {}, "elements"),
        ([{**ENERGY_ONLY, "price_components": None}], {}, "price_components"),
        ([ENERGY_ONLY], {"currency": "euro"}, "currency"),
        ([ENERGY_ONLY], {"tax_included": "PERHAPS"}, "tax_included"),
        ([ENERGY_ONLY], {"tax_included": True}, "tax_included"),
        ([ENERGY_ONLY], {"tax_included": "YES"}, "price_components[0].price"),
        ([ENERGY_ONLY], {"tax_included": "NO", "min_price": {"excl_vat": 1}}, "min_price.excl_vat"),
        ([ENERGY_ONLY], {"min_price": {"excl_vat": 1}, "max_price": {"before_taxes": 2}}, "min_price.excl_vat"),
        ([ENERGY_ONLY], {"min_price": {"before_taxes": 1, "incl_vat": 2}}, "min_price.incl_vat"),
        ([ENERGY_ONLY], {"max_price": {"after_taxes": 2}}, "max_price.before_taxes"),
        ([ENERGY_ONLY], {"min_price": {"excl_vat": 1, "taxes": []}}, "min_price.taxes"),
        ([ENERGY_ONLY], {"min_price": {"excl_vat": 2}, "max_price": {"excl_vat": 1}}, "min_price"),
        ([element({**component("TIME", 1), "price_round": {"round_rule": "ROUND_UP"}})], {}, "price_round"),
        ([ENERGY_ONLY], {"end_date_time": "tomorrow"}, "end_date_time"),
    ],
)
def test_what_cannot_be_priced_is_refused_naming_it(elements: Any, fields: Any, place: str) -> None:
    with pytest.raises(UnsupportedTariff) as refusal:
        Tariff.from_ocpi(document(*elements, **fields))
    assert place in str(refusal.value)


def test_the_same_document_gives_equal_tariffs() -> None:
    terms = document(element(component("ENERGY", 0.3), start_time="22:00", end_time="06:00"), ENERGY_ONLY)
    assert Tariff.from_ocpi(terms) == Tariff.from_ocpi(terms)
    assert hash(Tariff.from_ocpi(terms)) == hash(Tariff.from_ocpi(terms))


def test_a_reservation_element_never_prices_parking() -> None:
    terms = tariff(element(component(PARKING_TIME, 9), component("TIME", 6), reservation="RESERVATION"), ENERGY_ONLY)
    periods = session(terms, MORNING, MORNING.replace(hour=10), 1000, reserved_from=MORNING.replace(hour=8))
    rating = rated(terms, periods)
    assert rating.reservation is not None
    assert rating.reservation.excl_vat == 6
    assert rating.parking is None
    assert rated(terms, row((60, 0, periods[0].phase))).reservation == rating.reservation
