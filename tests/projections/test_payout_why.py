"""Why a payout is not what the one before was: parts that add up, and sentences."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.database import Role, connect
from projections.documents.payout_why import heading, sentence, why_document
from projections.payout_change import Change, ChangedStep, change
from projections.payout_explained import ExplainedPayout
from projections.payout_explained import explained_payout as payout_of
from projections.payout_steps import Step, WaterfallStep
from projections.payout_why import Cause, Measured, Part, Why, parts_of, why
from projections.runner import catch_up
from tests.intake.test_approvals import created, decided
from tests.support.engine import Engine
from tests.support.events import captured, ended, operator, session, started, tariff
from tests.support.explained import made_payouts

AMOUNTS = st.integers(-(10**9), 10**9)
ENERGIES = st.none() | st.fractions(0, 10**9, max_denominator=1000)
SIDES = st.dictionaries(st.sampled_from(Step), st.tuples(st.integers(0, 500), AMOUNTS, ENERGIES))
GROSS = (Step.GROSS_CARD, Step.GROSS_ROAMING)


def payout(day: str, amount: int, number: int = 1) -> ExplainedPayout:
    fired_at = datetime(2026, 3, 30, 2, tzinfo=UTC)
    return ExplainedPayout(
        f"P-{number}", "OP-1", "EUR", date.fromisoformat(day), 1, amount, 0, "PAID", fired_at, None, number, 1
    )


def steps_of(
    then: Mapping[Step, tuple[int, int, Fraction | None]], now: Mapping[Step, tuple[int, int, Fraction | None]]
) -> tuple[ChangedStep, ...]:
    nothing = (0, 0, None)
    sides = [(step, then.get(step, nothing), now.get(step, nothing)) for step in Step]
    return tuple(
        ChangedStep(step, WaterfallStep(step, before[0], before[1]), WaterfallStep(step, after[0], after[1]))
        for step, before, after in sides
    )


def measured(side: Mapping[Step, tuple[int, int, Fraction | None]]) -> dict[Step, Measured]:
    return {step: Measured(*figures) for step, figures in side.items() if step in GROSS}


@given(SIDES, SIDES)
def test_the_parts_add_up_to_the_difference_whatever_was_paid(
    then: dict[Step, tuple[int, int, Fraction | None]], now: dict[Step, tuple[int, int, Fraction | None]]
) -> None:
    steps = steps_of(then, now)
    parts = parts_of(steps, measured(then), measured(now))
    for step in steps:
        assert sum(part.amount for part in parts if part.step is step.code) == step.amount
    sizes = [abs(part.amount) for part in parts]
    assert sizes == sorted(sizes, reverse=True)
    assert 0 not in sizes
    assert parts == parts_of(tuple(reversed(steps)), measured(then), measured(now))
    assert all(sentence(part, "EUR").endswith(" EUR)") for part in parts)


def test_sessions_are_told_by_their_number_their_energy_and_the_price_of_a_kwh() -> None:
    then, now = {Step.GROSS_CARD: (10, 10_000, Fraction(200_000))}, {Step.GROSS_CARD: (8, 9_680, Fraction(176_000))}
    parts = parts_of(steps_of(then, now), measured(then), measured(now))
    assert [sentence(part, "EUR") for part in parts] == [
        "2 fewer card sessions, 8 against 10 (-20.00 EUR)",
        "a kWh of a card session at 0.5500 on average, 0.5000 before (+8.80 EUR)",
        "22.00 kWh a card session, 20.00 before (+8.00 EUR)",
    ]


@pytest.mark.parametrize(
    ("then", "now", "told"),
    [
        ({}, {Step.RESERVE_HELD: (1, -2_000, None)}, ["the reserve held: 20.00, nothing before (-20.00 EUR)"]),
        ({Step.RESERVE_HELD: (1, -500, None)}, {}, ["the reserve held: nothing, 5.00 before (+5.00 EUR)"]),
        (
            {Step.COMMISSION: (1, -150, None)},
            {Step.COMMISSION: (3, -100, None)},
            ["Commission: -1.00 of 3 entries, -1.50 of 1 entry before (+0.50 EUR)"],
        ),
        ({}, {Step.GROSS_ROAMING: (1, 500, None)}, ["1 roaming session, none before (+5.00 EUR)"]),
        ({Step.GROSS_CARD: (2, 500, None)}, {}, ["no card session, 2 before (-5.00 EUR)"]),
        (
            {Step.GROSS_CARD: (2, 500, None)},
            {Step.GROSS_CARD: (2, 600, Fraction(1000))},
            ["a card session at 3.00 on average, 2.50 before (+1.00 EUR)"],
        ),
    ],
)
def test_what_began_ended_and_changed_is_told_in_words(
    then: dict[Step, tuple[int, int, Fraction | None]],
    now: dict[Step, tuple[int, int, Fraction | None]],
    told: list[str],
) -> None:
    parts = parts_of(steps_of(then, now), measured(then), measured(now))
    assert [sentence(part, "EUR") for part in parts] == told


def test_prices_have_the_digits_of_their_currency_and_two_more() -> None:
    part = Part(Step.GROSS_CARD, Cause.PRICE_OF_KWH, -7, Fraction(50, 3), Fraction(31))
    assert sentence(part, "JPY") == "a kWh of a card session at 31.00 on average, 16.67 before (-7 JPY)"


def test_the_day_that_is_compared_is_named() -> None:
    now, before = payout("2026-03-21", 21_939, 2), payout("2026-03-20", 18_740)
    assert heading(Why(Change(now, before, ()), ())) == (
        "219.39 EUR of Saturday 2026-03-21: 31.99 more than that of Friday 2026-03-20, the payout before"
    )
    assert heading(Why(Change(before, now, ()), ())).startswith(
        "187.40 EUR of Friday 2026-03-20: 31.99 less than that"
    )
    assert "as much as" in heading(Why(Change(now, now, ()), ()))
    assert heading(Why(Change(now, None, ()), ())) == (
        "219.39 EUR of Saturday 2026-03-21: the first payout of OP-1 in EUR"
    )


def test_every_payout_of_the_network_says_why_to_the_cent(network_url: str) -> None:
    with connect(network_url, Role.AUDITOR) as connection, connection.cursor() as cursor:
        found = [payout_of(cursor, body["payout_id"]) for _, body in made_payouts(network_url)]
        documents = [why_document(why(cursor, change(cursor, each))) for each in found if each]
    assert len(documents) > 70
    for document in documents:
        assert sum(Decimal(part["amount"]) for part in document["parts"]) == Decimal(document["change"])
        assert document["sentences"][1:] == [part["sentence"] for part in document["parts"]]
    causes = {part["cause"] for document in documents for part in document["parts"]}
    assert causes >= {"SESSIONS", "ENERGY", "PRICE_OF_KWH", "AMOUNT"}


def test_counts_and_energy_are_those_of_the_sessions_paid(engine: Engine) -> None:
    events = [operator("OP-1"), tariff("OP-1")]
    for number, day in enumerate(["03", "03", "03", "04"]):
        session_id, morning = f"S-{number}", f"2026-03-{day}T08:00:00Z"
        events += [
            started(session_id, morning),
            ended(session_id, f"2026-03-{day}T08:30:00Z"),
            captured(session_id, f"2026-03-{day}T08:31:00Z"),
        ]
    engine.feed(events)
    engine.advance("2026-03-12T12:00:00Z")
    assert [each["sessions"] for each in _gross(engine)] == [3, 1]


def _gross(engine: Engine) -> list[dict[str, int]]:
    catch_up(engine.dsn)
    with connect(engine.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        found = [payout_of(cursor, body["payout_id"]) for _, body in made_payouts(engine.dsn)]
        told = [why(cursor, change(cursor, each)) for each in found if each]
    sessions = [part for each in told for part in each.parts if part.cause is Cause.SESSIONS]
    return [{"sessions": int(part.now)} for part in sessions]


def test_a_payout_that_somebody_rejected_is_no_measure_for_those_after_it(engine: Engine) -> None:
    week = [
        each for number in range(2, 5) for each in session(f"S-{number}", f"2026-03-{number:02}", number * 10_000)
    ]
    engine.feed([operator(time_zone="UTC", payout_requires_approval=True), tariff(), *week])
    engine.advance("2026-03-04T00:00:00Z")
    engine.feed([decided("approved", created(engine, "02"), "04 09:00")])
    engine.feed([decided("rejected", created(engine, "03"), "04 09:30")])
    engine.advance("2026-03-05T00:00:00Z")
    first, rejected, last = _changes(engine)
    assert (first.before, rejected.payout.status) == (None, "REJECTED")
    assert rejected.before == first.payout
    # Its session is paid with that of the day after, and both are more than the day before it had.
    assert last.before == first.payout
    assert last.payout.amount - first.payout.amount == sum(step.amount for step in last.steps)
    gross = next(step for step in last.steps if step.code is Step.GROSS_CARD)
    assert (gross.before.entries, gross.now.entries) == (1, 2)


def test_a_payout_is_compared_with_another_once_the_one_before_it_is_rejected(engine: Engine) -> None:
    engine.feed([operator(time_zone="UTC", payout_requires_approval=True), tariff()])
    engine.feed([each for day in ("02", "03", "04") for each in session(f"S-{day}", f"2026-03-{day}")])
    engine.advance("2026-03-05T00:00:00Z")
    days = [each.before and each.before.business_date.day for each in _changes(engine)]
    assert days == [None, 2, 3]
    engine.feed([decided("rejected", created(engine, "03"), "05 09:30")])
    days = [each.before and each.before.business_date.day for each in _changes(engine)]
    assert days == [None, 2, 2]


def test_the_first_payout_that_nobody_rejected_is_the_first(engine: Engine) -> None:
    engine.feed([operator(time_zone="UTC", payout_requires_approval=True), tariff(), *session()])
    engine.advance("2026-03-03T00:00:00Z")
    engine.feed([decided("rejected", created(engine, "02"), "03 09:30")])
    engine.advance("2026-03-04T00:00:00Z")
    _, last = _changes(engine)
    assert last.before is None
    assert heading(Why(last, ())) == "10.89 EUR of Tuesday 2026-03-03: the first payout of OP-1 in EUR"


def _changes(engine: Engine) -> list[Change]:
    """What changed with each payout, by business date."""
    catch_up(engine.dsn)
    with connect(engine.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        ids = [body["payout_id"] for _, body in made_payouts(engine.dsn)]
        found = [each for each in (payout_of(cursor, payout_id) for payout_id in ids) if each]
        return [change(cursor, each) for each in sorted(found, key=lambda each: each.business_date)]
