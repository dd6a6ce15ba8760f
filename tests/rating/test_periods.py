"""Splitting raw sessions into charging periods, and reading those of a CDR."""

from datetime import timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.charging import ChargingPeriod
from domain.errors import AmountError, DomainError, ImplausibleSession
from domain.rating.periods import from_cdr, split_no_show
from tests.rating.rating_builders import (
    AMSTERDAM,
    CHARGING,
    IDLE,
    MORNING,
    RESERVED,
    component,
    costs,
    element,
    period,
    rated,
    session,
    tariff,
    utc,
)

ENERGY_ONLY = tariff(element(component("ENERGY", 0.49, vat=21)))
NOON = MORNING + timedelta(hours=3)


def shown(periods: tuple[ChargingPeriod, ...]) -> list[tuple[str, int]]:
    """Start time of day (UTC) and Wh of each period."""
    return [(f"{each.start:%H:%M:%S}", round(each.energy_wh)) for each in periods]


def registers(*readings: tuple[float, int]) -> list[tuple[Any, Fraction]]:
    return [(MORNING + timedelta(minutes=minutes), Fraction(wh)) for minutes, wh in readings]


def test_a_plain_session_is_one_period_whatever_was_metered() -> None:
    readings = registers((0, 100), (60, 700), (180, 1532))
    assert session(ENERGY_ONLY, MORNING, NOON, 0, registers=readings) == (period(180, 1432),)


def test_state_changes_split_and_repeated_states_do_not() -> None:
    states = [(MORNING + timedelta(minutes=m), state) for m, state in ((30, "CHARGING"), (90, "IDLE"), (100, "IDLE"))]
    periods = session(ENERGY_ONLY, MORNING, NOON, 1800, states=states)
    assert [(each.phase, int(each.energy_wh)) for each in periods] == [(CHARGING, 900), (IDLE, 900)]


def test_a_state_from_before_the_start_holds_and_one_at_the_end_changes_nothing() -> None:
    states = [(MORNING - timedelta(minutes=5), IDLE), (NOON, CHARGING)]
    assert [each.phase for each in session(ENERGY_ONLY, MORNING, NOON, 0, states=states)] == [IDLE]


def test_of_two_states_at_one_moment_the_later_counts() -> None:
    at = MORNING + timedelta(minutes=30)
    phases = [each.phase for each in session(ENERGY_ONLY, MORNING, NOON, 0, states=[(at, "CHARGING"), (at, "IDLE")])]
    assert phases == [CHARGING, IDLE]


def test_a_window_edge_splits_on_the_local_clock_with_energy_between_registers() -> None:
    terms = tariff(element(component("ENERGY", 1), end_time="11:00"), element(component("ENERGY", 2)))
    readings = registers((0, 0), (30, 600), (90, 900), (180, 900))
    assert shown(session(terms, MORNING, NOON, 0, registers=readings)) == [("09:00:00", 750), ("10:00:00", 150)]


def test_a_tier_splits_where_the_energy_reaches_it_exactly() -> None:
    terms = tariff(element(component("ENERGY", 3), max_kwh=1), element(component("ENERGY", 1)))
    readings = registers((0, 50), (60, 350), (120, 3350), (180, 3350))
    periods = session(terms, MORNING, NOON, 0, registers=readings)
    assert shown(periods) == [("09:00:00", 1000), ("10:14:00", 2300)]
    assert rated(terms, periods).total.excl_vat == Fraction("5.3")


def test_a_tier_reached_between_two_instants_that_ocpi_can_say_keeps_its_exact_energy() -> None:
    terms = tariff(element(component("ENERGY", 3), max_kwh=1), element(component("ENERGY", 1)))
    periods = session(terms, MORNING, NOON, 7000)
    assert [each.energy_wh for each in periods] == [1000, 6000]
    assert periods[1].start == MORNING + timedelta(microseconds=1_542_857_100)


def test_a_tier_that_is_never_passed_does_not_split() -> None:
    terms = tariff(element(component("ENERGY", 3), max_kwh=7), element(component("ENERGY", 1)))
    assert len(session(terms, MORNING, NOON, 7000)) == 1


def test_a_tier_that_is_all_there_is_splits_where_it_was_reached() -> None:
    terms = tariff(element(component("TIME", 1), max_kwh=10), element(component("TIME", 6)))
    readings = registers((0, 0), (60, 10_000), (180, 10_000))
    periods = session(terms, MORNING, NOON, 0, registers=readings)
    assert shown(periods) == [("09:00:00", 10_000), ("10:00:00", 0)]
    assert rated(terms, periods).total.excl_vat == 1 + 2 * 6


def test_a_tier_that_is_all_the_energy_splits_where_it_is_reached_since_time_goes_on() -> None:
    terms = tariff(element(component("TIME", 6), max_kwh=1), element(component("TIME", 60)))
    readings = registers((0, 0), (60, 1000), (180, 1000))
    periods = session(terms, MORNING, NOON, 0, registers=readings)
    assert shown(periods) == [("09:00:00", 1000), ("10:00:00", 0)]
    assert rated(terms, periods).total.excl_vat == 6 + 120


def test_a_duration_splits_at_real_elapsed_time() -> None:
    terms = tariff(element(component("TIME", 1), max_duration=1800), element(component("TIME", 2)))
    assert shown(session(terms, MORNING, NOON, 6000)) == [("09:00:00", 1000), ("09:30:00", 5000)]


def test_midnight_splits_when_the_tariff_looks_at_days() -> None:
    terms = tariff(element(component("ENERGY", 1), day_of_week=["WEDNESDAY"]), element(component("ENERGY", 2)))
    periods = session(terms, utc("2024-03-05T22:00:00"), utc("2024-03-06T00:00:00"), 2000)
    assert shown(periods) == [("22:00:00", 1000), ("23:00:00", 1000)]
    assert rated(terms, periods).total.excl_vat == 3


def test_power_is_the_mean_between_registers_where_nothing_was_read() -> None:
    terms = tariff(element(component("ENERGY", 1), max_power=10), element(component("ENERGY", 2)))
    readings = registers((0, 0), (30, 2000), (60, 20_000), (180, 20_000))
    periods = session(terms, MORNING, NOON, 0, registers=readings)
    assert [each.max_power_w for each in periods] == [4000, 36_000, 0]
    assert rated(terms, periods).total.excl_vat == 38


def test_a_power_reading_holds_until_the_next() -> None:
    terms = tariff(element(component("ENERGY", 1), max_power=10), element(component("ENERGY", 2)))
    powers = registers((60, 11_000), (120, 3_000))
    periods = session(terms, MORNING, NOON, 18_000, powers=powers)
    assert [each.min_power_w for each in periods] == [6000, 11_000, 3000]
    assert [each.energy_wh for each in periods] == [6000, 6000, 6000]


def test_current_is_unknown_before_its_first_reading() -> None:
    terms = tariff(element(component("ENERGY", 1), min_current=32), element(component("ENERGY", 2)))
    periods = session(terms, MORNING, NOON, 18_000, currents=registers((60, 16)))
    assert [each.max_current_a for each in periods] == [None, 16]


def test_a_reservation_comes_first_and_carries_no_energy() -> None:
    periods = session(ENERGY_ONLY, MORNING, NOON, 1000, reserved_from=MORNING - timedelta(minutes=20))
    assert [(each.phase, int(each.energy_wh)) for each in periods] == [(RESERVED, 0), (CHARGING, 1000)]
    assert periods[0].end == MORNING


def test_a_no_show_is_nothing_but_reservation() -> None:
    terms = tariff(element(component("FLAT", 4), reservation="RESERVATION_EXPIRES"), element(component("FLAT", 1)))
    rating = rated(terms, split_no_show(MORNING, NOON, terms, AMSTERDAM))
    assert costs(rating.reservation)[0] == rating.total.excl_vat == 4


def test_a_session_of_no_length_is_one_period_even_with_energy() -> None:
    readings = [(MORNING, Fraction(0)), (MORNING, Fraction(500))]
    assert session(ENERGY_ONLY, MORNING, MORNING, 0, registers=readings) == (period(0, 500),)
    tiered = tariff(element(component("ENERGY", 3), max_kwh=0.2), element(component("ENERGY", 1)))
    periods = session(tiered, MORNING, MORNING, 0, registers=readings)
    assert [each.energy_wh for each in periods] == [200, 300]


@pytest.mark.parametrize(
    ("day", "hours", "billed"),
    [
        ("2024-03-30", 4, [2, 1, 1]),  # The night before the spring jump.
        ("2024-03-31", 3, [1, 1, 1]),  # 02:00 to 03:00 does not exist.
        ("2024-10-27", 5, [3, 1, 1]),  # 02:00 to 03:00 happens twice.
    ],
)
def test_windows_follow_the_wall_clock_on_nights_when_it_jumps(day: str, hours: int, billed: list[int]) -> None:
    """One local night from 01:00 to 05:00: window to 03:00, to 04:00, and after; priced 1, 10 and 100 an hour."""
    terms = tariff(
        element(component("TIME", 1), start_time="01:00", end_time="03:00"),
        element(component("TIME", 10), start_time="03:00", end_time="04:00"),
        element(component("TIME", 100)),
    )
    start = utc(f"{day}T01:00:00").replace(tzinfo=AMSTERDAM).astimezone(MORNING.tzinfo)
    rating = rated(terms, session(terms, start, start + timedelta(hours=hours), 0))
    assert rating.total.excl_vat == sum(each * price for each, price in zip(billed, (1, 10, 100), strict=True))


def test_a_window_that_ends_in_the_skipped_hour_ends_at_the_jump() -> None:
    terms = tariff(element(component("TIME", 1), end_time="02:30"), element(component("TIME", 10)))
    start = utc("2024-03-31T00:00:00")
    assert shown(session(terms, start, start + timedelta(hours=2), 200)) == [("00:00:00", 100), ("01:00:00", 100)]


def test_a_window_that_ends_in_the_repeated_hour_ends_twice() -> None:
    terms = tariff(element(component("TIME", 1), end_time="02:30"), element(component("TIME", 10)))
    start = utc("2024-10-26T23:00:00")
    periods = session(terms, start, start + timedelta(hours=4), 0)
    assert [f"{each.start:%H:%M}" for each in periods[:4]] == ["23:00", "00:30", "01:00", "01:30"]
    assert rated(terms, periods).total.excl_vat == 2 * 1 + 2 * 10


def test_midnight_that_daylight_saving_skips_still_starts_the_day() -> None:
    cairo = ZoneInfo("Africa/Cairo")  # On 2024-04-26 the clock went from 00:00 to 01:00.
    terms = tariff(element(component("TIME", 1), day_of_week=["FRIDAY"]), element(component("TIME", 10)))
    start = utc("2024-04-25T21:00:00")
    assert shown(session(terms, start, start + timedelta(hours=2), 20, cairo)) == [("21:00:00", 10), ("22:00:00", 10)]


@pytest.mark.parametrize(
    ("end", "readings", "error"),
    [
        (MORNING - timedelta(hours=1), registers((0, 0), (-60, 5)), ImplausibleSession),
        (NOON, registers((0, 0), (60, 5), (180, 4)), ImplausibleSession),
        (NOON, registers((0, 0)), DomainError),
        (NOON, registers((0, 0), (170, 5)), DomainError),
        (NOON, registers((0, 0), (170, 5), (160, 5), (180, 5)), DomainError),
    ],
)
def test_a_session_that_no_meter_can_have_shown_is_refused(end: Any, readings: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        session(ENERGY_ONLY, MORNING, end, 0, registers=readings)


def cdr(*periods: tuple[str, dict[str, Any]], end: str = "2024-03-05T10:00:00Z") -> dict[str, Any]:
    return {
        "end_date_time": end,
        "charging_periods": [
            {"start_date_time": start, "dimensions": [{"type": kind, "volume": v} for kind, v in volumes.items()]}
            for start, volumes in periods
        ],
    }


def test_a_cdr_period_lasts_until_the_next_not_as_long_as_its_rounded_hours() -> None:
    document = cdr(
        ("2024-03-05T09:00:00", {"ENERGY": 1.5, "TIME": 0.6667}), ("2024-03-05T09:40:00Z", {"PARKING_TIME": 0.3333})
    )
    periods = from_cdr(document)
    assert [each.length_us for each in periods] == [2_400_000_000, 1_200_000_000]
    assert [each.phase for each in periods] == [CHARGING, IDLE]
    assert [each.energy_wh for each in periods] == [1500, 0]
    assert [each.metered for each in periods] == [True, False]


def test_a_cdr_period_that_charged_and_parked_becomes_two() -> None:
    periods = from_cdr(cdr(("2024-03-05T09:00:00Z", {"ENERGY": 3, "TIME": 0.75, "PARKING_TIME": 0.25})))
    assert [(each.phase, each.length_us // 60_000_000) for each in periods] == [(CHARGING, 45), (IDLE, 15)]


def test_a_cdr_period_that_states_less_time_than_it_lasts_is_taken_at_its_word() -> None:
    (one,) = from_cdr(cdr(("2024-03-05T09:00:00Z", {"TIME": 0.5})))
    assert one.length_us == 1_800_000_000


def test_power_in_a_cdr_is_in_kilowatts() -> None:
    (one,) = from_cdr(
        cdr(("2024-03-05T09:00:00Z", {"ENERGY": "7.5", "MIN_POWER": 6, "MAX_POWER": 9, "MAX_CURRENT": 16}))
    )
    assert [one.phase, one.min_power_w, one.max_power_w, one.max_current_a] == [CHARGING, 6000, 9000, 16]


@pytest.mark.parametrize(
    "document",
    [
        {"end_date_time": "2024-03-05T10:00:00Z", "charging_periods": []},
        cdr(("soon", {"TIME": 1})),
        cdr(("2024-03-05T11:00:00Z", {"TIME": 1})),
        cdr(("2024-03-05T09:00:00Z", {"TIME": -1})),
        cdr(("2024-03-05T09:00:00Z", {"ENERGY": "NaN"})),
    ],
)
def test_a_cdr_that_cannot_be_read_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises((DomainError, AmountError)):
        from_cdr(document)
