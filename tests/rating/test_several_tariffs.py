"""Sessions whose tariff changes while they go on: what counts from the start, what once, what by part."""

from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from domain.errors import DomainError
from domain.rating.periods import split
from domain.rating.pricing import price
from domain.rating.rating import Rating
from domain.rating.several_tariffs import TariffPart, joined, price_in_parts
from domain.tariff.tariff import Tariff
from tests.rating.rating_builders import (
    AMSTERDAM,
    CHARGING,
    IDLE,
    PATIENT,
    RESERVED,
    component,
    costs,
    element,
    money,
    row,
    tariff,
)
from tests.rating.test_price_properties import TARIFFS, ZONES, amounts, facts
from tests.support.examples import examples


def in_parts(*parts: tuple[Tariff, int], of: Any) -> Rating:
    """The joined rating of periods of which each tariff has so many."""
    found, first = [], 0
    for terms, count in parts:
        found.append(TariffPart(terms, of[first : first + count]))
        first += count
    return joined(price_in_parts(found, AMSTERDAM))


def test_tiers_and_durations_go_on_from_the_start_of_the_session() -> None:
    plain = tariff(element(component("ENERGY", 1)))
    tiered = tariff(
        element(component("ENERGY", 5), component("TIME", 7), max_kwh=3, max_duration=1800),
        element(component("ENERGY", 2), component("TIME", 6)),
    )
    rating = in_parts((plain, 1), (tiered, 1), of=row((30, 3000, CHARGING), (30, 1000, CHARGING)))
    assert [costs(rating.energy)[0], costs(rating.time)[0]] == [3 + 2, 3]


def test_each_tariff_bounds_its_own_part_and_a_fee_is_owed_once() -> None:
    first = tariff(element(component("ENERGY", 1), component("FLAT", 1)), max_price={"excl_vat": 2})
    second = tariff(element(component("ENERGY", 1, vat=20), component("FLAT", 9)), min_price={"excl_vat": 5})
    rating = in_parts((first, 1), (second, 1), of=row((30, 3000, CHARGING), (30, 1000, CHARGING)))
    assert costs(rating.fixed) == money("1", "1")
    assert costs(rating.subtotal) == money("5", "5.2")
    assert costs(rating.total) == money("7", "5.2")


def test_a_reservation_is_priced_by_the_tariff_it_was_made_under() -> None:
    reserving = element(component("TIME", 6), component("FLAT", 1), reservation="RESERVATION")
    first, second = tariff(reserving), tariff(reserving, element(component("PARKING_TIME", 12, step=600)))
    periods = row((10, 0, RESERVED), (20, 500, CHARGING), (5, 0, IDLE))
    rating = in_parts((first, 2), (second, 1), of=periods)
    assert [costs(rating.reservation)[0], costs(rating.parking)[0]] == [2, 2]
    assert [(line.first_period, line.dimension) for line in rating.lines] == [
        (0, "FLAT"),
        (0, "TIME"),
        (2, "PARKING_TIME"),
    ]
    assert rating.periods == tuple(periods)


def test_two_currencies_are_no_session() -> None:
    terms = element(component("ENERGY", 1))
    with pytest.raises(DomainError, match="one currency"):
        in_parts((tariff(terms), 1), (tariff(terms, currency="CHF"), 1), of=row((1, 1, CHARGING), (1, 1, CHARGING)))
    with pytest.raises(DomainError):
        price_in_parts([], AMSTERDAM)


@settings(PATIENT, max_examples=examples(60))
@given(TARIFFS, facts(), ZONES)
def test_one_part_is_the_whole(terms: Tariff, session: dict[str, Any], zone: ZoneInfo) -> None:
    periods = split(tariff=terms, time_zone=zone, **session)
    assert joined(price_in_parts([TariffPart(terms, periods)], zone)) == price(terms, periods, zone)


@settings(PATIENT, max_examples=examples(60))
@given(TARIFFS, facts(), ZONES)
def test_a_change_to_the_same_terms_changes_steps_and_bounds_alone(
    terms: Tariff, session: dict[str, Any], zone: ZoneInfo
) -> None:
    """With steps of one unit and no bounds, two parts come to what the whole does but for what one unit is worth."""
    periods = split(tariff=terms, time_zone=zone, **session)
    half = len(periods) // 2
    if not half:
        return
    parts = [TariffPart(terms, periods[:half]), TariffPart(terms, periods[half:])]
    rating, whole = joined(price_in_parts(parts, zone)), price(terms, periods, zone)
    assert amounts(rating)[6:] == amounts(whole)[6:]
    assert rating.fixed == whole.fixed
    exact = [_without_surplus(each) for each in (rating, whole)]
    assert exact[0] == exact[1]


def _without_surplus(rating: Rating) -> Fraction:
    return sum(
        (line._replace(volume=line.volume - line.surplus).amount.incl_vat for line in rating.lines), Fraction(0)
    )
