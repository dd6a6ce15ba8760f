"""Prices of charging periods: worked examples of every rule and of every decision where OCPI leaves a gap."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from domain.errors import DomainError
from domain.rating.pricing import four_decimals, ocpi_totals
from tests.rating.rating_builders import (
    CHARGING,
    IDLE,
    RESERVED,
    component,
    costs,
    element,
    money,
    period,
    rated,
    row,
    tariff,
    utc,
)


def test_energy_is_priced_per_kwh_with_vat() -> None:
    rating = rated(tariff(element(component("ENERGY", 0.49, vat=21))), [period(60, 1432)])
    assert costs(rating.total) == money("0.70168", "0.8490328")
    assert rating.lines[0].quantity == Fraction("1.432")


def test_without_vat_both_sides_are_equal() -> None:
    rating = rated(tariff(element(component("ENERGY", 18.5))), [period(60, 3337)])
    assert rating.total.excl_vat == rating.total.incl_vat == Fraction("61.7345")


def test_each_dimension_takes_the_first_element_that_has_it_and_matches() -> None:
    terms = tariff(
        element(component("TIME", 6)),
        element(component("ENERGY", 1), max_kwh=1),
        element(component("ENERGY", 2), component("TIME", 99), component("FLAT", 3)),
    )
    rating = rated(terms, row((30, 1000, CHARGING), (30, 1000, CHARGING)))
    assert [costs(part)[0] for part in (rating.time, rating.energy, rating.fixed)] == [6, 3, 3]


def test_a_dimension_nobody_prices_costs_nothing_and_is_absent() -> None:
    rating = rated(tariff(element(component("FLAT", 0))), row((60, 9000, CHARGING), (30, 0, IDLE)))
    assert costs(rating.fixed) == money("0", "0")
    assert rating.energy is rating.time is rating.parking is rating.reservation is None
    assert rating.total.excl_vat == 0


def test_idle_time_is_parking_and_charging_time_is_not() -> None:
    terms = tariff(element(component("TIME", 6), component("PARKING_TIME", 12)))
    rating = rated(terms, row((20, 5000, CHARGING), (10, 0, IDLE)))
    assert costs(rating.time)[0] == 2
    assert costs(rating.parking)[0] == 2
    assert rating.parking_time_us == 600_000_000
    assert rating.time_us == 1_800_000_000
    assert rating.charging_time_us == 1_200_000_000


def test_a_tier_starts_with_its_minimum_and_ends_before_its_maximum() -> None:
    terms = tariff(element(component("ENERGY", 1), max_kwh=2), element(component("ENERGY", 5), min_kwh=2))
    rating = rated(terms, row((10, 1999, CHARGING), (10, 1, CHARGING), (10, 1000, CHARGING)))
    assert rating.total.excl_vat == 7


@pytest.mark.parametrize(("day", "owed"), [("2024-03-08", 3), ("2024-03-09", 9), ("2024-03-10", 3)])
def test_weekdays_are_those_of_the_local_calendar(day: str, owed: int) -> None:
    terms = tariff(element(component("FLAT", 9), day_of_week=["SATURDAY"]), element(component("FLAT", 3)))
    assert rated(terms, [period(10, 0, start=utc(f"{day}T22:30:00"))]).total.excl_vat == owed


def test_saturday_at_one_is_not_friday_even_in_a_window_that_began_on_friday() -> None:
    night = element(component("FLAT", 1), start_time="22:00", end_time="06:00", day_of_week=["FRIDAY"])
    terms = tariff(night, element(component("FLAT", 5)))
    assert rated(terms, [period(10, start=utc("2024-03-08T21:30:00"))]).total.excl_vat == 1
    assert rated(terms, [period(10, start=utc("2024-03-09T00:00:00"))]).total.excl_vat == 5


def test_dates_include_the_first_day_and_exclude_the_end() -> None:
    terms = tariff(element(component("FLAT", 1), start_date="2024-03-05", end_date="2024-03-06"))
    assert [
        rated(terms, [period(1, start=utc(at))]).fixed is not None
        for at in ("2024-03-04T22:59:00", "2024-03-04T23:00:00", "2024-03-05T22:59:00", "2024-03-05T23:00:00")
    ] == [False, True, True, False]


@pytest.mark.parametrize(
    ("window", "hits"),
    [
        ({"start_time": "09:00", "end_time": "17:00"}, [9, 16]),
        ({"start_time": "22:00", "end_time": "06:00"}, [0, 5, 22]),
        ({"start_time": "17:00"}, [17, 22]),
        ({"end_time": "06:00"}, [0, 5]),
        ({"start_time": "09:00", "end_time": "00:00"}, [9, 16, 17, 22]),
        ({"start_time": "00:00", "end_time": "00:00"}, [0, 5, 6, 9, 16, 17, 22]),
        ({"start_time": "09:00", "end_time": "09:00"}, [0, 5, 6, 9, 16, 17, 22]),
    ],
)
def test_a_window_includes_its_start_and_excludes_its_end(window: Any, hits: list[int]) -> None:
    terms = tariff(element(component("FLAT", 1), **window))
    hours = [0, 5, 6, 9, 16, 17, 22]
    starts = [utc(f"2024-03-{5 if hour else 4:02}T{(hour - 1) % 24:02}:00:00") for hour in hours]
    assert [hour for hour, at in zip(hours, starts, strict=True) if rated(terms, [period(1, start=at)]).fixed] == hits


def test_power_and_current_bands_compare_with_what_was_measured() -> None:
    terms = tariff(
        element(component("ENERGY", 1), max_power=16),
        element(component("ENERGY", 2), min_power=16, max_power=32),
        element(component("ENERGY", 3)),
    )
    levels = (15_999, 16_000, 31_999, 32_000)
    periods = [period(60, 1000, min_power_w=watts, max_power_w=watts) for watts in levels]
    assert [rated(terms, [one]).total.excl_vat for one in periods] == [1, 2, 2, 3]
    by_current = tariff(element(component("ENERGY", 1), min_current=32), element(component("ENERGY", 3)))
    assert rated(by_current, [period(60, 1000, max_current_a=32)]).total.excl_vat == 1
    assert rated(by_current, [period(60, 1000, max_current_a=31)]).total.excl_vat == 3


def test_a_band_counts_as_met_where_nothing_was_measured() -> None:
    terms = tariff(element(component("ENERGY", 1), max_power=16), element(component("ENERGY", 3)))
    assert rated(terms, [period(60, 1000)]).total.excl_vat == 1


def test_the_step_rounds_the_session_once_at_the_last_price() -> None:
    terms = tariff(
        element(component("ENERGY", "0.20", step=500), max_kwh=4.3), element(component("ENERGY", "0.27", step=500))
    )
    rating = rated(terms, row((60, 4300, CHARGING), (30, 1100, CHARGING)))
    assert rating.total.excl_vat == Fraction("1.184")
    assert [line.quantity for line in rating.lines] == [Fraction("4.3"), Fraction("1.2")]
    assert rating.lines[-1].surplus == 100
    assert rating.energy_wh == 5400


def test_an_idle_end_without_energy_does_not_give_the_step_its_price() -> None:
    terms = tariff(
        element(component("ENERGY", "0.20", step=500), max_kwh=4.3), element(component("ENERGY", 9, step=700))
    )
    rating = rated(terms, row((60, 4300, CHARGING), (60, 0, IDLE)))
    assert rating.total.excl_vat == Fraction("4.5") * Fraction("0.20")


def test_an_exact_multiple_of_the_step_stays() -> None:
    rating = rated(tariff(element(component("TIME", 6, step=600))), [period(20)])
    assert rating.total.excl_vat == 2


def test_with_billed_parking_only_parking_is_rounded() -> None:
    terms = tariff(element(component("TIME", 60, step=600), component("PARKING_TIME", 120, step=600)))
    rating = rated(terms, row((21, 0, CHARGING), (16, 0, IDLE)))
    assert [costs(rating.time)[0], costs(rating.parking)[0]] == [21, 40]


def test_billed_parking_takes_the_step_even_when_charging_comes_last() -> None:
    terms = tariff(element(component("TIME", 60, step=600), component("PARKING_TIME", 60, step=600)))
    rating = rated(terms, row((17, 0, CHARGING), (11, 0, IDLE), (8, 0, CHARGING)))
    assert [costs(rating.time)[0], costs(rating.parking)[0]] == [25, 20]


def test_parking_that_nobody_prices_leaves_the_step_to_charging() -> None:
    rating = rated(tariff(element(component("TIME", 60, step=600))), row((21, 0, CHARGING), (16, 0, IDLE)))
    assert costs(rating.time)[0] == 30
    assert rating.parking is None


def test_only_billable_volume_is_rounded() -> None:
    terms = tariff(element(component("PARKING_TIME", 60, step=900), max_duration=1200))
    rating = rated(terms, row((12, 2000, CHARGING), (8, 0, IDLE), (12, 0, IDLE)))
    assert costs(rating.parking)[0] == 15


def test_free_parking_by_a_price_of_zero_is_billable_and_rounds() -> None:
    terms = tariff(
        element(component("PARKING_TIME", 0), max_duration=600), element(component("PARKING_TIME", 60, step=600))
    )
    rating = rated(terms, row((10, 0, IDLE), (5, 0, IDLE)))
    assert costs(rating.parking)[0] == 10


def test_flat_is_owed_once_however_many_periods_and_elements() -> None:
    terms = tariff(element(component("FLAT", 2), max_kwh=1), element(component("FLAT", 7)))
    assert costs(rated(terms, row((5, 500, CHARGING), (5, 900, CHARGING), (5, 900, IDLE))).fixed)[0] == 2


def test_a_flat_that_becomes_active_later_is_owed_then() -> None:
    terms = tariff(element(component("FLAT", 7), min_duration=600))
    rating = rated(terms, row((10, 500, CHARGING), (5, 0, IDLE)))
    assert [costs(rating.fixed)[0], rating.lines[0].first_period] == [7, 1]


def test_a_reservation_and_its_session_each_owe_their_fee() -> None:
    terms = tariff(
        element(component("FLAT", 2, vat=20), component("TIME", 5, vat=20, step=300), reservation="RESERVATION"),
        element(component("FLAT", 0.5, vat=20), component("ENERGY", 0.25, vat=10)),
    )
    rating = rated(terms, row((13, 0, RESERVED), (60, 20_000, CHARGING)))
    assert costs(rating.reservation) == money("3.25", "3.9")
    assert costs(rating.fixed) == money("0.5", "0.6")
    assert costs(rating.total) == money("8.75", "10")


def test_an_expired_reservation_is_priced_by_its_own_elements() -> None:
    terms = tariff(
        element(component("TIME", 3, step=600), reservation="RESERVATION"),
        element(component("TIME", 6, step=600), component("FLAT", 4), reservation="RESERVATION_EXPIRES"),
        element(component("FLAT", 1), component("ENERGY", 1)),
    )
    expired, used = rated(terms, row((90, 0, RESERVED))), rated(terms, row((22, 0, RESERVED), (60, 1000, CHARGING)))
    assert costs(expired.reservation)[0] == 13
    assert expired.fixed is expired.energy is None
    assert costs(used.reservation)[0] == Fraction("1.5")
    assert costs(used.total)[0] == Fraction("3.5")


def test_durations_of_the_session_do_not_count_its_reservation() -> None:
    terms = tariff(element(component("ENERGY", 1), max_duration=3600), element(component("ENERGY", 9)))
    assert rated(terms, row((60, 0, RESERVED), (60, 1000, CHARGING))).total.excl_vat == 1


@pytest.mark.parametrize(
    ("bounds", "total"),
    [
        ({"min_price": {"excl_vat": 2, "incl_vat": 2.42}}, money("2", "2.42")),
        ({"min_price": {"excl_vat": 2}}, money("2", "1.21")),
        ({"min_price": {"excl_vat": 0.5, "incl_vat": 1.3}}, money("1", "1.3")),
        ({"max_price": {"excl_vat": 0.9, "incl_vat": 5}}, money("0.9", "1.21")),
        ({"max_price": {"excl_vat": 0.9}}, money("0.9", "1.21")),
    ],
)
def test_bounds_move_the_total_alone_each_side_by_itself(bounds: Any, total: tuple[Fraction, Fraction]) -> None:
    rating = rated(tariff(element(component("ENERGY", 1, vat=21)), **bounds), [period(60, 1000)])
    assert costs(rating.total) == total
    assert costs(rating.energy) == costs(rating.subtotal) == money("1", "1.21")


def test_a_session_without_energy_still_owes_fee_and_minimum() -> None:
    terms = tariff(element(component("FLAT", 1), component("ENERGY", 0.5)), min_price={"excl_vat": 3, "incl_vat": 3})
    rating = rated(terms, [period(0)])
    assert [costs(rating.energy)[0], costs(rating.fixed)[0], rating.total.excl_vat] == [0, 1, 3]


def test_nothing_to_price_is_an_error() -> None:
    with pytest.raises(DomainError):
        rated(tariff(element(component("ENERGY", 1))), [])


def test_published_numbers_have_four_decimals_half_even() -> None:
    assert four_decimals(Fraction("0.03125")) == Decimal("0.0312")
    assert four_decimals(Fraction("0.03135")) == Decimal("0.0314")
    totals = ocpi_totals(rated(tariff(element(component("ENERGY", 0.25, vat=10))), [period(20, 1500)]), credit=True)
    assert totals["total_cost"] == {"excl_vat": Decimal("-0.375"), "incl_vat": Decimal("-0.4125")}
    assert totals["total_energy_cost"] == {"excl_vat": Decimal("0.375"), "incl_vat": Decimal("0.4125")}
    assert (totals["total_energy"], totals["total_time"]) == (Decimal("1.5"), Decimal("0.3333"))
    assert totals["total_fixed_cost"] is totals["total_reservation_cost"] is None


def test_a_price_below_zero_takes_from_what_the_rest_costs() -> None:
    terms = tariff(
        element(component("ENERGY", "-0.05", vat=10), start_time="10:00", end_time="10:30"),
        element(component("ENERGY", "0.40", vat=10)),
    )
    rating = rated(terms, row((30, 6000, CHARGING), (30, 4000, CHARGING)))
    assert costs(rating.total) == money("1.3", "1.43")


def test_what_a_session_costs_is_never_below_zero() -> None:
    terms = tariff(element(component("ENERGY", "-0.05", vat=10)))
    rating = rated(terms, [period(60, 7000)])
    assert costs(rating.total) == money("0", "0")
    assert costs(rating.subtotal) == money("-0.35", "-0.385")


def test_only_the_side_below_zero_is_raised_where_something_is_to_be_paid() -> None:
    terms = tariff(element(component("ENERGY", "-0.20"), component("FLAT", "1.90", vat=20)))
    rating = rated(terms, [period(60, 10_000)])
    assert (costs(rating.subtotal), costs(rating.total)) == (money("-0.1", "0.28"), money("0", "0.28"))


def test_a_session_without_anything_to_pay_has_no_net_either() -> None:
    terms = tariff(element(component("ENERGY", "-0.20", vat=20), component("FLAT", "2.10")))
    assert costs(rated(terms, [period(60, 10_000)]).total) == money("0", "0")


def test_energy_that_was_delivered_is_no_price_below_zero() -> None:
    rating = rated(tariff(element(component("ENERGY", "0.30"))), [period(60, -2000)])
    assert rating.total.excl_vat == Fraction("-0.6")
