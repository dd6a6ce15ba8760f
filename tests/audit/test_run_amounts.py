"""Faults in what runs keep, withhold, carry or have approved are planted, and `verify` sees each."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from domain.catalogue import parties, run_terms
from domain.catalogue.run_terms import Limits, RunTerms, TaxYear, WithholdingTerms
from domain.money import percent_of
from domain.payout import amounts, booked
from domain.payout.amounts import Past
from domain.payout.events import PayoutCreated
from tests.intake.test_run_terms import TAX, back_and_forth, days
from tests.support.audited import verify
from tests.support.engine import Engine

TERMS: dict[str, Any] = {
    "retain": "4.00",
    "max_carry_days": 1,
    "payout_minimum": "6.00",
    "payout_reserve_percent": "7.5",
    "payout_reserve_days": 2,
    "limits": {"payout": "60.00", "day": "15.00"},
    "anomaly_factor": 2,
    "withholding": [TAX, {"regime": "IN-TDS", "percent": "0.7", "base": "SHARE", "year_start": "03-04"}],
}


def settled(engine: Engine) -> None:
    engine.feed(days(**TERMS))
    engine.advance("2026-03-12T00:00:00Z")


def failed(engine: Engine) -> set[str]:
    return {check.name for check in verify(engine.dsn).failed}


def misread(change: Callable[[RunTerms], RunTerms]) -> Callable[[dict[str, Any]], RunTerms]:
    """Terms as they are told, but for a change."""
    read = RunTerms.from_data

    class Misread:
        @staticmethod
        def from_data(data: dict[str, Any]) -> RunTerms:
            return change(read(data))

    return Misread  # type: ignore[return-value]


def half_of_the_first_tax(terms: RunTerms) -> RunTerms:
    first, *others = terms.withholding
    return replace(terms, withholding=(replace(first, percent=first.percent / 2), *others))


def without_threshold(terms: RunTerms) -> RunTerms:
    return replace(terms, withholding=tuple(replace(each, threshold=0) for each in terms.withholding))


def years_from_january(terms: RunTerms) -> RunTerms:
    return replace(terms, withholding=tuple(replace(each, year_start=(3, 6)) for each in terms.withholding))


MISREAD = {
    "nothing is retained": lambda terms: replace(terms, retain=0),
    "twice as much is retained": lambda terms: replace(terms, retain=2 * terms.retain),
    "what is below the minimum is paid at once": lambda terms: replace(terms, max_carry_days=-1),
    "a limit a payout is not looked at": lambda terms: replace(terms, limits=Limits(day=terms.limits.day)),
    "a limit a day is not looked at": lambda terms: replace(terms, limits=Limits(payout=terms.limits.payout)),
    "nothing is unusual": lambda terms: replace(terms, anomaly_factor=None),
    "half of a tax": half_of_the_first_tax,
    "a tax from the first cent": without_threshold,
    "another tax year": years_from_january,
    "no tax": lambda terms: replace(terms, withholding=()),
}


def test_the_audit_agrees_with_all_of_these_terms(engine: Engine) -> None:
    settled(engine)
    assert failed(engine) == set()
    doubts = {each for (found,) in engine.rows(DOUBTS) for each in found}
    assert doubts == {"PAYOUT_LIMIT", "DAY_LIMIT", "ANOMALY"}


DOUBTS = """
SELECT convert_from(state, 'UTF8')::jsonb -> 'doubts' FROM event_store.stored_events WHERE topic = 'PayoutCreated'
"""


@pytest.mark.parametrize("fault", MISREAD)
def test_it_is_seen_when_terms_are_misread(engine: Engine, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    monkeypatch.setattr(parties, "RunTerms", misread(MISREAD[fault]))
    settled(engine)
    assert "run_amounts" in failed(engine)


def without_taxes(created: PayoutCreated, at: Any) -> Iterator[Any]:
    return (each for each in KEPT_BACK(created, at) if type(each).__name__ != "TaxWithheld")


def without_giving_back(created: PayoutCreated, at: Any) -> Iterator[Any]:
    return (each for each in KEPT_BACK(created, at) if type(each).__name__ != "ReserveReleased")


KEPT_BACK = booked._kept_back


@pytest.mark.parametrize(
    ("fault", "checks"),
    [(without_taxes, {"payouts", "payout_sums"}), (without_giving_back, {"payouts"})],
)
def test_it_is_seen_when_what_a_payout_keeps_is_not_on_the_book(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, fault: Callable[..., Any], checks: set[str]
) -> None:
    monkeypatch.setattr(booked, "_kept_back", fault)
    settled(engine)
    assert checks <= failed(engine)


def test_it_is_seen_when_a_tax_is_rounded_down(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_terms, "round_half_up", int)
    settled(engine)
    assert failed(engine) == {"run_amounts"}


def taxed_as_a_difference(terms: WithholdingTerms, year: TaxYear, base: int) -> int:
    """A tax that forgets, after a base below zero, what was taxed before it."""
    above = max(0, year.base + base - terms.threshold) - max(0, year.base - terms.threshold)
    return max(0, percent_of(above, terms.percent))


def test_it_is_seen_when_the_same_base_is_taxed_twice(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WithholdingTerms, "tax", taxed_as_a_difference)
    engine.feed(back_and_forth())
    engine.advance("2026-03-12T00:00:00Z")
    assert failed(engine) == {"run_amounts"}


def test_it_is_seen_when_a_reserve_is_taken_of_what_was_given_back(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    due_of = amounts.due_of
    monkeypatch.setattr(amounts, "due_of", lambda *of: replace(due_of(*of), earned=due_of(*of).total))
    settled(engine)
    assert failed(engine) == {"run_amounts"}


def test_it_is_seen_when_earlier_payouts_are_forgotten(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Past, "take", lambda *_: None)
    settled(engine)
    assert "run_amounts" in failed(engine)
