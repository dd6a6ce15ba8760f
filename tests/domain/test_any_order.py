"""The book is a function of the set of facts: learned one by one in any order, or all at once, it comes out the same.

A failing example prints its facts in the order in which they were told; `--hypothesis-seed` replays the search.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.book.posting import entries_of, mirrors_of
from domain.book.standing import Booked, Retracted
from domain.catalogue.catalogue import Catalogue
from domain.fact import Fact, in_order
from domain.session.decisions import Decision, ShareReleased
from domain.session.facts import MeterCorrected
from domain.session.judging import decide
from domain.session.session import Session, session_stream
from tests.domain.builders import (
    CAUSE,
    LATE,
    PARTNER,
    SESSION,
    answered,
    at,
    balance,
    captured,
    catalogue,
    closed,
    corrected,
    decide_until,
    decided,
    disputed,
    ended,
    failed,
    invoice_paid,
    operator,
    partner,
    read,
    refund_failed,
    refunded,
    settled,
    started,
    tariff,
)

# Few moments, so that facts often fall together, before, at and after the end of the session at 11:00.
MOMENTS = ("02 10:30", "02 11:00", "02 11:15", "03 00:00", "04 09:00", "06 18:00", "20 12:00")
moments = st.sampled_from(MOMENTS)
payments = st.sampled_from(("P-1", "P-2"))
amounts = st.sampled_from((1, 300, 500, 900, 1200, 1500))
fees = st.sampled_from((0, 42, 45))
bearers = st.sampled_from(("OPERATOR", "PLATFORM", "SHARED"))
names = st.sampled_from(("1", "2", "3"))
registers = st.sampled_from((None, 0, 5_000, 15_000, 20_000, 25_000, 30_000))

payment_facts: st.SearchStrategy[Fact] = st.one_of(
    st.builds(captured, moments, amounts, fees, payments),
    st.builds(captured, moments, amounts, fees, payments, st.just("SEK")),
    st.builds(captured, moments, amounts, fees, payments, st.just("EUR"), st.sampled_from(("1", "2"))),
    st.builds(failed, moments, payments),
    st.builds(settled, moments, fees, payments),
    st.builds(refunded, moments, amounts, bearers, names, payments),
    st.builds(refund_failed, moments, names),
    st.builds(disputed, moments, amounts, fees, names, payments),
    st.builds(closed, moments, st.sampled_from(("WON", "LOST")), names),
)
meter_facts: st.SearchStrategy[Fact] = st.one_of(
    st.builds(corrected, moments, registers, st.sampled_from((None, None, 0, 1_000, 30_000))),
    st.builds(ended, st.just("02 11:00"), st.just(20_000), st.just("another end")),
    # Readings arrive late as well; one may fall below what was read or corrected, which suspends the session.
    st.builds(read, st.sampled_from(("02 10:30", "02 10:45", "02 11:00")), st.sampled_from((1_000, 10_000, 15_000))),
)
roaming_facts: st.SearchStrategy[Fact] = st.one_of(
    st.builds(answered, moments, st.booleans(), st.sampled_from((1, 2)), st.sampled_from((PARTNER, "DE-XYZ"))),
    st.builds(invoice_paid, moments, st.sampled_from((1, 2))),
)


def _key(fact: Fact) -> tuple[str, str]:
    return (fact.source, fact.id)


def _histories(others: st.SearchStrategy[Fact], *always: Fact) -> st.SearchStrategy[list[Fact]]:
    """What always happens and up to ten things more, in the order in which they are told."""
    told = st.lists(others, min_size=2, max_size=10, unique_by=_key)
    return told.flatmap(lambda facts: st.permutations([*always, *facts]))


_of_drivers = st.one_of(payment_facts, payment_facts, meter_facts)
_of_partners = st.one_of(roaming_facts, roaming_facts, meter_facts, payment_facts)
driver_histories = st.one_of(
    _histories(_of_drivers, started()),
    _histories(_of_drivers, started(), ended()),
    _histories(_of_drivers, started(), ended(), captured(payment="P-1")),
)
roaming_histories = st.one_of(
    _histories(_of_partners, started(roams=True), ended()),
    _histories(_of_partners, started(roams=True), ended(), answered("02 12:00")),
)
contracts = st.fixed_dictionaries(
    {
        "fund_release": st.sampled_from(("ON_SESSION", "ON_CAPTURE", "ON_SETTLEMENT")),
        "psp_fee_bearer": st.sampled_from(("PLATFORM", "OPERATOR")),
    }
)
terms = st.fixed_dictionaries(
    {"delay_days": st.sampled_from((0, 1, 3)), "cutoff_time": st.sampled_from(("00:00", "03:00"))}
)


def one_by_one(facts: Sequence[Fact], known: Catalogue) -> tuple[Session, list[Decision]]:
    """Learn, decide without a clock, and go on; at last the clock comes."""
    session, made = Session(SESSION), list[Decision]()
    for fact in facts:
        session.learn(fact)
        made += decide(session, known, None).decisions
    return session, made + decide_until(session, known, LATE)


def what_stands(session: Session) -> dict[str, Any]:
    """Everything that must not depend on the order of arrival."""
    releases: dict[str, ShareReleased] = {
        share: release for share, release in session.releases.items() if release.released_at is not None
    }
    return {
        "outcome": session.outcome,
        "bookings": {booking.key: booking for booking in session.standing.bookings()},
        "releases": releases,
        "cdrs": session.issued,
        "documents": session.sent,
        "rejected": session.rejected,
        "findings": {finding.key: finding for finding in session.findings},
    }


def sums(decisions: Sequence[Decision]) -> dict[tuple[str, datetime, str], int]:
    """What the journal of these decisions adds to each account at each effective time."""
    total: dict[tuple[str, datetime, str], int] = defaultdict(int)
    stream = session_stream(SESSION)
    for decision in decisions:
        if isinstance(decision, Booked | Retracted):
            make = entries_of if isinstance(decision, Booked) else mirrors_of
            for entry in make(decision.booking, stream, decision.revision, CAUSE):
                for posting in entry.postings:
                    total[posting.account, entry.effective_at, entry.currency] += posting.amount_minor
    return {place: amount for place, amount in total.items() if amount}


def entry_ids(decisions: Sequence[Decision]) -> list[UUID]:
    stream = session_stream(SESSION)
    return [
        entry.entry_id
        for decision in decisions
        if isinstance(decision, Booked | Retracted)
        for entry in (entries_of if isinstance(decision, Booked) else mirrors_of)(
            decision.booking, stream, decision.revision, CAUSE
        )
    ]


def check(facts: Sequence[Fact], known: Catalogue) -> None:
    session, made = one_by_one(facts, known)
    at_once = decided(sorted(facts, key=in_order), known)
    assert what_stands(session) == what_stands(at_once)
    # What was retracted nets to nothing at its own effective time: the journal says what stands.
    assert sums(made) == sums(list(session.standing))
    assert len(set(entry_ids(made))) == len(entry_ids(made))


@settings(deadline=None)
@given(driver_histories, contracts, terms)
def test_a_drivers_session_comes_out_the_same_in_any_order(
    facts: list[Fact], contract: dict[str, Any], payout: dict[str, Any]
) -> None:
    check(facts, catalogue(operator(payout, **contract)))


@settings(deadline=None)
@given(roaming_histories, st.sampled_from(("ADVANCE", "PAY_WHEN_PAID")), terms)
def test_a_roaming_session_comes_out_the_same_in_any_order(
    facts: list[Fact], funding: str, payout: dict[str, Any]
) -> None:
    check(facts, catalogue(operator(payout), of_partner=partner(funding)))


def ordered(when: str, price: str) -> dict[str, Any]:
    """An order to rate the sessions of March by another price."""
    return {
        **tariff(price),
        "order_id": when,
        "ordered_at": f"{at(when):%Y-%m-%dT%H:%M:%SZ}",
        "started_from": "2026-03-01T00:00:00Z",
        "started_before": "2026-04-01T00:00:00Z",
        "reason": "agreed with the operator",
    }


publications = (
    ("operator.registered", "op", "2026-01-01T00:00:00", operator()),
    ("operator.changed", "op-1", "02 08:00", operator(orphan_hours=30, effective_from="2026-03-02T08:00:00Z")),
    ("operator.changed", "op-2", "02 09:00", operator({"delay_days": 2}, effective_from="2026-03-02T09:00:00Z")),
    ("operator.changed", "op-3", "04 00:00", operator({"delay_days": 5}, effective_from="2026-03-04T00:00:00Z")),
    ("tariff.published", "t", "02 12:00", tariff()),
    ("tariff.published", "t-2", "03 12:00", tariff("0.75")),
    ("partner.registered", "p", "02 09:59", partner()),
    ("tariff.published", "t-abc", "02 09:30", {**tariff("0.60"), "partner": PARTNER}),
    ("tariff.rerating_ordered", "order-1", "03 18:00", ordered("03 18:00", "0.40")),
    ("tariff.rerating_ordered", "order-2", "06 09:00", ordered("06 09:00", "0.70")),
)
catalogues = st.lists(st.sampled_from(publications), unique_by=lambda each: each[1], max_size=len(publications))


def check_among_each_other(
    facts: list[Fact], told: list[tuple[str, str, str, dict[str, Any]]], random: Any, empty: Callable[[], Catalogue]
) -> None:
    """Facts of a session and messages of a catalogue come to the same in any order as with the messages first."""
    late, session = empty(), Session(SESSION)
    made: list[Decision] = []
    steps: list[Any] = [*facts, *told]
    random.shuffle(steps)
    for step in steps:
        if isinstance(step, Fact):
            session.learn(step)
        else:
            type_, id_, time, data = step
            late.publish(type_, "b", id_, at(time), data)
        made += decide(session, late, None).decisions
    made += decide_until(session, late, LATE)
    early = empty()
    for type_, id_, time, data in sorted(told, key=lambda each: at(each[2])):
        early.publish(type_, "b", id_, at(time), data)
    assert what_stands(session) == what_stands(decided(facts, early))
    assert sums(made) == sums(list(session.standing))


@settings(deadline=None)
@given(st.one_of(driver_histories, roaming_histories), catalogues, st.randoms(use_true_random=False))
def test_catalogue_and_facts_may_come_in_any_order_among_each_other(
    facts: list[Fact], told: list[tuple[str, str, str, dict[str, Any]]], random: Any
) -> None:
    check_among_each_other(facts, told, random, Catalogue)


@settings(deadline=None)
@given(driver_histories, contracts)
def test_what_leaves_pending_is_what_became_available(facts: list[Fact], contract: dict[str, Any]) -> None:
    """A released share leaves nothing pending once it has matured; one that was not released stays as a whole."""
    session = decided(facts, catalogue(operator(**contract)))
    standing = list(session.standing)
    pending = sum(amount for (account, _, _), amount in sums(standing).items() if account.startswith("2011/"))
    release = session.releases.get("session")
    if release is not None and release.released_at is not None:
        assert pending == 0


@settings(deadline=None)
@given(driver_histories, contracts, terms)
def test_deciding_again_without_news_decides_nothing(
    facts: list[Fact], contract: dict[str, Any], payout: dict[str, Any]
) -> None:
    known = catalogue(operator(payout, **contract))
    session = decided(facts, known)
    assert decide(session, known, LATE).decisions == ()
    assert decide(session, known, None).decisions == ()


@settings(deadline=None)
@given(driver_histories, contracts)
def test_commission_is_given_back_at_most_once(facts: list[Fact], contract: dict[str, Any]) -> None:
    """Refunds and disputes together never give back more commission or VAT than was taken at the one price."""
    uncorrected = [fact for fact in facts if not isinstance(fact, MeterCorrected)]
    session = decided(uncorrected, catalogue(operator(**contract)))
    assert -100 <= balance(session, "4010") <= 0
    assert -20 <= balance(session, "2110") <= 0


@settings(deadline=None)
@given(driver_histories, contracts)
def test_nothing_is_paid_out_of_refunds_due_that_was_not_put_there(
    facts: list[Fact], contract: dict[str, Any]
) -> None:
    session = decided(facts, catalogue(operator(**contract)))
    assert all(balance(session, f"2080/{payment}") <= 0 for payment in ("P-1", "P-2"))
