"""Pricing the charging periods of a CDR gives the price of the session that it was made from."""

from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.cdr.periods import charging_periods
from domain.cdr.text import datetime_text
from domain.charging import Phase
from domain.money import to_minor_half_up
from domain.rating.cuts import publishable_energy, publishable_instant, register_at, stated_instant, tier_reached_at
from domain.rating.periods import from_cdr, split, split_no_show, stated
from domain.rating.pricing import price
from domain.rating.rating import Rating
from domain.tariff.tariff import Tariff
from tests.rating.rating_builders import AMSTERDAM, MORNING, PATIENT, component, element, tariff
from tests.rating.test_price_properties import STARTS, TARIFFS, ZONES, amounts
from tests.support.examples import examples


@st.composite
def raw_sessions(draw: st.DrawFn, *, grain_us: int, wh_per_step: Fraction) -> dict[str, Any]:
    """A session whose times are whole grains and whose registers are whole steps."""
    start = draw(STARTS) + timedelta(microseconds=draw(st.integers(0, 999_999)) // grain_us * grain_us)
    grains = draw(st.integers(0, 2 * 86_400_000_000 // grain_us))
    instants = st.integers(0, grains).map(lambda count: start + timedelta(microseconds=count * grain_us))
    inner = sorted(draw(st.lists(instants, max_size=4)))
    steps = draw(st.lists(st.integers(0, 20_000), min_size=len(inner) + 1, max_size=len(inner) + 1))
    first = draw(st.integers(0, 10**6)) * wh_per_step
    register, registers = first, [(start, first)]
    for at, step in zip([*inner, start + timedelta(microseconds=grains * grain_us)], steps, strict=True):
        register += step * wh_per_step
        registers.append((at, register))
    levels = st.lists(st.tuples(instants, st.decimals(0, 40_000, places=2).map(Fraction)), max_size=3).map(sorted)
    states = draw(st.lists(st.tuples(instants, st.sampled_from([Phase.CHARGING, Phase.IDLE])), max_size=3))
    return {
        "started_at": start,
        "ended_at": registers[-1][0],
        "registers": registers,
        "states": sorted(states, key=lambda state: state[0]),
        "powers": draw(levels),
        "currents": [(at, level / 1000) for at, level in draw(levels)],
        "reserved_from": draw(st.none() | st.just(start - timedelta(minutes=17))),
    }


WHOLE = raw_sessions(grain_us=1000, wh_per_step=Fraction(1))
TENTHS = raw_sessions(grain_us=100, wh_per_step=Fraction(1, 10))
FINER_TIMES = raw_sessions(grain_us=1, wh_per_step=Fraction(1, 10))
ANY = raw_sessions(grain_us=1, wh_per_step=Fraction(1, 1000))


def priced_again(rating: Rating, terms: Tariff, zone: ZoneInfo, registers: Any = ()) -> Rating:
    """The price of the CDR that a rating gives, read as a partner would; with the registers as further periods."""
    cdr = {
        "charging_periods": charging_periods(rating, "T-1", registers),
        "end_date_time": datetime_text(rating.periods[-1].end),
    }
    return price(terms, from_cdr(cdr), zone)


@settings(PATIENT, max_examples=examples(120))
@given(TARIFFS, WHOLE | TENTHS | FINER_TIMES, ZONES)
def test_the_cdr_of_a_session_is_priced_exactly_as_the_session(
    terms: Tariff, session: dict[str, Any], zone: ZoneInfo
) -> None:
    rating = price(terms, split(tariff=terms, time_zone=zone, **session), zone)
    again = priced_again(rating, terms, zone)
    assert amounts(again) == amounts(rating)
    assert amounts(priced_again(rating, terms, zone, stated(session["registers"]))) == amounts(rating)
    assert [line[2:] for line in again.lines] == [line[2:] for line in rating.lines]
    for side in ("excl_vat", "incl_vat"):
        assert to_minor_half_up(getattr(again.total, side), "EUR") == to_minor_half_up(
            getattr(rating.total, side), "EUR"
        )


@settings(PATIENT, max_examples=examples(60))
@given(TARIFFS, STARTS, st.integers(1, 10**8), ZONES)
def test_the_cdr_of_a_no_show_is_priced_exactly_as_the_no_show(
    terms: Tariff, start: datetime, lasting_ms: int, zone: ZoneInfo
) -> None:
    rating = price(terms, split_no_show(start, start + timedelta(milliseconds=lasting_ms), terms, zone), zone)
    assert amounts(priced_again(rating, terms, zone)) == amounts(rating)


def test_a_tier_that_a_reading_meets_is_reached_at_that_reading() -> None:
    readings = [(MORNING, 0), (MORNING + timedelta(microseconds=1_800_000_047), 10_000)]
    assert tier_reached_at(readings, 10_000) == readings[1][0]


@settings(PATIENT, max_examples=examples(80))
@given(TARIFFS, ANY, ZONES)
def test_periods_stay_in_order_whatever_the_registers_and_times_are(
    terms: Tariff, session: dict[str, Any], zone: ZoneInfo
) -> None:
    periods = split(tariff=terms, time_zone=zone, **session)
    assert all(early.end == late.start for early, late in pairwise(periods))
    assert all(period.energy_wh >= 0 for period in periods)
    assert sum(period.energy_wh for period in periods) == session["registers"][-1][1] - session["registers"][0][1]
    assert periods[0].start == stated_instant(session["reserved_from"] or session["started_at"])
    assert periods[-1].end == stated_instant(session["ended_at"])


@pytest.mark.parametrize(("microsecond", "said"), [(0, 0), (49, 0), (50, 100), (143, 100), (999_950, 1_000_000)])
def test_an_instant_is_rounded_to_what_a_cdr_can_say(microsecond: int, said: int) -> None:
    at = MORNING + timedelta(microseconds=microsecond)
    assert publishable_instant(at) == MORNING + timedelta(microseconds=said)
    assert datetime.fromisoformat(datetime_text(publishable_instant(at))) == publishable_instant(at)


@pytest.mark.parametrize(
    ("wh", "first", "said"), [("100.19", "0", "100.1"), ("100.19", "0.05", "100.15"), ("100", "0", "100")]
)
def test_energy_is_cut_to_what_a_cdr_can_say_of_it_since_the_start(wh: str, first: str, said: str) -> None:
    exact = Fraction(wh)
    assert publishable_energy(exact.numerator, exact.denominator, Fraction(first)) == Fraction(said)


def test_a_register_that_was_read_stays_as_it_is() -> None:
    readings = [(MORNING + timedelta(minutes=m), Fraction(wh)) for m, wh in ((0, "1.25"), (30, "7.77"), (60, "9"))]
    assert register_at(readings, readings[1][0]) == Fraction("7.77")
    assert register_at(readings, readings[1][0] + timedelta(microseconds=1)) == Fraction("7.77")
    assert tier_reached_at(readings, Fraction("7.75")) == readings[-1][0]


def test_a_tier_that_is_passed_in_an_instant_is_cut_between_its_registers() -> None:
    terms = tariff(element(component("ENERGY", 3), max_kwh=1), element(component("ENERGY", 1)))
    at = MORNING + timedelta(microseconds=30)
    registers = [(MORNING, Fraction(0)), (MORNING, Fraction(900)), (at, Fraction(1100)), (at, Fraction(2000))]
    periods = split(tariff=terms, time_zone=AMSTERDAM, started_at=MORNING, ended_at=at, registers=registers)
    assert [period.energy_wh for period in periods] == [1000, 1000]
    assert periods[0].end == MORNING
