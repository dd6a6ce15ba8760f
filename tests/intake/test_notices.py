"""What people are told of payouts, balances and runs: once, with what it means and what to do, and its end."""

import json
from collections.abc import Sequence
from random import Random
from typing import Any

import psycopg
import pytest

from consumers.outgoing import outgoing
from contracts.outgoing import OUTBOUND_MODEL_OF
from domain.book.findings import CURES, FindingKind
from domain.payout import run
from engine.errors import RunsFailed
from ledger.intake.outbox import PendingEvent, pending
from tests.support import aftermath
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import money, operator, session, tariff

# A session of Monday, 2 March 2026, is paid in the first minute of Tuesday.
PAYOUT = aftermath.payout_id("OP-1", "2026-03-02")
HISTORY = [operator(), tariff(), *session("S-1")]
REFUND = aftermath.refunded("R-1", "S-1", "2026-03-03T10:00:00Z", money("5.00"), "OPERATOR")


def told(engine: Engine) -> list[dict[str, Any]]:
    """The data of what is told, checked against the contract, with its time."""
    with psycopg.connect(engine.dsn) as connection, connection.cursor() as cursor:
        rows = [row for row in pending(cursor, 1000) if row.topic == "settlement.notifications"]
    events = [json.loads(outgoing(row).value or b"") for row in rows if isinstance(row, PendingEvent)]
    for each in events:
        OUTBOUND_MODEL_OF[each["type"]].model_validate(each)
    return [each["data"] | {"time": each["time"]} for each in events]


KINDS = ("NEGATIVE_BALANCE", "PAYOUT_AWAITS_APPROVAL", "PAYOUT_UNANSWERED", "RUNS_FAILED", "RUNS_LATE")


def kinds(engine: Engine) -> list[tuple[str, str, str]]:
    """Kind, subject and time of what is told of these findings."""
    return [
        (each["kind"], each["subject"], each["time"])
        for each in told(engine)
        if each["kind"].removesuffix("_ENDED") in KINDS
    ]


def test_a_payout_that_waits_for_approval_is_told_once_with_what_it_means_and_what_to_do(engine: Engine) -> None:
    engine.feed([operator(payout_requires_approval=True), *HISTORY[1:]])
    for until in ("2026-03-03T12:00:00Z", "2026-03-04T12:00:00Z", "2026-03-12T12:00:00Z"):
        engine.advance(until)
    (notice,) = [each for each in told(engine) if each["kind"] == "PAYOUT_AWAITS_APPROVAL"]
    assert len([each for each in kinds(engine) if not each[0].startswith("RUNS_LATE")]) == 1
    assert notice == {
        "kind": "PAYOUT_AWAITS_APPROVAL",
        "subject": PAYOUT,
        "sentence": (
            f"payout {PAYOUT} of operator OP-1 over 10.89 EUR for business date 2026-03-02 waits for approval"
        ),
        "operator_id": "OP-1",
        "cure": CURES[FindingKind.PAYOUT_AWAITS_APPROVAL],
        "time": "2026-03-02T23:00:00Z",
    }
    assert verify(engine.dsn).passed


@pytest.mark.parametrize(
    ("terms", "day", "before", "since"),
    [
        # Thursday begins in Amsterdam.
        ({}, "2026-03-02", "2026-03-04T22:59:00Z", "2026-03-04T23:00:00Z"),
        # Of Thursday, paid on Friday: the weekend does not count.
        ({}, "2026-03-05", "2026-03-09T22:59:00Z", "2026-03-09T23:00:00Z"),
        # Paid on Thursday before Easter: TARGET is closed on Good Friday and on Easter Monday.
        ({}, "2026-04-01", "2026-04-07T21:59:00Z", "2026-04-07T22:00:00Z"),
        # Paid on Friday 24 April: the King's day is none of TARGET and one of the Netherlands.
        ({"payout_holiday_calendar": "NL"}, "2026-04-23", "2026-04-28T21:59:00Z", "2026-04-28T22:00:00Z"),
    ],
)
def test_a_payout_that_nobody_answers_for_two_bank_days_is_told_once_and_over_when_it_is_answered(
    engine: Engine, terms: dict[str, Any], day: str, before: str, since: str
) -> None:
    payout_id = aftermath.payout_id("OP-1", day)
    engine.feed([operator(**terms), tariff(), *session("S-1", day)])
    engine.advance(before)
    assert kinds(engine) == []
    for until in (since, since, f"{since[:11]}23:30:00Z"):
        engine.advance(until)
    assert kinds(engine) == [("PAYOUT_UNANSWERED", payout_id, since)]
    assert verify(engine.dsn).passed
    at = f"{since[:11]}23:40:00Z"
    engine.feed([aftermath.payout_answer("accepted", payout_id, at)])
    assert len(kinds(engine)) == 1
    at = f"{since[:11]}23:45:00Z"
    engine.feed([aftermath.payout_answer("paid", payout_id, at)])
    assert kinds(engine) == [("PAYOUT_UNANSWERED", payout_id, since), ("PAYOUT_UNANSWERED_ENDED", payout_id, at)]
    assert engine.rows("SELECT due_at FROM intake.open_payout") == [(None,)]
    assert verify(engine.dsn).passed


@pytest.mark.parametrize("answer", ["paid", "failed", "returned"])
def test_what_is_answered_in_time_is_never_told(engine: Engine, answer: str) -> None:
    engine.feed([*HISTORY, aftermath.payout_answer(answer, PAYOUT, "2026-03-04T12:00:00Z")])
    engine.advance("2026-03-04T22:00:00Z")
    engine.advance("2026-03-06T12:00:00Z")
    assert not [each for each in kinds(engine) if each[0].startswith("PAYOUT_UNANSWERED")]
    assert verify(engine.dsn).passed


def test_a_balance_below_zero_is_told_once_and_over_when_enough_was_earned_and_told_again_the_next_time(
    engine: Engine,
) -> None:
    engine.feed([*HISTORY, REFUND])
    for until in ("2026-03-03T12:00:00Z", "2026-03-04T12:00:00Z", "2026-03-05T01:00:00Z"):
        engine.advance(until)
    owed = [each for each in told(engine) if each["kind"] == "NEGATIVE_BALANCE"]
    assert [(each["subject"], each["operator_id"], each["time"]) for each in owed] == [
        ("OP-1", "OP-1", "2026-03-03T23:00:00Z")
    ]
    assert owed[0]["sentence"].startswith("operator OP-1 owes 5.00 EUR: all that is due in the run of 2026-03-03 ")
    engine.feed(session("S-2", "2026-03-05"))
    engine.advance("2026-03-06T01:00:00Z")
    again = aftermath.refunded("R-2", "S-2", "2026-03-06T10:00:00Z", money("6.00"), "OPERATOR")
    engine.feed([again])
    engine.advance("2026-03-07T01:00:00Z")
    found = [each for each in kinds(engine) if each[0].startswith("NEGATIVE")]
    assert found == [
        ("NEGATIVE_BALANCE", "OP-1", "2026-03-03T23:00:00Z"),
        ("NEGATIVE_BALANCE_ENDED", "OP-1", "2026-03-05T23:00:00Z"),
        ("NEGATIVE_BALANCE", "OP-1", "2026-03-06T23:00:00Z"),
    ]
    assert verify(engine.dsn).passed


def of_the_second(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same session at a plug of the second operator."""
    begun = {"operator_id": "OP-2", "tariff_id": "T-2"}
    return [each | {"data": each["data"] | begun} if "evse_uid" in each["data"] else each for each in events]


SECOND = operator("OP-2", bank_account={"holder": "Two", "iban": "NL20INGB0001234567"})


@pytest.mark.parametrize("seed", range(4))
def test_a_shuffled_history_tells_the_same_and_a_repeated_one_nothing_more(engine: Engine, seed: int) -> None:
    history = [
        *HISTORY,
        REFUND,
        *session("S-2", "2026-03-05"),
        operator("OP-2", payout_requires_approval=True, bank_account={"holder": "Two", "iban": "NL20INGB0001234567"}),
        tariff("OP-2", "T-2"),
        *of_the_second(session("S-3")),
    ]
    shuffled = Random(seed).sample(history, len(history))
    for first in range(0, len(shuffled), 5):
        engine.feed(shuffled[first : first + 5])
    engine.advance("2026-03-10T12:00:00Z")
    once = kinds(engine)
    approval = aftermath.payout_id("OP-2", "2026-03-02")
    assert sorted(once) == [
        ("NEGATIVE_BALANCE", "OP-1", "2026-03-03T23:00:00Z"),
        ("NEGATIVE_BALANCE_ENDED", "OP-1", "2026-03-05T23:00:00Z"),
        ("PAYOUT_AWAITS_APPROVAL", approval, "2026-03-02T23:00:00Z"),
        ("PAYOUT_UNANSWERED", PAYOUT, "2026-03-04T23:00:00Z"),
        ("PAYOUT_UNANSWERED", aftermath.payout_id("OP-1", "2026-03-05"), "2026-03-09T23:00:00Z"),
    ]
    engine.feed(history)
    engine.advance("2026-03-10T12:00:00Z")
    assert kinds(engine) == once
    assert verify(engine.dsn).passed


# Runs that did not fire -------------------------------------------------------------------------------------------


def network() -> Sequence[dict[str, Any]]:
    """Two operators with a session each."""
    return [*HISTORY, SECOND, tariff("OP-2", "T-2"), *of_the_second(session("S-2"))]


def late(engine: Engine) -> list[tuple[str, str, str]]:
    return [each for each in kinds(engine) if each[0].startswith("RUNS")]


def test_a_clock_that_nobody_ran_is_told_once_for_all_runs_it_missed_and_is_over_when_they_are_made(
    engine: Engine,
) -> None:
    engine.feed(network())
    # The first runs of operators are late by nobody's fault: there was no store before.
    engine.advance("2026-03-05T12:00:00Z")
    engine.advance("2026-03-06T22:59:00Z")
    assert late(engine) == []
    engine.advance("2026-03-10T12:00:00Z")
    assert late(engine) == [
        ("RUNS_LATE", "clock", "2026-03-06T23:00:00Z"),
        ("RUNS_LATE_ENDED", "clock", "2026-03-10T12:00:00Z"),
    ]
    (notice,) = [each for each in told(engine) if each["kind"] == "RUNS_LATE"]
    assert notice["sentence"] == (
        "the clock stood still: 8 runs of 2 operators did not fire at their time, the first for OP-1 and business "
        "date 2026-03-06; they are made as of 2026-03-10T12:00:00Z, each for its own business date"
    )
    engine.advance("2026-03-10T12:00:00Z")
    engine.advance("2026-03-11T12:00:00Z")
    assert len(late(engine)) == 2
    assert verify(engine.dsn).passed


def test_runs_that_break_are_told_once_and_are_no_standstill_and_over_when_they_are_made(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.feed(network())
    engine.advance("2026-03-02T12:00:00Z")
    fire, broken = run._Runs.fire, "OP-1"

    def breaks(runs: Any, day: Any) -> bool:
        if runs.desk.operator_id == broken:
            raise ArithmeticError("a run that breaks")
        return fire(runs, day)

    with monkeypatch.context() as patched:
        patched.setattr(run._Runs, "fire", breaks)
        for day in range(3, 7):
            with pytest.raises(RunsFailed, match=r"OP-1 .ArithmeticError: a run that breaks"):
                engine.advance(f"2026-03-{day:02}T12:00:00Z")
    assert late(engine) == [("RUNS_FAILED", "OP-1", "2026-03-03T12:00:00Z")]
    engine.advance("2026-03-06T13:00:00Z")
    assert late(engine)[1:] == [("RUNS_FAILED_ENDED", "OP-1", "2026-03-06T13:00:00Z")]
    assert verify(engine.dsn).passed


# Stores of before -------------------------------------------------------------------------------------------------


def test_payouts_that_were_made_before_there_were_notices_are_looked_at_once(engine: Engine) -> None:
    engine.feed(HISTORY)
    engine.advance("2026-03-03T12:00:00Z")
    with psycopg.connect(engine.dsn) as connection:
        connection.execute("UPDATE intake.open_payout SET due_at = '1970-01-01T00:00:00Z'")
    engine.advance("2026-03-03T13:00:00Z")
    assert kinds(engine) == []
    engine.advance("2026-03-05T13:00:00Z")
    found = [each for each in kinds(engine) if not each[0].startswith("RUNS_LATE")]
    assert found == [("PAYOUT_UNANSWERED", PAYOUT, "2026-03-04T23:00:00Z")]
