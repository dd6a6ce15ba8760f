"""Corrections as the later truth: of registers that readings do not fit, and of times and registers told twice.

The example starts at 10:00 on 2 March at register 0 and ends at 11:00 at 20 kWh; a kWh costs 60 minor units with VAT.
"""

from dataclasses import replace
from itertools import permutations

import pytest

from domain.catalogue.catalogue import Catalogue
from domain.fact import Fact
from domain.session.decisions import SessionAssessed
from domain.session.facts import Started
from domain.session.session import Session
from tests.domain.builders import (
    at,
    captured,
    catalogue,
    charged,
    corrected,
    decided,
    ended,
    on_the_book,
    read,
    released,
    started,
    tariff,
)


def outcome(session: Session) -> SessionAssessed:
    assert session.outcome is not None
    return session.outcome


def told(*facts: Fact, known: Catalogue | None = None) -> tuple[str, str, int | None]:
    """State, reason and gross of a session that consists of these facts."""
    found = outcome(decided(facts, known))
    return found.state, found.reason, found.gross


# Readings that do not fit ---------------------------------------------------------------------------------------

DROP = [read("02 10:20", 3_000), read("02 10:21", 0), read("02 10:40", 6_000)]


def test_a_correction_of_both_registers_sets_aside_the_readings_that_do_not_fit() -> None:
    facts = [started(register_wh=1_000), *DROP, ended(register_wh=11_000)]
    assert told(*facts) == ("SUSPENSE", "REGISTER_FALLS", None)
    session = decided([*facts, corrected("03 09:00", start_wh=1_000, stop_wh=11_000)])
    assert (outcome(session).state, outcome(session).gross) == ("RATED", 600)
    bill = session.assess(catalogue()).changes[0].bill
    assert bill is not None
    # One reading below the start is left out, the two others tell the course.
    assert [int(register_wh) for _, register_wh in bill.registers] == [1_000, 3_000, 6_000, 11_000]


def test_once_both_registers_are_corrected_readings_that_fall_or_are_above_the_end_are_set_aside_too() -> None:
    jumps = [read("02 10:10", 5_000), read("02 10:20", 4_000), read("02 10:30", 30_000)]
    one_by_one = [corrected("03 09:00", start_wh=0), corrected("03 10:00", stop_wh=10_000)]
    assert told(started(), *jumps, ended(), one_by_one[0]) == ("SUSPENSE", "REGISTER_FALLS", None)
    assert told(started(), *jumps, ended(), *one_by_one) == ("RATED", "", 600)


def test_a_reading_above_a_corrected_stop_is_set_aside_and_so_is_one_below_a_corrected_start() -> None:
    assert told(started(), read("02 10:50", 9_000), ended(), corrected("03 09:00", stop_wh=8_000)) == (
        "RATED",
        "",
        480,
    )
    assert told(started(), read("02 10:10", 5_000), ended(), corrected("03 09:00", start_wh=10_000)) == (
        "RATED",
        "",
        600,
    )


def test_one_corrected_register_does_not_excuse_a_fall_between() -> None:
    facts = [started(), read("02 10:10", 5_000), read("02 10:20", 4_000), ended()]
    assert told(*facts, corrected("03 09:00", stop_wh=10_000)) == ("SUSPENSE", "REGISTER_FALLS", None)


# Times ----------------------------------------------------------------------------------------------------------

TWO_ENDS = [started(), ended(register_wh=10_000), ended("2026-03-02T11:00:03", register_wh=10_000, id_="again")]


def test_two_ends_stay_invalid_while_only_the_registers_are_corrected() -> None:
    assert told(*TWO_ENDS, corrected("03 09:00", start_wh=0, stop_wh=10_000)) == ("INVALID", "TWO_ENDS", None)


def test_a_corrected_end_takes_the_place_of_two_and_is_released_from_the_correction() -> None:
    session = decided([*TWO_ENDS, captured(amount=600), corrected("03 09:00", ended_at="02 11:00")])
    assert (outcome(session).state, outcome(session).gross) == ("RATED", 600)
    assert [line[:2] for line in on_the_book(session, "J01")] == [("J01", "02 11:00")]
    assert released(session) == ("03 09:00", "03")


def test_two_registers_of_one_end_are_cured_by_the_register_alone() -> None:
    facts = [started(), ended(register_wh=10_000), ended(register_wh=10_500, id_="again")]
    assert told(*facts) == ("INVALID", "TWO_ENDS", None)
    assert told(*facts, corrected("03 09:00", stop_wh=10_500)) == ("RATED", "", 630)


def test_two_starts_are_cured_by_what_they_differ_in() -> None:
    facts = [started(), replace(started("02 10:05", register_wh=100), id="again"), ended()]
    assert told(*facts) == ("INVALID", "TWO_STARTS", None)
    assert told(*facts, corrected("03 09:00", started_at="02 10:00")) == ("INVALID", "TWO_STARTS", None)
    assert told(*facts, corrected("03 09:00", started_at="02 10:00", start_wh=0)) == ("RATED", "", 1_200)


def test_an_end_before_the_start_is_cured_by_a_corrected_time() -> None:
    facts = [started(), ended("02 09:00")]
    assert told(*facts) == ("SUSPENSE", "ENDS_BEFORE_START", None)
    assert told(*facts, corrected("03 09:00", ended_at="02 11:00")) == ("RATED", "", 1_200)


def by_the_hour() -> Catalogue:
    """An hour of charging costs 12.00 with VAT."""
    element = {"price_components": [{"type": "TIME", "price": "10.00", "vat": 20, "step_size": 1}]}
    return catalogue(of_tariff=tariff(elements=[element]))


def test_a_corrected_time_rates_anew_at_the_correction() -> None:
    session = decided([*charged(), corrected("03 09:00", ended_at="02 11:30")], by_the_hour())
    assert outcome(session).gross == 1_800
    lines = [(kind, when, found.get("1105/S-1")) for kind, when, found in on_the_book(session, "J01")]
    assert lines == [("J01", "02 11:00", 1_200), ("J01", "03 09:00", -1_200), ("J01", "03 09:00", 1_800)]


def test_the_tariff_in_effect_at_the_corrected_start_rules_from_the_correction() -> None:
    known = catalogue()
    dearer = tariff("1.00") | {"effective_from": "2026-03-02T10:30:00Z"}
    known.publish("tariff.published", "b", "t2", at("01 00:00"), dearer)
    facts = [*charged(), corrected("03 09:00", started_at="02 10:30")]
    assert told(*facts, known=known) == ("RATED", "", 2_400)


def test_a_start_that_was_reported_before_there_was_an_operator_is_cured_by_its_time() -> None:
    facts = [replace(started(), at=at("1970-01-01T00:00:00")), ended()]
    assert told(*facts) == ("SUSPENSE", "OPERATOR_NOT_IN_EFFECT", None)
    assert told(*facts, corrected("03 09:00", started_at="02 10:00")) == ("RATED", "", 1_200)


def test_whatever_the_order_of_arrival_the_outcome_is_the_same() -> None:
    facts = [*TWO_ENDS, corrected("03 09:00", ended_at="02 11:00"), corrected("03 10:00", stop_wh=9_000)]
    assert {told(*order) for order in permutations(facts)} == {("RATED", "", 540)}


# Starts that differ -----------------------------------------------------------------------------------------------


def again(**changed: object) -> Started:
    """The start told once more, with something else in it."""
    return replace(started(roams=True), id="again", **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told_again", "reason"),
    [
        (again(tariff_id="T-2"), "TWO_TARIFFS"),
        (again(token=None, partner=None), "TWO_TOKENS"),
        (again(token={**(again().token or {}), "uid": "V"}), "TWO_TOKENS"),
        (again(token={**(again().token or {}), "party_id": "XYZ"}, partner="DE-XYZ"), "TWO_TOKENS"),
        (again(operator_id="OP-2"), "TWO_OPERATORS"),
    ],
)
def test_two_starts_that_name_another_tariff_or_token_contradict_each_other(told_again: Started, reason: str) -> None:
    assert told(started(roams=True), told_again, ended()) == ("INVALID", reason, None)


def test_ids_that_differ_in_case_only_are_the_same() -> None:
    spelled = {name: text.lower() for name, text in (again().token or {}).items()}
    assert told(started(roams=True), again(tariff_id="t", token=spelled), ended())[:2] == ("RATED", "")
