"""Sessions at one plug: who has a place there, and which of them cannot be true beside the one before."""

from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.book.findings import Finding, FindingKind
from domain.catalogue.catalogue import Catalogue
from domain.fact import Fact
from domain.session.decisions import OverlapNoted
from domain.session.facts import Reviewed, Verdict
from domain.session.plug import Overlap, Reach, Stay, beside, plug_id
from domain.session.session import Session
from tests.domain.builders import (
    LATE,
    SESSION,
    at,
    balance,
    captured,
    catalogue,
    charged,
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
)

PLUG = plug_id("OP", "E", "1")
MINUTE = timedelta(minutes=1)


def there(since: str, until: str, start_wh: int | Fraction = 0, stop_wh: int | Fraction = 0) -> Stay:
    return Stay(PLUG, at(since), at(until), start_wh, stop_wh)


def found(*stays: Stay) -> list[str]:
    """What is wrong with each of them: they are called A, B and so on, and told in their order."""
    before: Reach | None = None
    texts = []
    for name, stay in zip("ABCDEFG", stays, strict=False):
        overlap, before = beside(before, name, stay)
        texts.append(f"{overlap.kind} {overlap.other_id}" if overlap else "")
    return texts


# Beside each other ------------------------------------------------------------------------------------------------


def test_one_after_the_other_with_rising_registers_nothing_is_wrong() -> None:
    assert found(there("02 10:00", "02 11:00", 0, 5), there("02 11:00", "02 12:00", 5, 9)) == ["", ""]


def test_an_overlap_of_a_minute_is_none_and_one_of_more_is() -> None:
    first = there("02 10:00", "02 11:00")
    late = there("02 10:59", "02 12:00")
    assert found(first, late) == ["", ""]
    assert found(first, replace(late, started_at=late.started_at - timedelta(microseconds=1))) == ["", "OVERLAP A"]


def test_a_session_inside_another_and_one_behind_both_are_beside_the_one_that_ended_last() -> None:
    outer, inner = there("02 10:00", "02 14:00", 0, 50), there("02 11:00", "02 12:00", 10, 20)
    assert found(outer, inner, there("02 13:00", "02 15:00", 40, 60)) == ["", "OVERLAP A", "OVERLAP A"]
    assert found(outer, inner, there("02 14:30", "02 15:00", 30, 60)) == ["", "OVERLAP A", "REGISTER_OVERLAP A"]
    assert found(outer, inner, there("02 14:30", "02 15:00", 50, 60)) == ["", "OVERLAP A", ""]


def test_a_register_below_the_stop_before_is_found_and_its_resolution_is_not() -> None:
    first = there("02 10:00", "02 11:00", 0, Fraction("5000.9"))
    assert found(first, there("02 12:00", "02 13:00", 5_000, 9_000)) == ["", ""]
    assert found(first, there("02 12:00", "02 13:00", 4_999, 9_000)) == ["", "REGISTER_OVERLAP A"]


def test_a_meter_that_was_exchanged_is_found_once_and_the_next_session_follows_on_it() -> None:
    old, new = there("02 10:00", "02 11:00", 900_000, 910_000), there("02 12:00", "02 13:00", 0, 7_000)
    assert found(old, new, there("02 14:00", "02 15:00", 7_000, 8_000)) == ["", "REGISTER_OVERLAP A", ""]


def test_a_session_of_no_length_overlaps_nothing() -> None:
    around = there("02 10:00", "02 12:00", 0, 50)
    assert found(around, there("02 11:00", "02 11:00", 10, 10)) == ["", ""]
    assert found(there("02 10:00", "02 10:00"), there("02 10:00", "02 10:00")) == ["", ""]


def test_sessions_that_were_told_twice_overlap_the_first_by_id() -> None:
    twice = there("02 10:00", "02 11:00", 0, 12_000)
    assert found(twice, twice, twice) == ["", "OVERLAP A", "OVERLAP B"]


minutes = st.integers(0, 12).map(lambda number: at("02 10:00") + number * MINUTE / 2)
registers = st.integers(0, 6).map(lambda number: Fraction(number, 2))


@given(st.lists(st.tuples(minutes, minutes, registers, registers, st.booleans()), max_size=7))
def test_the_one_that_ended_last_says_of_all_earlier_ones_whether_the_next_overlaps(
    told: list[tuple[datetime, datetime, Fraction, Fraction, bool]],
) -> None:
    places = (Stay(PLUG, min(a, b), max(a, b), c, d, counts) for a, b, c, d, counts in told)
    stays = sorted(places, key=lambda each: each.started_at)
    texts = found(*stays)
    for place, (stay, text) in enumerate(zip(stays, texts, strict=True)):
        earlier = [each for each in stays[:place] if each.counts]
        overlaps = any(min(each.ended_at, stay.ended_at) - stay.started_at > MINUTE for each in earlier)
        assert text.startswith("OVERLAP") == overlaps
        if text.startswith("REGISTER"):
            last = max(each.ended_at for each in earlier)
            assert last - stay.started_at <= MINUTE
            assert any(each.ended_at == last and each.stop_wh >= stay.start_wh + 1 for each in earlier)


# Who has a place --------------------------------------------------------------------------------------------------


def stay(*facts: Fact, known: Catalogue | None = None, clock: datetime | None = None) -> Stay | None:
    return decided(facts, known, clock).stay(known or catalogue())


def review(verdict: str, when: str = "04 09:00") -> Reviewed:
    return Reviewed(at=at(when), source="office", id=f"{verdict} {when}", verdict=Verdict(verdict))


AGAIN = replace(started(), id="again")


def test_a_session_is_at_its_plug_from_start_to_end_as_corrected() -> None:
    assert stay(*charged()) == Stay(PLUG, at("02 10:00"), at("02 11:00"), 0, 20_000)
    later = corrected("03 09:00", stop_wh=19_000, start_wh=100, started_at="02 10:05", ended_at="02 10:55")
    assert {stay(*order) for order in permutations([*charged(), later])} == {
        Stay(PLUG, at("02 10:05"), at("02 10:55"), 100, 19_000)
    }


@pytest.mark.parametrize(
    "facts",
    [
        [started()],
        [ended()],
        [*charged(), replace(AGAIN, register_wh=50)],
        [*charged(), replace(AGAIN, operator_id="OP-2")],
        [*charged(), replace(AGAIN, tariff_id="T-2")],
        [*charged(), ended("02 11:30", id_="again")],
        [started(), ended("02 09:00")],
        [replace(started(), no_show=True), ended()],
    ],
)
def test_who_took_no_place_or_did_so_at_no_known_time_is_beside_nobody(facts: list[Fact]) -> None:
    assert stay(*facts) is None


def test_what_a_person_found_to_be_none_keeps_its_place_and_counts_for_nobody() -> None:
    none = stay(*charged(), review("VOID"))
    assert none == Stay(PLUG, at("02 10:00"), at("02 11:00"), 0, 20_000, counts=False)


def test_what_a_person_settles_has_a_place_again() -> None:
    assert stay(*charged(), replace(AGAIN, tariff_id="T-2"), review("BILL")) is not None
    assert stay(*charged(), review("VOID"), review("BILL", "05 09:00")) is not None


def test_an_orphan_was_there_until_its_estimated_end() -> None:
    silent = [started(), read("02 10:40", 15_000)]
    known = catalogue(operator(orphan_hours=24))
    assert stay(*silent, known=known) is None
    assert stay(*silent, known=known, clock=LATE) == Stay(PLUG, at("02 10:00"), at("02 10:40"), 0, 15_000)


def test_a_plug_is_one_connector_of_one_evse_of_one_operator_in_any_case() -> None:
    assert plug_id("OP", "NL*ABC*E1", "A") == plug_id("OP", "nl*abc*e1", "a")
    assert len({plug_id("OP", "1", "12"), plug_id("OP", "11", "2"), plug_id("OP-2", "1", "12")}) == 3
    assert len({plug_id("A:B", "C", "1"), plug_id("A", "B:C", "1")}) == 2


# What follows for a session ---------------------------------------------------------------------------------------

HOLDING: dict[str, Any] = {"hold_overlaps": True}


def overlapping(
    *facts: Fact, kind: FindingKind = FindingKind.OVERLAP, clock: datetime | None = LATE, **terms: Any
) -> Session:
    """A session that is told, after its facts, of another one."""
    known = catalogue(operator(**terms))
    session = decided(facts, known, clock)
    session.evolve(OverlapNoted(SESSION, kind, "S-0"))
    decide_until(session, known, clock)
    return session


def outcome(session: Session) -> tuple[str, str]:
    assert session.outcome is not None
    return session.outcome.state, session.outcome.reason


def test_an_overlap_is_found_and_billed_where_the_terms_say_nothing() -> None:
    session = overlapping(*charged())
    assert outcome(session) == ("RATED", "")
    assert list(session.findings) == [
        Finding(
            FindingKind.OVERLAP,
            "overlap",
            SESSION,
            "OP",
            at("02 10:00"),
            "session S-1 was at its plug (EVSE E, connector 1) while session S-0 was there",
        )
    ]
    assert kinds_on_the_book(session) == kinds_on_the_book(decided(charged()))


@pytest.mark.parametrize("kind", [FindingKind.OVERLAP, FindingKind.REGISTER_OVERLAP])
def test_it_waits_with_that_reason_where_the_terms_hold_it(kind: FindingKind) -> None:
    session = overlapping(*charged(), kind=kind, **HOLDING)
    assert outcome(session) == ("SUSPENSE", kind)
    assert [each.kind for each in session.findings] == [kind]
    assert kinds_on_the_book(session) == []


def test_a_payment_for_a_session_that_is_held_is_posted_as_it_is() -> None:
    session = overlapping(*charged(), captured(), **HOLDING)
    assert kinds_on_the_book(session) == ["J01c"]


def test_a_review_bills_it_at_its_end_and_releases_it_from_the_review_whenever_that_comes() -> None:
    session = overlapping(*charged(), review("BILL"), **HOLDING)
    assert outcome(session) == ("RATED", "")
    assert [when for kind, when, _ in on_the_book(session) if kind == "J01"] == ["02 11:00"]
    assert released(session) == ("04 09:00", "04")
    assert list(session.findings) == []


def test_a_review_that_it_was_none_takes_nothing_back_that_was_never_billed() -> None:
    session = overlapping(*charged(), review("VOID"), **HOLDING)
    assert outcome(session) == ("INVALID", "VOIDED")
    assert (kinds_on_the_book(session), balance(session, "1105/S-1")) == ([], 0)


def test_what_is_wrong_no_longer_leaves_the_session_as_if_it_never_had_been() -> None:
    session = overlapping(*charged(), **HOLDING)
    session.evolve(OverlapNoted(SESSION, None, None))
    decide_until(session, catalogue(operator(**HOLDING)), LATE)
    plain = decided(charged(), catalogue(operator(**HOLDING)))
    assert outcome(session) == outcome(plain)
    assert on_the_book(session) == on_the_book(plain)
    assert (released(session), list(session.findings)) == (released(plain), [])


def test_the_terms_in_effect_at_the_start_decide() -> None:
    known = catalogue(operator())
    known.publish("operator.changed", "b", "op 2", at("02 12:00"), operator(**HOLDING))
    session = decided(charged(), known)
    session.evolve(OverlapNoted(SESSION, FindingKind.OVERLAP, "S-0"))
    decide_until(session, known, LATE)
    assert outcome(session) == ("RATED", "")


def test_a_session_that_is_implausible_by_itself_says_that_first() -> None:
    fall = [started(), read("02 10:20", 4_000), read("02 10:30", 3_000), ended()]
    assert outcome(overlapping(*fall, **HOLDING)) == ("SUSPENSE", "REGISTER_FALLS")


def test_overlap_is_a_value_that_names_the_other() -> None:
    session = overlapping(*charged())
    assert session.overlap == Overlap(FindingKind.OVERLAP, "S-0")
