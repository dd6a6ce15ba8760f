"""Optional terms of runs on a real store: what earlier payouts have to do with the next, and the same run by run."""

import json
from typing import Any

import pytest

from tests.support.aftermath import refunded
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import event, money, operator, session, tariff
from wattledger.cli import main

Event = dict[str, Any]
MADE = """
SELECT convert_from(state, 'UTF8')::jsonb - 'entry_ids' FROM event_store.stored_events WHERE topic = 'PayoutCreated'
ORDER BY convert_from(state, 'UTF8')::jsonb ->> 'business_date'
"""
TAX = {"regime": "IN-TCS", "percent": "10", "base": "GROSS", "threshold_year": "20.00"}
# The gross of a session of so many Wh by the default tariff, by day of March: 12.10, 6.05, 24.20, 12.10, 96.80.
WH = {2: 20_000, 3: 10_000, 4: 40_000, 5: 20_000, 6: 160_000}


def days(**terms: Any) -> list[Event]:
    """An operator with terms, and a session on each of five days."""
    sessions = [each for day, wh in WH.items() for each in session(f"S-{day}", f"2026-03-{day:02}", wh)]
    return [operator(**terms), tariff(), *sessions]


def back_and_forth() -> list[Event]:
    """Payouts of 36.30, -10.00 and 36.30 of the gross, taxed: the second pays of a reserve what is above a refund."""
    sessions = [*session("S-1", "2026-03-02", 60_000), *session("S-2", "2026-03-04", 60_000)]
    refund = refunded("R-1", "S-1", "2026-03-03T12:00:00Z", money("10.00"), "OPERATOR")
    terms: dict[str, Any] = {"payout_reserve_percent": "50", "payout_reserve_days": 1, "withholding": [TAX]}
    return [operator(**terms), tariff(), *sessions, refund]


def made(engine: Engine) -> list[dict[str, Any]]:
    return [body for (body,) in engine.rows(MADE)]


def day_by_day(engine: Engine, first: int = 2, last: int = 8) -> None:
    for day in range(first, last):
        engine.advance(f"2026-03-{day:02}T23:30:00Z")


@pytest.mark.parametrize("step", ["at once", "day by day"])
def test_a_yearly_threshold_is_reached_by_all_payouts_of_the_year(engine: Engine, step: str) -> None:
    engine.feed(days(withholding=[TAX]))
    if step == "day by day":
        day_by_day(engine)
    engine.advance("2026-03-08T00:00:00Z")
    assert [(body["tax_bases"], body["withheld"]) for body in made(engine)] == [
        ({"IN-TCS": 1210}, {"IN-TCS": 0}),
        ({"IN-TCS": 605}, {"IN-TCS": 0}),
        ({"IN-TCS": 2420}, {"IN-TCS": 224}),
        ({"IN-TCS": 1210}, {"IN-TCS": 121}),
        ({"IN-TCS": 9680}, {"IN-TCS": 968}),
    ]
    assert engine.balances()["2120/IN-TCS EUR"] == -(224 + 121 + 968)
    assert verify(engine.dsn).passed


@pytest.mark.parametrize("step", ["at once", "day by day"])
def test_what_was_taxed_once_is_not_taxed_again_after_more_went_back_than_came_in(engine: Engine, step: str) -> None:
    engine.feed(back_and_forth())
    if step == "day by day":
        day_by_day(engine)
    engine.advance("2026-03-09T00:30:00Z")
    assert [(body["tax_bases"], body["withheld"]) for body in made(engine)] == [
        ({"IN-TCS": 3630}, {"IN-TCS": 163}),
        ({"IN-TCS": -1000}, {"IN-TCS": 0}),
        ({"IN-TCS": 3630}, {"IN-TCS": 263}),
        ({"IN-TCS": 0}, {"IN-TCS": 0}),
    ]
    assert engine.balances()["2120/IN-TCS EUR"] == -(6260 - 2000) // 10
    assert verify(engine.dsn).passed


@pytest.mark.parametrize("step", ["at once", "day by day"])
def test_what_is_unusual_or_above_a_limit_waits_for_approval(engine: Engine, step: str) -> None:
    engine.feed(days(anomaly_factor=2, payout_limits={"day": "40.00"}))
    if step == "day by day":
        day_by_day(engine)
    engine.advance("2026-03-08T00:00:00Z")
    assert [body["doubts"] for body in made(engine)] == [[], [], ["ANOMALY"], [], ["DAY_LIMIT", "ANOMALY"]]
    assert [body["status"] == "AWAITING_APPROVAL" for body in made(engine)] == [False, False, True, False, True]
    assert verify(engine.dsn).passed


@pytest.mark.parametrize("step", ["at once", "day by day"])
def test_what_is_retained_moves_from_payout_to_payout(engine: Engine, step: str) -> None:
    engine.feed(days(retain="4.00", max_carry_days=3, payout_minimum="8.00"))
    if step == "day by day":
        day_by_day(engine)
        assert engine.balances()["2010/OP-1 EUR"] == -400
    engine.advance("2026-03-20T00:00:00Z")
    shares = [1089, 544, 2178, 1089, 8712]
    amounts = [body["amount"] for body in made(engine)]
    assert sum(amounts) + 400 == sum(shares)
    assert engine.balances()["2010/OP-1 EUR"] == -400
    assert "2020/OP-1 EUR" not in engine.balances()
    assert verify(engine.dsn).passed


def test_terms_that_name_a_regime_twice_or_too_many_decimals_are_refused(engine: Engine) -> None:
    engine.feed(
        [
            operator(withholding=[TAX, TAX]),
            operator(retain="1.234", time="2026-03-01T00:00:01Z"),
            operator(payout_limits={"day": "-1.00"}, time="2026-03-01T00:00:02Z"),
            operator(anomaly_factor=0, time="2026-03-01T00:00:03Z"),
            operator(withholding=[TAX | {"year_start": "02-29"}], time="2026-03-01T00:00:04Z"),
        ]
    )
    assert engine.refusals() == ["BAD_VALUE"] * 5
    assert {path for (path,) in engine.rows("SELECT path FROM intake.deadletter")} == {
        "data.withholding",
        "data.retain",
        "data.payout.limits.day",
        "data.anomaly_factor",
        "data.withholding[0].year_start",
    }


def test_what_came_back_for_its_account_goes_again_with_its_taxes_as_they_were(engine: Engine) -> None:
    engine.feed(days(withholding=[TAX | {"threshold_year": "0.00"}]))
    engine.advance("2026-03-03T00:00:00Z")
    (first,) = made(engine)
    failed = {"payout_id": first["payout_id"], "at": "2026-03-03T08:00:00Z", "reason": "AC04"}
    account = {"holder": "Grachtenlader BV", "iban": "NL20INGB0001234567"}
    again = operator(
        changed=True,
        time="2026-03-03T09:00:00Z",
        withholding=[TAX | {"threshold_year": "0.00"}],
        bank_account=account,
    )
    engine.feed([event("payout.failed", first["payout_id"], "2026-03-03T08:00:00Z", failed), again])
    engine.advance("2026-03-03T23:30:00Z")
    amounts = [(body["attempt"], body["amount"], body["withheld"]) for body in made(engine)]
    assert amounts[:2] == [(1, first["amount"], {"IN-TCS": 121}), (2, first["amount"], {})]
    assert engine.balances()["2120/IN-TCS EUR"] == -(121 + 61)
    assert verify(engine.dsn).passed


def test_the_certificate_of_a_tax_year_has_each_payout_with_its_base_rate_and_the_sums_so_far(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", engine.dsn)
    fiscal = TAX | {"regime": "IN-TDS", "base": "SHARE", "percent": 1, "threshold_year": None, "year_start": "03-04"}
    engine.feed(days(withholding=[TAX, fiscal], limits={"payout": "30.00"}))
    engine.advance("2026-03-08T00:00:00Z")
    assert main(["withholding", "--operator", "OP-1", "--year", "2026", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    columns = ("regime", "business_date", "base", "percent", "withheld", "base_so_far", "withheld_so_far")
    # The payout of the sixth waits for approval: it has withheld nothing yet.
    assert [tuple(row[name] for name in columns) for row in rows] == [
        ("IN-TCS", "2026-03-02", "12.10", "10", "0.00", "12.10", "0.00"),
        ("IN-TCS", "2026-03-03", "6.05", "10", "0.00", "18.15", "0.00"),
        ("IN-TCS", "2026-03-04", "24.20", "10", "2.24", "42.35", "2.24"),
        ("IN-TCS", "2026-03-05", "12.10", "10", "1.21", "54.45", "3.45"),
        ("IN-TDS", "2026-03-04", "21.78", "1", "0.22", "21.78", "0.22"),
        ("IN-TDS", "2026-03-05", "10.89", "1", "0.11", "32.67", "0.33"),
    ]
    assert main(["withholding", "--operator", "OP-1", "--year", "2025", "--csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == ["regime", "IN-TDS", "IN-TDS"]
