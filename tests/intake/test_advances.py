"""Operators that are paid when a session ends are paid ahead of its driver: how far, and what is shown of it."""

import json
from typing import Any

import psycopg
import pytest

from domain.calendar import END
from engine.advances import Ahead, advances_now
from ledger.intake.ahead import sessions_ahead
from tests.support.engine import Engine
from tests.support.events import captured, ended, event, operator, started, tariff
from wattledger.cli import main

PAYOUTS = """
SELECT convert_from(state, 'UTF8')::jsonb ->> 'business_date', (convert_from(state, 'UTF8')::jsonb ->> 'amount')::int
FROM event_store.stored_events WHERE topic = 'PayoutCreated' ORDER BY 1
"""
# Of 12.10 that a session of 20 kWh costs, less 10 % of the net and 21 % VAT on it.
SHARE = 1210 - 121


def session(number: int, day: int) -> list[dict[str, Any]]:
    """A session of an hour from ten on, on a day of March."""
    head = f"2026-03-{day:02}T"
    return [started(f"S-{number}", f"{head}10:00:00Z"), ended(f"S-{number}", f"{head}11:00:00Z")]


def shown(engine: Engine) -> dict[tuple[str, str], Ahead]:
    with psycopg.connect(engine.dsn) as connection, connection.cursor() as cursor:
        return advances_now(cursor, sessions_ahead(cursor, END))


def test_without_a_limit_an_operator_is_paid_ahead_and_it_shows_until_the_drivers_pay(engine: Engine) -> None:
    engine.feed([operator(fund_release="ON_SESSION"), tariff(), *session(1, 2), *session(2, 3)])
    engine.advance("2026-03-03T12:00:00Z")
    assert shown(engine) == {("OP-1", "EUR"): Ahead(2 * SHARE, SHARE)}
    engine.feed([captured("S-1", "2026-03-04T08:00:00Z"), captured("S-2", "2026-03-04T08:00:00Z", amount="8.00")])
    assert shown(engine) == {("OP-1", "EUR"): Ahead(SHARE - 800, 0)}
    engine.advance("2026-03-05T12:00:00Z")
    assert shown(engine) == {("OP-1", "EUR"): Ahead(SHARE - 800, SHARE - 800)}


@pytest.mark.parametrize("calls", ["one", "two"])
def test_sessions_above_the_limit_are_carried_until_drivers_pay_also_when_all_is_known_before(
    engine: Engine, calls: str
) -> None:
    limited = operator(fund_release="ON_SESSION", advance_limit="15.00")
    beginning = [limited, tariff(), *session(1, 2), *session(2, 2), *session(3, 2)]
    later = [captured("S-1", "2026-03-05T08:00:00Z"), captured("S-2", "2026-03-07T08:00:00Z")]
    engine.feed(beginning)
    if calls == "two":
        engine.advance("2026-03-04T00:00:00Z")
        assert engine.rows(PAYOUTS) == [("2026-03-02", SHARE)]
    engine.feed(later)
    engine.advance("2026-03-10T00:00:00Z")
    assert engine.rows(PAYOUTS) == [("2026-03-02", SHARE), ("2026-03-05", SHARE), ("2026-03-07", SHARE)]


def test_sessions_that_were_captured_in_time_are_paid_whatever_the_limit_is(engine: Engine) -> None:
    paid = [captured(f"S-{number}", "2026-03-02T11:05:00Z") for number in (1, 2)]
    engine.feed(
        [operator(fund_release="ON_SESSION", advance_limit="0.00"), tariff(), *session(1, 2), *session(2, 2), *paid]
    )
    engine.advance("2026-03-04T00:00:00Z")
    assert engine.rows(PAYOUTS) == [("2026-03-02", 2 * SHARE)]
    assert engine.rows("SELECT count(*) FROM intake.session_head WHERE ahead_until IS NOT NULL") == [(0,)]


def test_a_session_whose_payment_failed_is_the_operators_and_no_advance(engine: Engine) -> None:
    failed = event(
        "payment.failed",
        "P-S-1",
        "2026-03-02T12:00:00Z",
        {"payment_id": "P-S-1", "session_id": "S-1", "failed_at": "2026-03-02T12:00:00Z", "reason": "declined"},
    )
    engine.feed([operator(fund_release="ON_SESSION"), tariff(), *session(1, 2), failed])
    assert shown(engine) == {}


@pytest.mark.parametrize("release", ["ON_CAPTURE", "ON_SETTLEMENT"])
def test_operators_that_wait_for_the_drivers_are_never_ahead(engine: Engine, release: str) -> None:
    engine.feed([operator(fund_release=release), tariff(), *session(1, 2), captured("S-1", amount="12.10")])
    engine.advance("2026-03-05T12:00:00Z")
    assert shown(engine) == {}


def test_the_command_shows_balances_with_what_is_ahead(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", engine.dsn)
    engine.feed([operator(fund_release="ON_SESSION"), tariff(), *session(1, 2), *session(2, 3)])
    engine.advance("2026-03-03T12:00:00Z")
    assert main(["balances", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["advance"], row["advance_paid"], row["available"]) == ("21.78", "10.89", "10.89")
    assert main(["balances"]) == 0
    assert "advance_paid" in capsys.readouterr().out
