"""Properties of prices over generated tariffs and sessions."""

from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.charging import US_PER_HOUR, ChargingPeriod, Phase, microseconds
from domain.rating.periods import split
from domain.rating.pricing import price
from domain.rating.rating import Rating
from domain.tariff.restrictions import WEEKDAYS
from domain.tariff.tariff import Tariff
from tests.rating.rating_builders import (
    AMSTERDAM,
    PATIENT,
    component,
    document,
    element,
    rated,
    some_can_apply,
    tariff,
    utc,
)
from tests.support.examples import examples

CLOCKS = st.sampled_from(["00:00", "02:00", "02:30", "03:00", "06:00", "09:15", "17:00", "22:00"])
ZONES = st.sampled_from([AMSTERDAM, ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata"), ZoneInfo("Africa/Cairo")])
# Around ordinary days and the nights on which clocks jump.
STARTS = st.builds(
    lambda day, minutes: utc(f"{day}T00:00:00") + timedelta(minutes=minutes),
    st.sampled_from(["2024-03-05", "2024-03-30", "2024-10-26", "2024-03-10", "2024-11-02", "2024-04-25"]),
    st.integers(0, 2880),
)
PRICES = st.decimals(0, 20, places=3).map(str)
# Every restriction there is, with numbers of as many decimals as OCPI has.
KWH = st.decimals(0, 30, places=4).map(str)
RESTRICTIONS = st.fixed_dictionaries(
    {},
    optional={
        "start_time": CLOCKS,
        "end_time": CLOCKS,
        "day_of_week": st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=4, unique=True),
        "start_date": st.sampled_from(["2024-03-05", "2024-03-31", "2024-10-27"]),
        "end_date": st.sampled_from(["2024-03-06", "2024-04-01", "2024-10-28"]),
        "min_kwh": KWH,
        "max_kwh": KWH,
        "min_duration": st.integers(0, 20_000),
        "max_duration": st.integers(1, 40_000),
        "min_power": KWH,
        "max_power": KWH,
        "min_current": st.integers(0, 40),
        "max_current": st.integers(1, 60),
        "reservation": st.sampled_from(["RESERVATION", "RESERVATION_EXPIRES"]),
    },
)
COMPONENTS = st.builds(
    component,
    st.sampled_from(["ENERGY", "TIME", "PARKING_TIME", "FLAT"]),
    PRICES,
    st.none() | st.sampled_from([0, 5.2, 21]),
    st.sampled_from([1, 60, 300, 900]),
)
BOUNDS = st.fixed_dictionaries(
    {},
    optional={
        "min_price": st.sampled_from([{"excl_vat": 3, "incl_vat": 4}, {"excl_vat": 2}]),
        "max_price": st.sampled_from([{"excl_vat": 9, "incl_vat": 10}, {"excl_vat": 8}]),
    },
)
TARIFFS = st.builds(
    lambda elements, bounds: Tariff.from_ocpi(document(*elements, **bounds)),
    st.lists(
        st.builds(
            lambda components, restrictions: element(*components, **restrictions),
            st.lists(COMPONENTS, min_size=1, max_size=3),
            RESTRICTIONS,
        ),
        min_size=1,
        max_size=5,
    ).filter(some_can_apply),
    BOUNDS,
)


@st.composite
def facts(draw: st.DrawFn) -> dict[str, Any]:
    """A raw session of up to two days with registers, states and maybe power readings or a reservation."""
    start = draw(STARTS)
    seconds = draw(st.integers(0, 2 * 86_400))
    instants = st.integers(0, seconds).map(lambda offset: start + timedelta(seconds=offset))
    inner = sorted(draw(st.lists(instants, max_size=4)))
    steps = draw(st.lists(st.integers(0, 15_000), min_size=len(inner) + 1, max_size=len(inner) + 1))
    register, registers = Fraction(1000), [(start, Fraction(1000))]
    for at, step in zip([*inner, start + timedelta(seconds=seconds)], steps, strict=True):
        register += Fraction(step, 10)
        registers.append((at, register))
    states = draw(st.lists(st.tuples(instants, st.sampled_from([Phase.CHARGING, Phase.IDLE])), max_size=3))
    powers = draw(st.lists(st.tuples(instants, st.integers(0, 50_000).map(Fraction)), max_size=2))
    return {
        "started_at": start,
        "ended_at": registers[-1][0],
        "registers": registers,
        "states": sorted(states, key=lambda state: state[0]),
        "powers": sorted(powers),
        "currents": sorted(draw(st.lists(st.tuples(instants, st.integers(0, 64).map(Fraction)), max_size=2))),
        "reserved_from": draw(st.none() | st.just(start - timedelta(minutes=17))),
    }


def amounts(rating: Rating) -> list[Any]:
    """Everything about a rating that must not depend on how its session was cut up."""
    parts = (rating.total, rating.fixed, rating.energy, rating.time, rating.parking, rating.reservation)
    return [*parts, rating.energy_wh, rating.time_us, rating.parking_time_us, rating.reservation_time_us]


def cut(period: ChargingPeriod, share: Fraction) -> list[ChargingPeriod]:
    """A period cut in two at about a share of its length, its energy linear; too short ones stay whole."""
    at = period.start + timedelta(microseconds=int(period.length_us * share))
    if not period.start < at < period.end:
        return [period]
    levels = (period.min_power_w, period.max_power_w, period.min_current_a, period.max_current_a, period.metered)
    early_wh = Fraction(period.energy_wh * microseconds(at - period.start), period.length_us)
    return [
        ChargingPeriod(period.start, at, period.phase, early_wh, *levels),
        ChargingPeriod(at, period.end, period.phase, period.energy_wh - early_wh, *levels),
    ]


@settings(PATIENT, max_examples=examples(100))
@given(TARIFFS, facts(), ZONES, st.lists(st.integers(1, 99), min_size=1, max_size=12))
def test_splitting_periods_further_never_changes_a_price(
    terms: Tariff, session: dict[str, Any], zone: ZoneInfo, shares: list[int]
) -> None:
    periods = split(tariff=terms, time_zone=zone, **session)
    finer = [half for i, period in enumerate(periods) for half in cut(period, Fraction(shares[i % len(shares)], 100))]
    assert amounts(price(terms, finer, zone)) == amounts(price(terms, periods, zone))


@settings(PATIENT, max_examples=examples(80))
@given(TARIFFS, facts(), ZONES)
def test_periods_follow_each_other_and_carry_all_time_and_energy(
    terms: Tariff, session: dict[str, Any], zone: ZoneInfo
) -> None:
    periods = split(tariff=terms, time_zone=zone, **session)
    assert periods[0].start == (session["reserved_from"] or session["started_at"])
    assert periods[-1].end == session["ended_at"]
    assert all(early.end == late.start for early, late in pairwise(periods))
    assert sum(period.energy_wh for period in periods) == session["registers"][-1][1] - session["registers"][0][1]
    assert all(period.energy_wh >= 0 for period in periods)


def whole(value: Any) -> Any:
    """A fraction as an int where it is whole, as facts are read."""
    return value.numerator if isinstance(value, Fraction) and value.denominator == 1 else value


@settings(PATIENT, max_examples=examples(80))
@given(TARIFFS, facts(), ZONES)
def test_whole_numbers_are_priced_as_fractions_are(terms: Tariff, session: dict[str, Any], zone: ZoneInfo) -> None:
    quick = session | {name: [(at, whole(value)) for at, value in session[name]] for name in ("registers", "powers")}
    periods = split(tariff=terms, time_zone=zone, **quick)
    assert periods == split(tariff=terms, time_zone=zone, **session)
    rating = price(terms, periods, zone)
    assert rating == price(terms, split(tariff=terms, time_zone=zone, **session), zone)
    numbers = [rating.energy_wh, *(line.volume for line in rating.lines), *(p.energy_wh for p in periods)]
    assert all(isinstance(number, int | Fraction) for number in numbers)


@PATIENT
@given(facts(), PRICES, st.sampled_from([None, 0, 21]))
def test_an_energy_price_is_exactly_kwh_times_price(session: dict[str, Any], amount: str, vat: Any) -> None:
    terms = tariff(element(component("ENERGY", amount, vat)))
    rating = rated(terms, split(tariff=terms, time_zone=AMSTERDAM, **session))
    metered_wh = session["registers"][-1][1] - session["registers"][0][1]
    billed_wh = -(-metered_wh // 1)  # The step of 1 Wh is rounded up to.
    assert rating.total.excl_vat == billed_wh / Fraction(1000) * Fraction(amount)
    assert rating.total.incl_vat == rating.total.excl_vat * (100 + (vat or 0)) / 100


@PATIENT
@given(TARIFFS, facts(), ZONES)
def test_the_parts_add_up_to_the_subtotal_and_lines_explain_them(
    terms: Tariff, session: dict[str, Any], zone: ZoneInfo
) -> None:
    rating = price(terms, split(tariff=terms, time_zone=zone, **session), zone)
    assert sum((line.amount.excl_vat for line in rating.lines), Fraction(0)) == rating.subtotal.excl_vat
    assert sum((line.amount.incl_vat for line in rating.lines), Fraction(0)) == rating.subtotal.incl_vat
    for side in ("excl_vat", "incl_vat"):
        low, high = getattr(terms.min_price, side, None), getattr(terms.max_price, side, None)
        expected = max(getattr(rating.subtotal, side), low or 0)
        assert getattr(rating.total, side) == (expected if high is None else min(expected, high))


@PATIENT
@given(facts(), st.sampled_from(["ENERGY", "TIME", "PARKING_TIME"]), st.integers(1, 5000))
def test_a_step_never_lowers_a_price_and_adds_less_than_one_step(
    session: dict[str, Any], kind: str, step: int
) -> None:
    def total(step_size: int) -> Fraction:
        terms = tariff(element(component(kind, 1, step=step_size)))
        return rated(terms, split(tariff=terms, time_zone=AMSTERDAM, **session)).total.excl_vat

    one_step = Fraction(step, 1000) if kind == "ENERGY" else Fraction(step * 1_000_000, US_PER_HOUR)
    assert total(1) <= total(step) < total(1) + one_step
