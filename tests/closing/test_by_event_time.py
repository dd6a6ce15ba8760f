"""Settled from files, a close acts at its own time: after the runs of that moment, before what comes behind it."""

from typing import Any

from domain.calendar import instant
from tests.conftest import Stores
from tests.support.audited import verify
from tests.support.closing import CHECKER, both, closed, hash_of, sentences, status_of
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff

APRIL_SESSION = session("S-2", day="2026-04-02")


def settled(engine: Engine, events: list[dict[str, Any]], until: str) -> None:
    """What `settle` does with a call's events."""
    engine.feed(events)
    engine.clock.advance(instant(until), by_event_time=True)


def test_what_a_call_brings_is_not_late_however_late_it_is_told(engine: Engine) -> None:
    settled(engine, [operator(), tariff(), *session()], "2026-04-01T00:00:00Z")
    known = hash_of(engine, "2026-03")
    # With the close come sessions of its month, so that people closed it by other figures than there are.
    settled(engine, [*both("2026-03", known, "2026-04-05"), *session("S-3")], "2026-04-10T00:00:00Z")
    assert status_of(engine, "2026-03").state == "NEXT"
    assert ["are not those of this hash" in each for each in sentences(engine)] == [True, True]
    known = hash_of(engine, "2026-03")
    told = [*APRIL_SESSION, *both("2026-03", known, "2026-04-11")]
    settled(engine, told[::-1], "2026-04-20T00:00:00Z")
    assert status_of(engine, "2026-03").state == "CLOSED"
    assert engine.rows("SELECT count(*) FROM book.late_entry") == [(0,)]
    assert verify(engine.dsn).passed, verify(engine.dsn).failed


def test_the_runs_of_a_moment_are_made_before_a_close_acts(engine: Engine, stores: Stores) -> None:
    """The figures that two people knew from another store, which had made the month's runs, are met in one call."""
    told = [operator(), tariff(), *session()]
    with stores() as dsn:
        other = Engine(dsn)
        settled(other, told, "2026-04-03T00:00:00Z")
        known = hash_of(other, "2026-03")
        other.close()
    settled(engine, [*both("2026-03", known, "2026-04-03"), *told], "2026-04-10T00:00:00Z")
    assert sentences(engine) == []
    assert status_of(engine, "2026-03").state == "CLOSED"


def test_a_third_person_changes_nothing(engine: Engine) -> None:
    settled(engine, [operator(), tariff(), *session()], "2026-04-01T00:00:00Z")
    known = hash_of(engine, "2026-03")
    third = closed("2026-03", known, "2026-04-05T12:00:00Z", "k.third")
    settled(engine, [third, *both("2026-03", known, "2026-04-05")], "2026-04-10T00:00:00Z")
    assert ["is closed already" in each for each in sentences(engine)] == [True]
    assert engine.rows("SELECT count(*) FROM book.period_turn") == [(1,)]


def test_names_of_one_person_are_one(engine: Engine) -> None:
    settled(engine, [operator(), tariff(), *session()], "2026-04-01T00:00:00Z")
    known = hash_of(engine, "2026-03")
    again = closed("2026-03", known, "2026-04-05T12:00:00Z", CHECKER.upper())
    settled(engine, [both("2026-03", known, "2026-04-05")[1], again], "2026-04-10T00:00:00Z")
    assert ["another person has to" in each for each in sentences(engine)] == [True]
    assert status_of(engine, "2026-03").state == "NEXT"
