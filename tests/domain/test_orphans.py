"""Orphans: sessions without an end, which their operator's contract closes by estimate after some hours of silence.

The example starts at 10:00 on 2 March, is read at 10:20 and 10:40, and costs 60 minor units a kWh with VAT.
"""

from dataclasses import replace
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from domain.catalogue.catalogue import Catalogue
from domain.fact import Fact
from domain.session.decisions import CdrCredited, CdrIssued, SessionAssessed
from domain.session.facts import StateChanged
from domain.session.judging import decide
from domain.session.session import Session
from tests.domain.builders import (
    SESSION,
    at,
    balance,
    captured,
    catalogue,
    corrected,
    decide_until,
    decided,
    ended,
    kinds_on_the_book,
    on_the_book,
    operator,
    read,
    released,
    started,
    told,
)


def closing(hours: int | None = 24) -> Catalogue:
    """The catalogue of an operator who closes orphans after that many hours."""
    return catalogue(operator(orphan_hours=hours))


def idle(when: str) -> StateChanged:
    return StateChanged(at=at(when), source="g", id=f"idle {when}", state="IDLE")


def silent() -> list[Fact]:
    """A session of which nothing is heard after 10:40."""
    return [started(), read("02 10:20", 5_000), read("02 10:40", 15_000)]


def outcome(session: Session) -> SessionAssessed:
    assert session.outcome is not None
    return session.outcome


def test_without_a_rule_in_the_contract_a_session_without_an_end_stays_open() -> None:
    session = decided(silent(), closing(None))
    assert (outcome(session).state, outcome(session).reason) == ("OPEN", "END_MISSING")
    assert kinds_on_the_book(session) == []


def test_before_its_hours_have_passed_it_stays_open_and_the_clock_knows_when_to_look() -> None:
    session = Session(SESSION)
    for fact in silent():
        session.learn(fact)
    judgement = decide(session, closing(), at("03 10:39"))
    assert outcome(session).state == "OPEN"
    assert judgement.due_at == at("03 10:40")


def test_after_its_hours_it_closes_at_its_last_register_and_is_marked_as_estimated() -> None:
    session = decided(silent(), closing(), at("03 10:40"))
    found = outcome(session)
    assert (found.state, found.reason, found.energy_wh, found.gross) == ("RATED", "ESTIMATED", "15000", 900)
    assert on_the_book(session, "J01") == [("J01", "02 10:40", {"1105/S-1": 900, "2011/OP": -900})]


def test_the_share_of_an_estimate_is_released_when_it_is_made_and_not_before() -> None:
    assert released(decided(silent(), closing(), at("03 10:40"))) == ("03 10:40", "03")


def test_its_cdr_goes_out_when_it_closes_and_says_so() -> None:
    session = decided(silent(), closing(), at("03 10:40"))
    assert [cdr.issued_at for cdr in session.issued] == [at("03 10:40")]
    assert "estimated" in session.sent[1].document["remark"].lower()


def test_what_is_heard_late_puts_the_closing_off() -> None:
    session = decided([*silent(), idle("02 20:00")], closing(), at("03 19:59"))
    assert outcome(session).state == "OPEN"
    session = decided([*silent(), idle("02 20:00")], closing(), at("03 20:00"))
    assert outcome(session).energy_wh == "15000"


def test_a_report_from_another_century_keeps_no_session_open_and_is_not_billed() -> None:
    """The meter's clock is 36 years ahead; in the year after the last report it may be a long stay."""
    far = [read("2062-05-01T00:00:00", 99_000), replace(idle("02 10:00"), at=at("2063-05-01T00:00:00"))]
    session = decided([*silent(), *far], closing(), at("03 10:40"))
    found = outcome(session)
    assert (found.state, found.reason, found.energy_wh, found.gross) == ("RATED", "ESTIMATED", "15000", 900)
    late = decided([*silent(), read("2027-02-28T00:00:00", 16_000)], closing(), at("03 10:40"))
    assert outcome(late).state == "OPEN"


def test_a_register_that_falls_is_not_good_and_nothing_after_it_is_either() -> None:
    session = decided([*silent(), read("02 10:50", 9_000), read("02 10:55", 16_000)], closing())
    assert (outcome(session).energy_wh, outcome(session).reason) == ("15000", "ESTIMATED")


def test_a_session_that_was_never_read_closes_with_no_energy() -> None:
    session = decided([started()], closing())
    assert (outcome(session).energy_wh, outcome(session).gross) == ("0", 0)


def test_a_real_end_that_comes_later_takes_the_place_of_the_estimate() -> None:
    session, made = told([*((fact, None) for fact in silent()), (ended(), at("04 00:00"))], closing())
    assert not any(isinstance(decision, CdrCredited) for decision in made)
    assert (outcome(session).reason, outcome(session).gross) == ("", 1200)


def test_a_real_end_after_the_estimate_credits_its_cdr_and_bills_the_truth() -> None:
    steps: list[tuple[Fact, datetime | None]] = [(fact, None) for fact in silent()[:-1]]
    steps += [(silent()[-1], at("03 12:00")), (captured("03 12:05", 900), at("03 12:05"))]
    session, made = told([*steps, (ended(), at("05 00:00"))], closing())
    assert (outcome(session).state, outcome(session).reason, outcome(session).gross) == ("RATED", "", 1200)
    assert [decision.number for decision in made if isinstance(decision, CdrIssued)] == [1, 2]
    assert [decision.number for decision in made if isinstance(decision, CdrCredited)] == [1]
    assert on_the_book(session, "J01") == [("J01", "02 11:00", {"1105/S-1": 1200, "2011/OP": -1200})]
    assert balance(session, "1105/S-1") == 300


def test_a_late_reading_reopens_the_session_until_its_new_hours_have_passed() -> None:
    session = decided(silent(), closing(), at("03 10:40"))
    session.learn(read("03 09:00", 18_000))
    decide_until(session, closing(), None)
    assert (outcome(session).state, outcome(session).reason) == ("OPEN", "END_MISSING")
    assert kinds_on_the_book(session) == []
    decide_until(session, closing(), at("04 09:00"))
    assert (outcome(session).energy_wh, outcome(session).reason) == ("18000", "ESTIMATED")


def test_a_correction_of_the_stop_register_is_truer_than_the_last_reading() -> None:
    session = decided([*silent(), corrected("04 08:00", 17_000)], closing())
    assert (outcome(session).energy_wh, outcome(session).reason) == ("17000", "ESTIMATED")


def test_contradictory_starts_are_not_closed() -> None:
    session = decided([*silent(), started("02 09:00", source="h")], closing())
    assert (outcome(session).state, outcome(session).reason) == ("INVALID", "TWO_STARTS")


@given(st.permutations([*silent(), idle("02 10:41"), captured("03 11:00", 900), corrected("03 12:00", 14_000)]))
def test_an_estimate_is_the_same_for_every_order_of_arrival(facts: list[Fact]) -> None:
    wanted = decided(sorted(facts, key=lambda fact: fact.at), closing())
    session, _ = told([(fact, None) for fact in facts], closing())
    decide_until(session, closing(), at("2026-12-01T00:00:00"))
    assert on_the_book(session) == on_the_book(wanted)
    assert outcome(session) == outcome(wanted)
