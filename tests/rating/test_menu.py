"""What a menu keeps of earlier choices never changes a later one."""

from datetime import timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.charging import ENERGY, FLAT, PARKING_TIME, TIME, microseconds
from domain.exact import whole
from domain.rating.periods import split
from domain.rating.pricing import price
from domain.tariff.menu import Menu
from domain.tariff.restrictions import Moment
from domain.tariff.tariff import Tariff
from tests.rating.rating_builders import AMSTERDAM, MORNING, PATIENT, component, element, period, tariff
from tests.rating.test_price_properties import STARTS, TARIFFS, ZONES, facts
from tests.support.examples import examples

LEVELS = st.none() | st.decimals(0, 40_000, places=1).map(Fraction) | st.integers(0, 40_000)


@st.composite
def moments(draw: st.DrawFn) -> Any:
    """A period, when durations began, and the energy before it as a whole number and what to divide it by."""
    begun = draw(STARTS)
    start = begun + timedelta(seconds=draw(st.integers(0, 50_000)))
    low, high = draw(LEVELS), draw(LEVELS)
    one = period(10, 100, start=start)
    levels = (low, high, draw(LEVELS), draw(LEVELS))
    one = type(one)(one.start, one.end, one.phase, one.energy_wh, *levels)
    return one, begun, draw(st.integers(0, 400_000)), draw(st.sampled_from([1, 2, 10, 1000]))


@settings(PATIENT, max_examples=examples(100))
@given(TARIFFS, st.lists(moments(), min_size=2, max_size=12), st.lists(ZONES, min_size=1, max_size=2))
def test_what_is_kept_is_what_the_restrictions_say(terms: Tariff, asked: list[Any], zones: list[ZoneInfo]) -> None:
    menu = terms.charging
    for number, (one, begun, energy, scale) in enumerate(asked):
        zone = zones[number % len(zones)]
        local = one.start.astimezone(zone)
        energy_wh = whole(Fraction(energy, scale))
        elapsed_us = microseconds(one.start - begun)
        moment = Moment(local, local.hour * 60 + local.minute, energy_wh, elapsed_us, one)
        expected = tuple(menu.select(dimension, moment) for dimension in (ENERGY, TIME, PARKING_TIME, FLAT))
        assert menu.choice_at(one, begun, zone, energy, scale) == expected


@settings(PATIENT, max_examples=examples(60))
@given(TARIFFS, facts(), facts(), ZONES)
def test_a_tariff_that_has_priced_others_prices_as_a_new_one(
    terms: Tariff, earlier: dict[str, Any], session: dict[str, Any], zone: ZoneInfo
) -> None:
    new = Tariff(
        **{name: getattr(terms, name) for name in ("country_code", "party_id", "id", "currency", "elements")}
    )
    old = Tariff(
        **{name: getattr(terms, name) for name in ("country_code", "party_id", "id", "currency", "elements")}
    )
    price(old, split(tariff=old, time_zone=zone, **earlier), zone)
    periods = split(tariff=new, time_zone=zone, **session)
    assert price(old, periods, zone) == price(new, periods, zone)


def test_a_menu_that_met_very_many_moments_starts_over_and_goes_on() -> None:
    bands = [element(component("ENERGY", n + 1), max_kwh=n + 1) for n in range(1500)]
    terms = tariff(*bands)
    menu: Menu = terms.charging
    for n in range(1500):
        chosen = menu.choice_at(period(1), MORNING, AMSTERDAM, 1000 * n + 999, 1).energy
        assert chosen is not None
        assert chosen.price == n + 1
    for scale in range(1, 40):
        assert menu.choice_at(period(1), MORNING, AMSTERDAM, 2000 * scale, scale).energy is bands_component(terms, 2)


def bands_component(terms: Tariff, number: int) -> Any:
    return terms.elements[number].components[0]
