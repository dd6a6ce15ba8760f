"""Runs that leave out what they should pay, or pay it later than agreed, are seen by `verify`."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from domain.catalogue import parties
from domain.payout import amounts
from domain.payout.lines import Line
from tests.audit.test_run_amounts import misread
from tests.intake.test_run_terms import days
from tests.support.audited import verify
from tests.support.engine import Engine

TERMS: dict[str, Any] = {"max_carry_days": 1, "payout_minimum": "12.00", "payout_reserve_percent": "5"}


def without_some_lines(patch: pytest.MonkeyPatch) -> None:
    is_due = Line.is_due
    patch.setattr(Line, "is_due", lambda line, *of: line.amount != 1210 and is_due(line, *of))


def twice_the_minimum(patch: pytest.MonkeyPatch) -> None:
    amount_of = amounts.amount_of

    def planted(due: Any, day: Any, at: Any, operator: Any, past: Any) -> Any:
        payout = replace(operator.payout, minimum_minor=2 * operator.payout.minimum_minor)
        return amount_of(due, day, at, replace(operator, payout=payout), past)

    patch.setattr(amounts, "amount_of", planted)


def two_days_more(patch: pytest.MonkeyPatch) -> None:
    read = misread(lambda terms: replace(terms, max_carry_days=(terms.max_carry_days or 0) + 2))
    patch.setattr(parties, "RunTerms", read)


@pytest.mark.parametrize(
    ("plant", "terms"),
    [
        (without_some_lines, {}),
        (twice_the_minimum, {"payout_minimum": "6.00"}),
        (two_days_more, {"payout_minimum": "60.00", "max_carry_days": 1, "payout_reserve_percent": "5"}),
    ],
)
def test_it_is_seen_when_a_run_does_not_pay_what_is_due(
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    plant: Callable[[pytest.MonkeyPatch], None],
    terms: dict[str, Any],
) -> None:
    plant(monkeypatch)
    engine.feed(days(**terms))
    engine.advance("2026-03-12T00:00:00Z")
    assert {check.name for check in verify(engine.dsn).failed} == {"left_out"}


@pytest.mark.parametrize("terms", [{}, {"payout_minimum": "12.00"}, TERMS])
def test_nothing_is_seen_where_runs_carry_by_the_terms(engine: Engine, terms: dict[str, Any]) -> None:
    engine.feed(days(**terms))
    engine.advance("2026-03-12T00:00:00Z")
    assert verify(engine.dsn).passed


def test_a_line_that_the_last_run_read_and_left_out_is_seen_when_runs_are_made_day_by_day(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_some_lines(monkeypatch)
    engine.feed(days())
    for day in range(3, 8):
        engine.advance(f"2026-03-{day:02}T12:00:00Z")
    assert {check.name for check in verify(engine.dsn).failed} == {"left_out"}
