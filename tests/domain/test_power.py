"""Energy that no connector can have given, and energy that was told in kWh instead of Wh.

The example starts at 10:00 on 2 March at register 0; its connector gives 11 kW where its location is known.
"""

from typing import Any

import pytest

from domain.catalogue.catalogue import Catalogue
from domain.catalogue.parties import Location
from domain.fact import Fact
from domain.session.facts import Metered
from tests.domain.builders import OPERATOR, at, catalogue, corrected, decided, ended, read, started


def at_a_connector(**published: Any) -> Catalogue:
    """The catalogue with a location whose connector is published like this."""
    known = catalogue()
    connector = {"id": "1", "standard": "IEC_62196_T2", "power_type": "AC_3_PHASE", **published}
    location = {"id": "L", "time_zone": "UTC", "evses": [{"uid": "E", "connectors": [connector]}]}
    data = {"operator_id": OPERATOR, "location": location}
    known.publish("location.published", "b", "l", at("01 00:00"), data)
    return known


AT_11_KW = at_a_connector(max_electric_power=11_000)


def reason(*facts: Fact, known: Catalogue | None = None) -> str:
    """Why a session of these facts waits, "" when it is rated."""
    found = decided(facts, known).outcome
    assert found is not None
    assert (found.reason == "") == (found.state == "RATED")
    return found.reason


@pytest.mark.parametrize(
    ("stop_wh", "held"),
    # 11 kW for an hour, a tenth more, and 1 kWh.
    [(11_000, False), (13_100, False), (13_101, True)],
)
def test_an_hour_gives_what_the_connector_gives_a_tenth_more_and_one_kwh(stop_wh: int, held: bool) -> None:
    found = reason(started(), ended(register_wh=stop_wh), known=AT_11_KW)
    assert found == ("POWER_ABOVE_CONNECTOR" if held else "")


def test_a_jump_is_noticed_however_long_the_car_stays() -> None:
    stay = [started(), read("02 10:05", 300_000), ended("2026-03-04T10:00:00", 301_000)]
    assert reason(*stay, known=AT_11_KW) == "POWER_ABOVE_CONNECTOR"
    assert reason(*stay) == "POWER_ABOVE_CONNECTOR"


def test_a_jump_that_is_spread_over_readings_is_noticed_too() -> None:
    # 1.1 kWh a minute are 66 kW; each alone is within the allowance.
    minutes = [read(f"02 10:{minute:02}", 1_100 * minute) for minute in range(1, 31)]
    assert reason(started(), *minutes, ended("02 18:00", 33_000), known=AT_11_KW) == "POWER_ABOVE_CONNECTOR"


def test_at_one_moment_a_register_may_rise_by_one_kwh() -> None:
    assert reason(started(), read("02 10:30", 1_000), read("02 10:30", 2_000, "b"), ended("02 11:00", 3_000)) == ""


def test_where_no_connector_is_published_a_ceiling_holds() -> None:
    assert reason(started(), ended(register_wh=1_101_000)) == ""
    assert reason(started(), ended(register_wh=25_000_000)) == "POWER_ABOVE_CONNECTOR"
    known = catalogue()
    known.power_max_w = 50_000
    assert reason(started(), ended(register_wh=57_000), known=known) == "POWER_ABOVE_CONNECTOR"


def test_without_a_maximum_voltage_and_amperage_say_what_a_connector_gives() -> None:
    known = at_a_connector(max_voltage=230, max_amperage=16)
    assert reason(started(), ended(register_wh=13_000), known=known) == ""
    assert reason(started(), ended(register_wh=14_000), known=known) == "POWER_ABOVE_CONNECTOR"
    assert Location({"evses": [{"uid": "E", "connectors": [{"id": "1"}]}]}).connector_power_w == {}


def test_readings_that_a_correction_set_aside_are_not_judged() -> None:
    facts = [started(), read("02 10:05", 900_000), ended(register_wh=5_000)]
    assert reason(*facts, known=AT_11_KW) == "REGISTER_FALLS"
    assert reason(*facts, corrected("03 09:00", start_wh=0, stop_wh=5_000), known=AT_11_KW) == ""


def powers(*told: tuple[str, int, int]) -> list[Metered]:
    return [read(when, register_wh, power_w=power_w) for when, register_wh, power_w in told]


@pytest.mark.parametrize(
    ("readings", "stop_wh", "held"),
    [
        # 10 kW for an hour are 10 kWh: told as 10 it is a thousandth.
        (powers(("02 10:20", 3, 10_000), ("02 10:40", 6, 10_000)), 10, True),
        (powers(("02 10:30", 5, 10_000)), 10, True),
        (powers(("02 10:20", 3_000, 10_000), ("02 10:40", 6_000, 10_000)), 10_000, False),
        # A register that stood still while the car charged.
        (powers(("02 10:20", 0, 10_000), ("02 10:40", 0, 10_000)), 0, True),
        # 100 times is not more than that, and 1 kWh is not either.
        (powers(("02 10:20", 30, 10_000), ("02 10:40", 60, 10_000)), 100, False),
        (powers(("02 10:20", 0, 1_000), ("02 10:40", 0, 1_000)), 1, False),
        # It charged at both readings' moments only if both say so.
        (
            powers(("02 10:01", 100, 10_000), ("02 10:02", 101, 0), ("02 10:58", 102, 0), ("02 10:59", 200, 9_000)),
            300,
            False,
        ),
    ],
)
def test_kwh_told_as_wh_are_noticed_from_the_power(readings: list[Metered], stop_wh: int, held: bool) -> None:
    assert reason(started(), *readings, ended(register_wh=stop_wh)) == ("UNIT_MISMATCH" if held else "")


def test_a_reading_of_much_power_alone_holds_nothing() -> None:
    assert reason(started(), *powers(("02 10:30", 5_000, 12_500)), ended(register_wh=10_000), known=AT_11_KW) == ""
