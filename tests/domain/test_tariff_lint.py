"""Warnings about tariffs: what is certain is said, and what is said is certain."""

from datetime import UTC, date, datetime, time
from fractions import Fraction
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.charging import DIMENSIONS, ChargingPeriod, Phase
from domain.errors import UnsupportedTariff
from domain.tariff.elements import Component, Element
from domain.tariff.lint import Finding, lint
from domain.tariff.patterns import patterns
from domain.tariff.restrictions import Moment
from domain.tariff.tariff import Tariff
from domain.tariff.taxes import Tax
from tests.rating.rating_builders import some_can_apply
from tests.support.examples import examples


def component(type_: str = "ENERGY", **fields: Any) -> dict[str, Any]:
    return {"type": type_, "price": 0.5, "step_size": 1} | fields


def element(*types: str, **restrictions: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"price_components": [component(type_) for type_ in types or ("ENERGY",)]}
    return made | ({"restrictions": restrictions} if restrictions else {})


def tariff(*elements: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "country_code": "NL",
        "party_id": "GRS",
        "id": "T-1",
        "currency": "EUR",
        "elements": list(elements),
        "last_updated": "2026-01-01T00:00:00Z",
    } | fields


def found(*elements: dict[str, Any], **fields: Any) -> list[tuple[str, str]]:
    return [(finding.code, finding.path) for finding in lint(tariff(*elements, **fields))]


def test_a_plain_tariff_has_no_warnings() -> None:
    assert found(element("ENERGY", "FLAT", "PARKING_TIME")) == []


UNREACHABLE: list[tuple[str, int, list[dict[str, Any]]]] = [
    ("behind one without restrictions", 1, [element(), element(min_kwh=10)]),
    ("behind another fallback", 1, [element(), element()]),
    (
        "behind a wider window",
        1,
        [element(start_time="08:00", end_time="20:00"), element(start_time="09:00", end_time="17:00"), element()],
    ),
    (
        "behind two windows together",
        2,
        [element(end_time="12:00"), element(start_time="12:00"), element(min_kwh=1), element()],
    ),
    (
        "behind a window past midnight",
        1,
        [element(start_time="22:00", end_time="06:00"), element(end_time="05:00"), element()],
    ),
    (
        "behind more days",
        1,
        [element(day_of_week=["SATURDAY", "SUNDAY"]), element(day_of_week=["SUNDAY"]), element()],
    ),
    ("behind a wider band", 1, [element(max_kwh=20), element(min_kwh=5, max_kwh=10), element()]),
    (
        "behind a band on one thing alone",
        1,
        [element(max_duration=3600), element(max_duration=1800, day_of_week=["MONDAY"]), element()],
    ),
    (
        "behind one of each dimension",
        2,
        [element("ENERGY"), element("TIME"), element("ENERGY", "TIME", min_power=11)],
    ),
]

# Each makes an element that can never apply.
CONTRADICTIONS: list[dict[str, Any]] = [
    {"start_date": "2026-11-21", "end_date": "2026-11-23", "day_of_week": ["MONDAY"]},
    {"start_date": "2026-11-21", "end_date": "2026-11-21"},
    {"min_kwh": 8, "max_kwh": 8},
    {"max_duration": 0},
    {"max_power": 0},
    {"min_current": 32, "max_current": 16},
]


@pytest.mark.parametrize(("why", "number", "elements"), UNREACHABLE, ids=[case[0] for case in UNREACHABLE])
def test_an_element_that_is_never_used_is_named(why: str, number: int, elements: list[dict[str, Any]]) -> None:
    assert found(*elements) == [("UNREACHABLE_ELEMENT", f"elements[{number}]")], why


@pytest.mark.parametrize("restrictions", CONTRADICTIONS, ids=str)
def test_an_element_that_can_never_apply_is_left_out_with_a_warning(restrictions: dict[str, Any]) -> None:
    dead = element(**restrictions)
    assert found(dead, element()) == [("DEAD_ELEMENT", "elements[0]")]
    held = element("TIME", reservation="RESERVATION")
    assert found(element(), element("TIME", reservation="RESERVATION", **restrictions), held) == [
        ("DEAD_ELEMENT", "elements[1]")
    ]
    living = Tariff.from_ocpi(tariff(element()))
    parsed = Tariff.from_ocpi(tariff(dead, element()))
    assert parsed.charging.edges == living.charging.edges
    with pytest.raises(UnsupportedTariff, match="no element that can ever apply"):
        Tariff.from_ocpi(tariff(dead))


@pytest.mark.parametrize(
    "restrictions",
    [
        {"start_date": "2026-11-21", "end_date": "2026-11-24", "day_of_week": ["MONDAY"]},
        {"start_date": "2026-11-21", "day_of_week": ["MONDAY"]},
        {"min_kwh": 0, "max_kwh": "0.001"},
        {"day_of_week": []},
    ],
    ids=str,
)
def test_an_element_that_can_apply_is_not_dead(restrictions: dict[str, Any]) -> None:
    parsed = Tariff.from_ocpi(tariff(element(**restrictions), element()))
    assert not parsed.elements[0].is_dead


REACHABLE: list[list[dict[str, Any]]] = [
    [element(start_time="08:00", end_time="20:00"), element(start_time="07:59", end_time="20:00"), element()],
    [element(start_time="08:00", end_time="20:00"), element(start_time="19:00", end_time="07:00"), element()],
    [element("TIME"), element("ENERGY", "TIME")],
    [element(start_date="2026-11-21", end_date="2026-11-24", day_of_week=["MONDAY"]), element()],
    [element(max_kwh=20, day_of_week=["MONDAY"]), element(max_kwh=20), element()],
    [element(min_power=11), element(max_power=11), element()],
    [element(start_date="2026-12-01"), element(end_date="2026-12-01"), element("TIME", reservation="RESERVATION")],
    # A fallback that is not needed today is still good to have.
    [element(start_time="08:00", end_time="20:00"), element(start_time="20:00", end_time="08:00"), element()],
    [element(max_power=11), element(min_power=11), element()],
]


@pytest.mark.parametrize("elements", REACHABLE)
def test_an_element_that_can_be_used_is_not_called_unreachable(elements: list[dict[str, Any]]) -> None:
    assert "UNREACHABLE_ELEMENT" not in [code for code, _ in found(*elements)]


def test_windows_that_share_the_day_need_no_fallback() -> None:
    day, night = element(start_time="08:00", end_time="20:00"), element(start_time="20:00", end_time="08:00")
    assert found(day, night) == []


def test_each_dimension_that_costs_nothing_at_times_is_named_once() -> None:
    codes = lint(tariff(element("ENERGY", "TIME", min_kwh=1), element("ENERGY", "PARKING_TIME", max_kwh=1)))
    assert [finding.code for finding in codes] == ["NO_FALLBACK", "NO_FALLBACK"]
    assert [finding.sentence.partition(" ")[0] for finding in codes] == ["PARKING_TIME", "TIME"]


def test_a_band_from_zero_leaves_nothing_open() -> None:
    assert found(element(min_kwh=0)) == []


def test_a_single_component_that_is_never_used_is_named() -> None:
    assert found(element("FLAT"), element("ENERGY", "FLAT")) == [
        ("UNREACHABLE_COMPONENT", "elements[1].price_components[1]")
    ]


def test_a_reservation_has_flat_and_time_only() -> None:
    assert found(element(), element("ENERGY", reservation="RESERVATION")) == [("UNREACHABLE_ELEMENT", "elements[1]")]
    assert found(element(), element("TIME", "PARKING_TIME", reservation="RESERVATION")) == [
        ("RESERVATION_DIMENSION", "elements[1]")
    ]


def test_an_element_for_reservations_that_expire_leaves_the_other_one_in_use() -> None:
    expired = element("TIME", reservation="RESERVATION_EXPIRES")
    assert found(element(), element("TIME", reservation="RESERVATION"), expired) == []


def test_what_is_read_otherwise_than_written_is_named() -> None:
    odd = element("ENERGY", "ENERGY", start_time="08:00", end_time="23:59")
    odd["price_components"][0]["step_size"] = 0
    assert found(odd, element(start_time="07:00", end_time="07:00", min_kwh=1), element()) == [
        ("STEP_SIZE_ZERO", "elements[0].price_components[0].step_size"),
        ("TWO_COMPONENTS", "elements[0].price_components[1]"),
        ("LAST_MINUTE_LEFT_OUT", "elements[0].restrictions.end_time"),
        ("WHOLE_DAY_WINDOW", "elements[1].restrictions.end_time"),
    ]


def test_taxes_and_limits_that_do_nothing_are_named() -> None:
    gst = (Tax("GST", Fraction(5)),)
    document = tariff(element(), tax_included="N/A", max_price={"before_taxes": 10})
    document["elements"][0]["price_components"][0]["vat"] = 21
    assert [finding.code for finding in lint(document, gst)] == ["VAT_WITH_NA", "TAXES_UNUSED"]
    assert [finding.code for finding in lint(tariff(element()), gst)] == ["TAXES_UNUSED"]
    assert lint(tariff(element(), tax_included="NO"), gst) == ()
    assert found(element(), min_price={"excl_vat": 2, "incl_vat": 1}) == [("LIMIT_BELOW_NET", "min_price")]
    taxed = tariff(element(), min_price={"excl_vat": 2})
    assert lint(taxed) == ()
    taxed["elements"][0]["price_components"][0]["vat"] = 21
    assert [finding.code for finding in lint(taxed)] == ["LIMIT_WITHOUT_TAXES"]


@pytest.mark.parametrize(
    "always",
    [
        {"min_duration": 0},
        {"start_time": "08:00", "end_time": "08:00"},
        {"day_of_week": ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]},
    ],
)
def test_what_comes_behind_an_element_that_always_holds_is_never_used(always: dict[str, Any]) -> None:
    codes = [code for code, _ in found(element(**always), element())]
    assert "UNREACHABLE_ELEMENT" in codes


def test_a_version_that_ended_before_it_takes_effect_is_named() -> None:
    document = tariff(element(), end_date_time="2026-01-01T00:00:00")
    assert lint(document, effective_from=datetime(2025, 12, 31, tzinfo=UTC)) == ()
    assert [f.code for f in lint(document, effective_from=datetime(2026, 1, 1, tzinfo=UTC))] == ["NEVER_IN_EFFECT"]


def test_what_the_engine_does_not_price_is_a_warning_with_its_place() -> None:
    finding = lint(tariff(element(), element(moon_phase="FULL")))[0]
    assert finding[:2] == ("NOT_PRICED", "elements[1].restrictions.moon_phase")
    assert "suspense" in finding.sentence


def test_a_tariff_with_too_many_patterns_to_tell_is_left_alone() -> None:
    many = [element(start_time=f"{n:02}:00", end_time=f"{n:02}:30") for n in range(1, 20)]
    many += [element(min_kwh=n, max_kwh=n + 1) for n in range(1, 20)]
    many += [element(min_duration=n, max_duration=n + 1) for n in range(1, 20)]
    assert patterns(Tariff.from_ocpi(tariff(*many)).elements, usual=False) is None
    assert found(*many, element(), element()) == []
    assert found(*many) == [("NO_FALLBACK", "elements")]


def test_a_tariff_of_thousands_of_elements_is_not_looked_at_for_ever() -> None:
    many = [
        element(min_power=n, max_current=n, start_date=f"{1900 + n % 1000}-01-{1 + n % 28:02}", min_kwh=n)
        for n in range(1, 1500)
    ]
    began = process_time()
    assert found(*many) == [("NO_FALLBACK", "elements")]
    assert process_time() - began < 10


# No false alarms ---------------------------------------------------------------------------------------------------

TIMES = st.sampled_from(["00:00", "06:00", "06:01", "12:00", "18:00", "23:59"])
DATES = st.sampled_from(["0001-01-01", "2026-03-02", "2026-03-04", "2026-03-05", "2026-12-31", "9999-12-31"])
LEVELS = st.sampled_from([1, 5, 7.5, 10])
SECONDS = st.sampled_from([60, 1800, 3600])
DAYS = st.lists(st.sampled_from(["MONDAY", "TUESDAY", "FRIDAY", "SUNDAY"]), max_size=3, unique=True)
RESTRICTIONS = st.fixed_dictionaries(
    {},
    optional={
        "start_time": TIMES,
        "end_time": TIMES,
        "start_date": DATES,
        "end_date": DATES,
        "day_of_week": DAYS,
        "min_kwh": LEVELS,
        "max_kwh": LEVELS,
        "min_duration": SECONDS,
        "max_duration": SECONDS,
        "min_power": LEVELS,
        "max_power": LEVELS,
        "min_current": LEVELS,
        "max_current": LEVELS,
        "reservation": st.sampled_from(["RESERVATION", "RESERVATION_EXPIRES"]),
    },
)


@st.composite
def simple(draw: st.DrawFn) -> dict[str, Any]:
    """Restrictions on one or two things, so that elements often hide each other."""
    chosen = draw(RESTRICTIONS)
    kept = draw(st.lists(st.sampled_from(sorted(chosen)), max_size=3, unique=True)) if chosen else []
    return {name: chosen[name] for name in kept}


ELEMENTS = st.lists(
    st.tuples(st.lists(st.sampled_from(DIMENSIONS), min_size=1, max_size=3), simple()).map(
        lambda made: element(*made[0], **made[1])
    ),
    min_size=1,
    max_size=5,
).filter(some_can_apply)
LEVEL = st.none() | st.sampled_from([Fraction(n) for n in (-1, 0, 999, 1000, 5000, 7499, 7500, 10_000, 20_000)])
AMPERES = st.none() | st.sampled_from([Fraction(n) for n in (-1, 0, 1, 5, 7, 8, 10, 20)])


@st.composite
def moments(draw: st.DrawFn) -> Moment:
    day = draw(
        st.sampled_from([date(1, 1, 1), date(2026, 12, 31), date(9999, 12, 31)])
        | st.dates(date(2026, 2, 27), date(2026, 3, 9))
    )
    minute = draw(st.sampled_from([0, 359, 360, 361, 719, 720, 1080, 1438, 1439]))
    start = datetime(2026, 3, 1, tzinfo=UTC)
    period = ChargingPeriod(start, start, Phase.CHARGING, 0, draw(LEVEL), draw(LEVEL), draw(AMPERES), draw(AMPERES))
    energy_wh = draw(st.sampled_from([Fraction(n) for n in (-1, 0, 999, 1000, 5000, 7500, 9999, 10_000, 90_000)]))
    elapsed_us = draw(st.sampled_from([0, 59, 60, 1799, 1800, 3599, 3600, 86_400])) * 1_000_000
    return Moment(datetime.combine(day, time(minute // 60, minute % 60)), minute, energy_wh, elapsed_us, period)


def chosen(parsed: Tariff, moment: Moment) -> list[Component]:
    menus = (parsed.charging, parsed.reserved, parsed.expired)
    found = [menu.select(dimension, moment) for menu in menus for dimension in DIMENSIONS]
    return [each for each in found if each is not None]


@settings(max_examples=examples(120), deadline=None)
@given(elements=ELEMENTS, seen=st.lists(moments(), min_size=5, max_size=25))
def test_an_element_that_is_called_unreachable_is_never_chosen(
    elements: list[dict[str, Any]], seen: list[Moment]
) -> None:
    parsed, findings = Tariff.from_ocpi(tariff(*elements)), lint(tariff(*elements))
    never = [unused for finding in findings for unused in named(parsed, finding)]
    for moment in seen:
        assert not [each for each in chosen(parsed, moment) if any(each is unused for unused in never)]


def named(parsed: Tariff, finding: Finding) -> list[Component]:
    """The components that a finding calls unreachable."""
    if finding.code not in ("DEAD_ELEMENT", "UNREACHABLE_ELEMENT", "UNREACHABLE_COMPONENT"):
        return []
    numbers = [int(part.partition("]")[0]) for part in finding.path.split("[")[1:]]
    components = parsed.elements[numbers[0]].components
    return [components[numbers[1]]] if len(numbers) > 1 else list(components)


@settings(max_examples=examples(80), deadline=None)
@given(elements=ELEMENTS, seen=st.lists(moments(), min_size=5, max_size=25))
def test_a_dimension_without_a_warning_is_priced_at_every_usual_moment(
    elements: list[dict[str, Any]], seen: list[Moment]
) -> None:
    parsed = Tariff.from_ocpi(tariff(*elements))
    open_ = {f.sentence.partition(" ")[0] for f in lint(tariff(*elements)) if f.code == "NO_FALLBACK"}
    priced = {c.dimension for each in parsed.elements if lives(each) for c in each.components}
    for moment in filter(usual, seen):
        for dimension in priced - open_:
            assert parsed.charging.select(dimension, moment) is not None


def lives(each: Element) -> bool:
    return each.reservation is None and not each.is_dead


def usual(moment: Moment) -> bool:
    period = moment.period
    ranges = ((period.min_power_w, period.max_power_w), (period.min_current_a, period.max_current_a))
    return moment.energy_wh >= 0 and all(
        (low is None or low >= 0) and (high is None or high >= 0) and (low is None or high is None or low <= high)
        for low, high in ranges
    )
