"""Votes about a payout come to the same whichever way they arrive, and never to more than those who gave them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.catalogue.account_changes import Edit
from domain.catalogue.switches import HELD, RELEASED, RESUMED, STOPPED, Switched, Switches
from domain.catalogue.tiers import approvals_needed, tiers_of
from domain.payout.answers import PayoutApproved, PayoutRejected, PayoutVote
from domain.payout.approvals import APPROVAL_LASTS, Asked, outcome_of
from domain.payout.circumstances import Circumstances

MADE = datetime(2026, 3, 3, tzinfo=UTC)
HASH, OTHER = "a" * 64, "b" * 64
PEOPLE = ("m.ortega", "M.Ortega", "a.keller", "j.lind")

moments = st.integers(0, 240).map(lambda hours: MADE + timedelta(hours=hours - 12))
hashes = st.sampled_from((HASH, HASH, HASH, OTHER))


@st.composite
def votes(draw: st.DrawFn) -> list[PayoutVote]:
    """Up to eight of them, each with an id of its own."""
    found: list[PayoutVote] = []
    for number in range(draw(st.integers(0, 8))):
        at, by, digest = draw(moments), draw(st.sampled_from(PEOPLE)), draw(hashes)
        if draw(st.integers(0, 5)):
            found.append(PayoutApproved(at=at, source="urn:test", id=str(number), content_hash=digest, by=by))
        else:
            found.append(
                PayoutRejected(at=at, source="urn:test", id=str(number), content_hash=digest, by=by, reason="no")
            )
    return found


@st.composite
def switches(draw: st.DrawFn, on: str, off: str) -> Switches:
    """A switch that is set on and off now and then, in any order of arrival."""
    found = Switches()
    for number in range(draw(st.integers(0, 3))):
        is_on = draw(st.booleans())
        type_ = on if is_on else off
        said: dict[str, Any] = {"type": type_, "is_on": is_on, "subject": "OP-1", "reason": "so", "by": "m.ortega"}
        found.add(Switched(at=draw(moments), source="urn:test", id=f"{type_}{number}", **said))
    return found


@st.composite
def surroundings(draw: st.DrawFn) -> Circumstances:
    """Holds, stops, and people who changed the operator."""
    edits = draw(st.lists(st.builds(Edit, moments, st.sampled_from(PEOPLE)), max_size=2))
    holds, stops = draw(switches(HELD, RELEASED)), draw(switches(STOPPED, RESUMED))
    return Circumstances(holds=holds, stops=stops, edits=tuple(edits), is_live=draw(st.booleans()))


def asked(needed: int) -> Asked:
    return Asked("P-1", "OP-1", {"iban": "NL91ABNA0417164300"}, HASH, MADE, needed)


@given(votes(), surroundings(), st.integers(1, 3), st.randoms())
def test_votes_come_to_the_same_in_any_order(
    found: list[PayoutVote], around: Circumstances, needed: int, random: Random
) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)
    assert outcome_of(shuffled, asked(needed), around) == outcome_of(found, asked(needed), around)


@given(votes(), surroundings(), st.integers(1, 3))
def test_a_payout_goes_by_as_many_people_as_it_needs_and_no_sooner(
    found: list[PayoutVote], around: Circumstances, needed: int
) -> None:
    outcome = outcome_of(found, asked(needed), around)
    refused = {each.id for each in outcome.refused}
    if outcome.approved_at is None:
        assert outcome.leaves_at is None
        return
    at = outcome.approved_at
    assert len({each.by.casefold() for each in outcome.standing}) == len(outcome.standing) >= needed
    for each in outcome.standing:
        assert each.content_hash == HASH
        assert MADE <= each.at <= at < each.at + APPROVAL_LASTS
        assert each.by.casefold() not in around.barred(at)
        assert each.id not in refused
    assert around.holds.on_at(at) is None
    if outcome.leaves_at is not None:
        assert around.stops.on_at(outcome.leaves_at) is None
        before = [each.at for each in found if isinstance(each, PayoutRejected) and each.content_hash == HASH]
        assert not any(MADE <= moment < outcome.leaves_at and moment != at for moment in before)


@given(votes(), surroundings(), st.integers(1, 3))
def test_each_vote_counts_or_is_refused_once(found: list[PayoutVote], around: Circumstances, needed: int) -> None:
    outcome = outcome_of(found, asked(needed), around)
    refused = [each.id for each in outcome.refused]
    counted = [each.id for each, _ in outcome.approved] + ([outcome.rejected.id] if outcome.rejected else [])
    assert sorted(refused + counted) == sorted(each.id for each in found)
    assert {each.id for each in outcome.lapsed} <= set(counted)


def test_the_tier_is_that_of_the_amount_by_terms_then_by_the_platform() -> None:
    platform = tiers_of({"EUR": [{"from": "0", "approvals": 1}, {"from": "10000", "approvals": 2}]})
    own = tiers_of([{"from": "100.00", "approvals": 3}], "EUR")
    assert approvals_needed({}, platform, "EUR", 999_999) == 1
    assert approvals_needed({}, platform, "EUR", 1_000_000) == 2
    assert approvals_needed({}, platform, "SEK", 1_000_000) == 1
    assert [approvals_needed(own, platform, "EUR", amount) for amount in (9_999, 10_000)] == [1, 3]


def test_who_asked_for_a_payout_does_not_approve_it() -> None:
    vote = PayoutApproved(at=MADE, source="urn:test", id="1", content_hash=HASH, by="M.Ortega")
    outcome = outcome_of([vote], replace(asked(1), asked_by="m.ortega"), Circumstances())
    assert outcome.approved_at is None
    assert outcome.refused[0].sentence == "M.Ortega asked for payout P-1: another person has to approve it"
