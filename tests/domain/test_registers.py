"""Registers as meters tell them: falls that are only resolution, readings of one moment, and falls that are none.

The example starts at 10:00 on 2 March at register 0 and ends at 11:00 at 20 kWh; a kWh costs 60 minor units with VAT.
"""

import pytest

from domain.fact import Fact
from domain.session.decisions import SessionAssessed
from domain.session.session import Session
from tests.domain.builders import at, catalogue, decided, ended, operator, read, started


def outcome(session: Session) -> SessionAssessed:
    assert session.outcome is not None
    return session.outcome


def told(*facts: Fact) -> tuple[str, str, str | None]:
    """State, reason and energy of a session that consists of these facts."""
    found = outcome(decided(facts))
    return found.state, found.reason, found.energy_wh


RESOLUTION = {
    "the start was rounded up": ([started(register_wh=1_001), read("02 10:01", "1000.2"), ended()], "18999"),
    "the end was cut": ([started(), read("02 10:59", "19999.9"), ended(register_wh=19_999)], "19999"),
    "the last reading is of the moment of the end": (
        [started(), read("02 11:00", "7000.7"), ended(register_wh="7000.3")],
        "7000.3",
    ),
    "a reading was rounded": (
        [started(), read("02 10:20", "500.6"), read("02 10:30", 500), ended(register_wh=900)],
        "900",
    ),
    "nothing was charged and the end was cut": ([started(register_wh="70.9"), ended(register_wh=70)], "0"),
}


@pytest.mark.parametrize("name", RESOLUTION)
def test_a_fall_of_less_than_one_wh_is_resolution_and_start_and_end_give_the_energy(name: str) -> None:
    facts, energy_wh = RESOLUTION[name]
    assert told(*facts) == ("RATED", "", energy_wh)


def test_between_start_and_end_the_highest_register_so_far_counts() -> None:
    facts = [started(), read("02 10:20", "500.6"), read("02 10:30", 500), read("02 10:50", "900.4")]
    session = decided([*facts, ended(register_wh=900)])
    readings = [float(register_wh) for _, register_wh in session.assess(catalogue()).changes[0].bill.registers]  # type: ignore[union-attr]
    assert readings == [0, 500.6, 500.6, 900, 900]


@pytest.mark.parametrize(
    "facts",
    [
        [started(), read("02 10:20", 501), read("02 10:30", 500), ended()],
        [started(register_wh=10), read("02 10:20", 9), ended()],
        [started(), read("02 10:20", 20_001), ended()],
        # Small steps down add up: the third is 1.2 Wh below the first.
        [started(), read("02 10:20", 500), read("02 10:30", "499.4"), read("02 10:40", "498.8"), ended()],
    ],
)
def test_a_fall_of_one_wh_or_more_below_the_highest_so_far_is_one(facts: list[Fact]) -> None:
    assert told(*facts) == ("SUSPENSE", "REGISTER_FALLS", None)


def test_an_end_one_wh_below_the_start_is_below_it() -> None:
    assert told(started(register_wh=70), ended(register_wh=69)) == ("SUSPENSE", "END_BELOW_START", None)


def test_of_readings_at_one_moment_the_lower_register_comes_first() -> None:
    twice = [read("02 10:30", 6_002, id_="10"), read("02 10:30", 6_000, id_="9")]
    for readings in (twice, twice[::-1]):
        assert told(started(), *readings, ended()) == ("RATED", "", "20000")


def test_an_orphan_ends_at_its_highest_register_before_one_that_falls() -> None:
    closing = catalogue(operator(orphan_hours=24))
    resolution = [read("02 10:20", 5_000), read("02 10:30", "5000.8", "10"), read("02 10:30", 5_000, "9")]
    silent = [started(), *resolution, read("02 10:40", "5000.2")]
    session = decided(silent, closing, at("05 10:00"))
    assert (outcome(session).reason, outcome(session).energy_wh) == ("ESTIMATED", "5000.8")
    session = decided([*silent, read("02 10:50", 4_999), read("02 10:55", 6_000)], closing, at("05 10:00"))
    assert outcome(session).energy_wh == "5000.8"
