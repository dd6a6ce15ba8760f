"""CDRs priced by hand: further cases of every kind, each with the sum that it has to come to."""

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.rating.partner_cdr import price_cdr
from domain.rating.pricing import ocpi_totals
from tests.rating.rating_builders import component, document, element

COST = {
    "total_cost",
    "total_fixed_cost",
    "total_energy_cost",
    "total_time_cost",
    "total_parking_cost",
    "total_reservation_cost",
}


def at(start: str, **volumes: Any) -> dict[str, Any]:
    """A charging period from a UTC time on; volumes in kWh, hours, kW or A."""
    return {
        "start_date_time": f"{start}Z",
        "dimensions": [{"type": kind, "volume": volume} for kind, volume in volumes.items()],
    }


def totals(
    elements: list[dict[str, Any]],
    periods: list[dict[str, Any]],
    end: str,
    zone: str = "Europe/Amsterdam",
    **fields: Any,
) -> dict[str, Any]:
    """The totals that are there: costs as (without VAT, with VAT), or one number where both are the same."""
    credit = fields.pop("credit", False)
    cdr = {
        "charging_periods": periods,
        "end_date_time": f"{end}Z",
        "tariffs": [document(*elements, **fields)],
        "credit": credit,
    }
    found = ocpi_totals(price_cdr(cdr, ZoneInfo(zone)).rating, credit=credit)
    return {name: _short(value) if name in COST else value for name, value in found.items() if value is not None}


def _short(cost: dict[str, Decimal]) -> Any:
    sides = (cost["excl_vat"], cost["incl_vat"])
    return sides[0] if sides[0] == sides[1] else sides


def total(*args: Any, **fields: Any) -> Any:
    return totals(*args, **fields)["total_cost"]


def d(*texts: str) -> Any:
    return tuple(Decimal(text) for text in texts) if len(texts) > 1 else Decimal(texts[0])


def hourly(price: Any, **restrictions: Any) -> dict[str, Any]:
    return element(component("TIME", price), **restrictions)


def test_an_hour_that_autumn_repeats_is_two_hours_in_its_window() -> None:
    """01:30 to 03:30 on the clock, three hours long."""
    found = total(
        [hourly(1, start_time="02:00", end_time="03:00"), hourly(10)],
        [at("2024-10-26T23:30:00"), at("2024-10-27T00:00:00"), at("2024-10-27T02:00:00")],
        "2024-10-27T02:30:00",
    )
    assert found == 5 + 2 + 5


def test_a_window_that_begins_in_the_hour_spring_skips_begins_at_the_jump() -> None:
    """01:30 to 04:30 on the clock, two hours long; 02:30 never comes."""
    found = total(
        [hourly(1, start_time="02:30", end_time="04:00"), hourly(10)],
        [at("2024-03-31T00:30:00"), at("2024-03-31T01:00:00"), at("2024-03-31T02:00:00")],
        "2024-03-31T02:30:00",
    )
    assert found == 5 + 1 + 5


def test_a_first_hour_free_lasts_an_hour_through_the_jump() -> None:
    found = total(
        [hourly(0, max_duration=3600), hourly(6)],
        [at("2024-03-31T00:30:00"), at("2024-03-31T01:30:00")],
        "2024-03-31T02:30:00",
    )
    assert found == 6


def test_a_friday_night_ends_at_midnight() -> None:
    night = element(component("ENERGY", 1), start_time="22:00", end_time="06:00", day_of_week=["FRIDAY"])
    found = total(
        [night, element(component("ENERGY", 3))],
        [at("2024-03-08T22:00:00", ENERGY=2), at("2024-03-08T23:00:00", ENERGY=2)],
        "2024-03-09T00:00:00",
    )
    assert found == 2 + 6


def test_a_window_holds_on_each_day_of_its_dates() -> None:
    elements = [
        hourly(2, start_date="2024-03-05", end_date="2024-03-07", start_time="09:00", end_time="17:00"),
        hourly(1),
    ]
    assert total(elements, [at("2024-03-06T15:00:00"), at("2024-03-06T16:00:00")], "2024-03-06T17:00:00") == 3
    assert total(elements, [at("2024-03-05T04:00:00")], "2024-03-05T05:00:00") == 1
    assert total(elements, [at("2024-03-07T09:00:00")], "2024-03-07T10:00:00") == 1


def test_a_start_alone_holds_to_midnight_and_an_end_alone_from_midnight() -> None:
    """19:00 to 01:00 on the clock."""
    evening = [at("2024-03-05T18:00:00"), at("2024-03-05T19:00:00"), at("2024-03-05T23:00:00")]
    assert total([hourly(3, start_time="20:00"), hourly(1)], evening, "2024-03-06T00:00:00") == 1 + 12 + 1
    assert total([hourly(3, end_time="20:00"), hourly(1)], evening, "2024-03-06T00:00:00") == 3 + 4 + 3


def test_an_end_at_midnight_is_the_end_of_the_day() -> None:
    elements = [hourly(3, start_time="18:00", end_time="00:00"), hourly(1)]
    assert total(elements, [at("2024-03-05T22:00:00"), at("2024-03-05T23:00:00")], "2024-03-06T00:00:00") == 4


@pytest.mark.parametrize(
    ("zone", "start", "end"),
    [
        ("Asia/Kolkata", "2024-03-05T00:30:00", "2024-03-05T01:30:00"),
        ("America/New_York", "2024-11-03T11:00:00", "2024-11-03T12:00:00"),
        ("Pacific/Auckland", "2024-03-08T17:00:00", "2024-03-08T18:00:00"),
    ],
)
def test_six_to_seven_is_six_to_seven_wherever_it_is(zone: str, start: str, end: str) -> None:
    assert total([hourly(1, start_time="06:00", end_time="07:00"), hourly(10)], [at(start)], end, zone) == 1


def test_the_day_is_the_one_of_the_place() -> None:
    elements = [hourly(1, day_of_week=["SATURDAY"]), hourly(10)]
    friday = ([at("2024-03-08T17:00:00")], "2024-03-08T18:00:00")
    assert total(elements, *friday, "Pacific/Auckland") == 1
    assert total(elements, *friday, "America/New_York") == 10


MORNING = "2024-03-05T09:00:00"
FOUR_RATES = [
    element(
        component("ENERGY", 0.25, vat=10),
        component("TIME", 1),
        component("FLAT", 0.5, vat=0),
        component("PARKING_TIME", 2, vat=20),
    )
]
CHARGED_AND_PARKED = (
    [at(MORNING, ENERGY=8, TIME=1), at("2024-03-05T10:00:00", PARKING_TIME=0.5)],
    "2024-03-05T10:30:00",
)


def test_each_component_has_its_own_rate_or_none() -> None:
    assert totals(FOUR_RATES, *CHARGED_AND_PARKED) == {
        "total_cost": d("4.5", "4.9"),
        "total_energy_cost": d("2", "2.2"),
        "total_time_cost": 1,
        "total_fixed_cost": d("0.5"),
        "total_parking_cost": d("1", "1.2"),
        "total_energy": 8,
        "total_time": d("1.5"),
        "total_parking_time": d("0.5"),
    }


@pytest.mark.parametrize(
    ("bounds", "sides"),
    [
        ({"max_price": {"excl_vat": 4}}, ("4", "4.9")),
        ({"max_price": {"excl_vat": 4, "incl_vat": 4.2}}, ("4", "4.2")),
        ({"max_price": {"excl_vat": 5, "incl_vat": 4.6}}, ("4.5", "4.6")),
        ({"min_price": {"excl_vat": 4.7}}, ("4.7", "4.9")),
        ({"min_price": {"excl_vat": 1, "incl_vat": 5}, "max_price": {"excl_vat": 4}}, ("4", "5")),
        ({"min_price": {"excl_vat": 4.5, "incl_vat": 4.9}}, ("4.5", "4.9")),
    ],
)
def test_bounds_hold_on_the_sides_they_have(bounds: Any, sides: tuple[str, str]) -> None:
    assert total(FOUR_RATES, *CHARGED_AND_PARKED, **bounds) == d(*sides)


def test_a_bounded_credit_gives_back_what_was_charged() -> None:
    bounded = {"max_price": {"excl_vat": 4, "incl_vat": 4.2}}
    assert total(FOUR_RATES, *CHARGED_AND_PARKED, credit=True, **bounded) == d("-4", "-4.2")


def test_nothing_active_costs_the_minimum() -> None:
    found = totals(
        [element(component("PARKING_TIME", 9))],
        [at(MORNING, TIME=1)],
        "2024-03-05T10:00:00",
        min_price={"excl_vat": 2, "incl_vat": 2.5},
    )
    assert found["total_cost"] == d("2", "2.5")
    assert not COST - {"total_cost"} & found.keys()


def test_a_currency_without_decimals_has_the_same_four() -> None:
    assert total(
        [element(component("TIME", 100, step=60))], [at(MORNING)], "2024-03-05T09:49:30", currency="JPY"
    ) == d("83.3333")


TIERS = [
    element(component("TIME", 6, step=600), max_duration=3600),
    element(component("TIME", 12, step=900)),
]


def test_charging_is_exact_across_tiers_when_parking_is_billed() -> None:
    found = totals(
        [*TIERS, element(component("PARKING_TIME", 3, step=1800))],
        [at(MORNING), at("2024-03-05T10:00:00"), at("2024-03-05T10:05:00", PARKING_TIME=0.3333)],
        "2024-03-05T10:25:00",
    )
    assert [found[name] for name in ("total_time_cost", "total_parking_cost")] == [7, d("1.5")]


def test_the_last_tier_takes_the_step_when_parking_is_not_billed() -> None:
    periods = [at(MORNING), at("2024-03-05T10:00:00"), at("2024-03-05T10:05:00", PARKING_TIME=0.3333)]
    assert total(TIERS, periods, "2024-03-05T10:25:00") == 6 + 3


@pytest.mark.parametrize(("tier", "first", "second"), [(5, 2, 3), (4.5, 2, 2.5)])
def test_energy_that_nobody_bills_is_not_rounded(tier: float, first: float, second: float) -> None:
    """Above the second tier energy is free; 5 kWh are billed, or 4.5 raised to 5."""
    elements = [
        element(component("ENERGY", 0.5, step=1000), max_kwh=2),
        element(component("ENERGY", 0.3, step=1000), max_kwh=tier),
    ]
    periods = [
        at(MORNING, ENERGY=first),
        at("2024-03-05T09:20:00", ENERGY=second),
        at("2024-03-05T09:40:00", ENERGY=0.7),
    ]
    found = totals(elements, periods, "2024-03-05T10:00:00")
    assert found["total_energy_cost"] == d("1.9")
    assert found["total_energy"] == d("5") + Decimal(str(tier)) - 5 + d("0.7")


@pytest.mark.parametrize(("step", "billed_wh"), [(0, 116), (1, 116), (25, 125), (500, 500)])
def test_parts_of_a_watt_hour_are_raised_and_a_step_of_zero_is_one(step: int, billed_wh: int) -> None:
    found = total([element(component("ENERGY", 10, step=step))], [at(MORNING, ENERGY=0.1155)], "2024-03-05T09:10:00")
    assert found == Decimal(billed_wh) / 100


@pytest.mark.parametrize(
    ("end", "step", "cost"),
    [("09:00:10.4", 1, "0.11"), ("09:00:10", 1, "0.1"), ("09:01:00.0001", 60, "1.2"), ("09:01:00", 60, "0.6")],
)
def test_parts_of_a_second_are_raised(end: str, step: int, cost: str) -> None:
    assert total([element(component("TIME", 36, step=step))], [at(MORNING)], f"2024-03-05T{end}") == d(cost)


def test_hours_of_four_decimals_bill_the_minutes_they_stand_for() -> None:
    assert total([element(component("TIME", 60, step=60))], [at(MORNING, TIME=0.6667)], "2024-03-05T09:40:00") == 40


RESERVING = element(component("FLAT", 1), component("TIME", 6, vat=10, step=600), reservation="RESERVATION")
EXPIRING = element(component("FLAT", 4), reservation="RESERVATION_EXPIRES")
STARTING = element(component("FLAT", 0.5), component("ENERGY", 1))


def test_fee_and_raised_time_of_a_used_one_stand_beside_the_session() -> None:
    found = totals(
        [RESERVING, EXPIRING, STARTING],
        [at(MORNING, RESERVATION_TIME=0.2333), at("2024-03-05T09:14:00", ENERGY=3, TIME=1)],
        "2024-03-05T10:14:00",
    )
    assert found["total_reservation_cost"] == d("3", "3.2")
    assert (found["total_fixed_cost"], found["total_cost"]) == (d("0.5"), d("6.5", "6.7"))
    assert found["total_time"] == d("1.2333")


def test_an_expired_one_owes_its_own_fee_and_the_time_of_any() -> None:
    found = totals([RESERVING, EXPIRING, STARTING], [at(MORNING, RESERVATION_TIME=0.5)], "2024-03-05T09:30:00")
    assert found["total_cost"] == found["total_reservation_cost"] == d("7", "7.3")


def test_its_durations_count_from_when_it_was_made() -> None:
    free_first = element(component("TIME", 4), reservation="RESERVATION", min_duration=900)
    periods = [
        at(MORNING, RESERVATION_TIME=0.25),
        at("2024-03-05T09:15:00", RESERVATION_TIME=0.5),
        at("2024-03-05T09:45:00", ENERGY=2),
    ]
    assert total([free_first, hourly(9, min_duration=3600)], periods, "2024-03-05T10:45:00") == 2


def test_a_period_that_was_reserved_and_charged_bills_both() -> None:
    found = totals(
        [RESERVING, STARTING],
        [at(MORNING, RESERVATION_TIME=0.5, TIME=0.25, ENERGY=3)],
        "2024-03-05T09:45:00",
    )
    assert (found["total_energy_cost"], found["total_reservation_cost"]) == (3, d("4", "4.3"))


def test_a_session_without_energy_shows_that_it_cost_nothing() -> None:
    found = totals([STARTING], [at(MORNING, ENERGY=0, TIME=0.5)], "2024-03-05T09:30:00")
    assert (found["total_energy_cost"], found["total_cost"]) == (0, d("0.5"))


def test_a_dimension_that_is_not_stated_is_not_billed() -> None:
    found = totals([STARTING], [at(MORNING, TIME=0.5)], "2024-03-05T09:30:00")
    assert "total_energy_cost" not in found
    assert (found["total_energy"], found["total_cost"]) == (0, d("0.5"))


def test_energy_fed_back_is_taken_off() -> None:
    per_kwh = [element(component("ENERGY", 0.4, step=1000))]
    fed_back = at(MORNING, ENERGY=-2.5, TIME=0.5)
    assert total(per_kwh, [fed_back], "2024-03-05T09:30:00") == -1
    both = [fed_back, at("2024-03-05T09:30:00", ENERGY=5, TIME=0.5)]
    assert total(per_kwh, both, "2024-03-05T10:00:00") == d("1.2")


def test_periods_of_no_length_and_further_cuts_change_nothing() -> None:
    elements = [element(component("ENERGY", 0.5, step=300), max_kwh=2), element(component("ENERGY", 1, step=300))]
    plain = [at(MORNING, ENERGY=2, TIME=0.5), at("2024-03-05T09:30:00", ENERGY=1.1, TIME=0.5)]
    cut = [
        at(MORNING, ENERGY=0, TIME=0),
        at(MORNING, ENERGY=1.5, TIME=0.25),
        at("2024-03-05T09:15:00", ENERGY=0.5, TIME=0.25),
        at("2024-03-05T09:30:00", ENERGY=0, PARKING_TIME=0),
        at("2024-03-05T09:30:00", ENERGY=1.1, TIME=0.5),
    ]
    assert total(elements, plain, "2024-03-05T10:00:00") == total(elements, cut, "2024-03-05T10:00:00") == d("2.3")


def test_periods_may_come_in_any_order() -> None:
    elements = [element(component("ENERGY", 0.5), max_kwh=2), element(component("ENERGY", 1))]
    periods = [at("2024-03-05T09:30:00", ENERGY=1), at(MORNING, ENERGY=2)]
    assert total(elements, periods, "2024-03-05T10:00:00") == 2


@pytest.mark.parametrize(
    ("levels", "price"),
    [
        ({"MIN_POWER": 6, "MAX_POWER": 6}, 1),
        ({"MIN_POWER": 16, "MAX_POWER": 16}, 2),
        ({"MIN_POWER": 40, "MAX_POWER": 48}, 3),
        ({"MIN_POWER": 20}, 2),  # Its maximum was not measured: any minimum counts as met.
        ({"MIN_POWER": 40}, 3),
        ({"MAX_POWER": 48}, 1),  # Its minimum was not measured: any maximum counts as met.
        ({}, 1),
    ],
)
def test_power_that_was_not_measured_counts_as_met(levels: dict[str, Any], price: int) -> None:
    elements = [
        element(component("ENERGY", 1), max_power=16),
        element(component("ENERGY", 2), min_power=16, max_power=32),
        element(component("ENERGY", 3)),
    ]
    assert total(elements, [at(MORNING, ENERGY=1, **levels)], "2024-03-05T10:00:00") == price


@pytest.mark.parametrize(("levels", "price"), [({"MAX_CURRENT": 31.9}, 2), ({"MAX_CURRENT": 32}, 1), ({}, 1)])
def test_a_minimum_of_current_includes_itself(levels: dict[str, Any], price: int) -> None:
    elements = [element(component("ENERGY", 1), min_current=32), element(component("ENERGY", 2))]
    assert total(elements, [at(MORNING, ENERGY=1, **levels)], "2024-03-05T10:00:00") == price
