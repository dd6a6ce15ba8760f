"""Who should have been told of payouts and operators and was not, and balances that are not the book's, are seen."""

from typing import Any

import psycopg
import pytest

from domain.book.findings import FindingKind
from domain.payout import findings
from domain.payout.payout import Payout
from engine import clock, operator_findings, run_sets
from projections.runner import catch_up
from tests.support import aftermath
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import money, operator, session, tariff

PAYOUT = aftermath.payout_id("OP-1", "2026-03-02")
HISTORY = [operator(), tariff(), *session("S-1")]
REFUND = aftermath.refunded("R-1", "S-1", "2026-03-03T10:00:00Z", money("5.00"), "OPERATOR")
EARNED = session("S-2", "2026-03-05")
UNTIL = "2026-03-07T12:00:00Z"


def failed(engine: Engine) -> set[str]:
    """The checks that fail."""
    return {check.name for check in verify(engine.dsn).failed}


def sentences(engine: Engine) -> list[str]:
    """What failing checks say."""
    return [finding.sentence for check in verify(engine.dsn).failed for finding in check.findings]


def nothing(*_: Any, **__: Any) -> Any:
    """Does nothing and finds nothing."""
    return ()


def test_a_payout_that_waits_for_approval_and_that_nobody_is_told_of(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "_about_status", nothing)
    engine.feed([operator(payout_requires_approval=True), *HISTORY[1:]])
    engine.advance("2026-03-03T12:00:00Z")
    assert failed(engine) == {"payouts_told"}


def test_a_payout_that_is_unanswered_and_that_nobody_is_told_of(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "look_for_answers", lambda *_: 0)
    engine.feed(HISTORY)
    engine.advance("2026-03-04T12:00:00Z")
    assert failed(engine) == set()
    engine.advance(UNTIL)
    assert failed(engine) == {"payouts_told"}
    assert sentences(engine) == [
        f"payout {PAYOUT} should be answered by 2026-03-05, the clock has been beyond that, and nobody is told"
    ]


@pytest.mark.parametrize("bank_days", [1, 3])
def test_people_who_are_told_too_early_or_too_late(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, bank_days: int
) -> None:
    monkeypatch.setattr(findings, "UNANSWERED_BANK_DAYS", bank_days)
    engine.feed(HISTORY)
    engine.advance(UNTIL)
    assert failed(engine) == {"payouts_told"}


def test_a_payout_that_was_answered_and_is_told_to_be_unanswered(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def all_that_was(payout: Payout) -> Any:
        return [each for each in payout.findings if each.kind is FindingKind.PAYOUT_UNANSWERED]

    engine.feed(HISTORY)
    engine.advance(UNTIL)
    assert failed(engine) == set()
    monkeypatch.setattr(findings, "_about_status", all_that_was)
    engine.feed([aftermath.payout_answer("paid", PAYOUT, "2026-03-07T13:00:00Z")])
    assert failed(engine) == {"payouts_told"}
    assert sentences(engine) == [f"payout {PAYOUT} is PAID, and people are told it is unanswered"]


def test_an_operator_below_zero_that_nobody_is_told_of(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_sets, "find_below_zero", nothing)
    engine.feed([*HISTORY, REFUND])
    engine.advance("2026-03-04T12:00:00Z")
    assert failed(engine) == {"below_zero"}
    assert sentences(engine) == ["operator OP-1 in EUR has -5.00 EUR due since its last run, and nobody is told"]


def test_an_operator_that_has_earned_enough_and_is_told_to_be_below_zero(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.feed([*HISTORY, REFUND])
    engine.advance("2026-03-04T12:00:00Z")
    assert failed(engine) == set()
    monkeypatch.setattr(operator_findings, "owed_by_operator", lambda _id, _below, known: list(known))
    engine.feed(EARNED)
    engine.advance(UNTIL)
    assert failed(engine) == {"below_zero"}


def test_what_comes_after_a_run_is_not_held_against_it(engine: Engine) -> None:
    """Late facts of days that are closed, and releases that move: the next run is the first that knows of them."""
    engine.feed(HISTORY)
    engine.advance("2026-03-06T12:00:00Z")
    engine.feed([REFUND])
    assert failed(engine) == set()
    engine.advance(UNTIL)
    engine.feed([*EARNED, aftermath.refund_failed("R-1", "S-1", "2026-03-03T12:00:00Z")])
    assert failed(engine) == set()
    engine.advance("2026-03-08T12:00:00Z")
    assert failed(engine) == set()


# The read model of balances ---------------------------------------------------------------------------------------


def tamper(engine: Engine, change: str) -> None:
    with psycopg.connect(engine.dsn) as connection:
        connection.execute(f"UPDATE projection.operator_balance_row SET {change}".encode())


@pytest.mark.parametrize(
    "column", ["pending", "available", "reserved", "disputed", "in_transit", "to_fix", "paid_out"]
)
def test_a_balance_that_is_not_the_accounts(engine: Engine, column: str) -> None:
    engine.feed([operator(payout_reserve_percent="10", payout_reserve_days=30), *HISTORY[1:], REFUND, *EARNED])
    engine.feed([aftermath.disputed("D-1", "S-1", "2026-03-04T10:00:00Z", money("3.00"), money("1.00"))])
    engine.feed([aftermath.payout_answer("paid", PAYOUT, "2026-03-04T12:00:00Z")])
    engine.advance(UNTIL)
    catch_up(engine.dsn)
    assert failed(engine) == set()
    tamper(engine, f"{column} = {column} + 1")
    assert failed(engine) == {"operator_balances"}
    (sentence,) = sentences(engine)
    assert sentence.startswith(f"operator OP-1 in EUR: what is {column.replace('_', ' ')} should be ")


def test_a_balance_that_is_missing_or_somebody_elses(engine: Engine) -> None:
    engine.feed(HISTORY)
    engine.advance(UNTIL)
    catch_up(engine.dsn)
    tamper(engine, "operator_id = 'OP-9'")
    assert failed(engine) == {"operator_balances"}
    assert {each.partition(" in ")[0] for each in sentences(engine)} == {"operator OP-1", "operator OP-9"}


def test_balances_that_are_behind_are_no_failure(engine: Engine) -> None:
    engine.feed(HISTORY)
    catch_up(engine.dsn)
    engine.advance(UNTIL)
    assert failed(engine) == set()
