"""The payable lines of an operator: each in one state, with a reason, and what the next run pays of them."""

from typing import Any

import pytest

from domain.money import format_minor
from ledger.database import Role, connect
from projections.documents.operator_lines import next_run_document, operator_line_document
from projections.operator_lines import LineState, desk, operator_lines
from projections.queries import operator_balances
from projections.runner import catch_up
from tests.support.engine import Engine
from tests.support.events import captured, ended, operator, started, tariff

OPERATORS = ("OP-NL", "OP-DE", "OP-GB", "OP-IN", "OP-JP", "OP-SE", "OP-US")


def lines_of(dsn: str, operator_id: str, state: LineState | None = None) -> list[dict[str, Any]]:
    with connect(dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        of = desk(cursor, operator_id)
        assert of is not None
        return [operator_line_document(of, line) for line in operator_lines(cursor, of, state)]


def runs_of(dsn: str, operator_id: str) -> dict[str, dict[str, Any]]:
    with connect(dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        of = desk(cursor, operator_id)
        assert of is not None
        return {currency: next_run_document(of, run) for currency, run in of.runs.items()}


@pytest.mark.parametrize("operator_id", OPERATORS)
def test_every_line_is_in_one_state_and_what_is_not_paid_is_what_is_owed(network_url: str, operator_id: str) -> None:
    everything = lines_of(network_url, operator_id)
    by_state = [line for state in LineState for line in lines_of(network_url, operator_id, state)]
    assert sorted(by_state, key=str) == sorted(everything, key=str)
    assert [(line["effective_at"], line["entry_id"]) for line in everything] == sorted(
        ((line["effective_at"], line["entry_id"]) for line in everything), reverse=True
    )
    assert all(line["reason"] for line in everything)
    with connect(network_url, Role.AUDITOR) as connection, connection.cursor() as cursor:
        (balance,) = operator_balances(cursor, operator_id)
        of = desk(cursor, operator_id)
        assert of is not None
        found = operator_lines(cursor, of)
    unpaid = sum(line.amount for line in found if of.state(line) is not LineState.PAID)
    assert unpaid == balance.pending + balance.available


def test_lines_come_part_by_part(network_url: str) -> None:
    with connect(network_url, Role.AUDITOR) as connection, connection.cursor() as cursor:
        of = desk(cursor, "OP-SE")
        assert of is not None
        for state in (None, *LineState):
            parts, after = [], None
            while part := operator_lines(cursor, of, state, 7, after):
                parts += part
                after = (part[-1].effective_at, part[-1].entry_id)
            assert parts == operator_lines(cursor, of, state)


def one_session(engine: Engine, **terms: Any) -> None:
    """A session of 4.84 gross that is captured on 1 March, and the run of that day."""
    engine.feed([operator(**terms), tariff(), started("S-1", "2026-03-01T08:00:00Z")])
    engine.feed([ended("S-1", "2026-03-01T09:00:00Z"), captured("S-1", "2026-03-01T09:01:00Z", "4.84", "0.10")])
    engine.advance("2026-03-02T12:00:00Z")
    catch_up(engine.dsn)


def test_a_run_that_paid_nothing_says_that_it_is_below_the_minimum(engine: Engine) -> None:
    one_session(engine, payout_minimum="500.00", payout_delay_days=0, fund_release="ON_SESSION")
    assert {line["state"] for line in lines_of(engine.dsn, "OP-1")} == {"PAYABLE"}
    (run,) = runs_of(engine.dsn, "OP-1").values()
    assert (run["pays"], run["reason_code"], run["minimum"]) == ("0.00", "BELOW_MINIMUM", "500.00")
    reasons = {line["reason"] for line in lines_of(engine.dsn, "OP-1")}
    assert reasons == {f"Carried: all that is due comes to {run['due']} EUR, and the minimum is 500.00 EUR"}


def test_a_run_that_paid_nothing_says_that_the_account_cannot_be_one(engine: Engine) -> None:
    bad = {"holder": "Grachtenlader BV", "iban": "NL21INGB0001234567"}
    one_session(engine, bank_account=bad, payout_delay_days=0, fund_release="ON_SESSION")
    assert {line["reason_code"] for line in lines_of(engine.dsn, "OP-1")} == {"HELD"}
    (line, *_) = lines_of(engine.dsn, "OP-1")
    assert line["reason"].startswith("Held: the operator's bank account cannot be one")


def test_what_nothing_has_released_says_what_it_waits_for(engine: Engine) -> None:
    one_session(engine, fund_release="ON_SETTLEMENT")
    (line, *_) = lines_of(engine.dsn, "OP-1", LineState.UNRELEASED)
    assert (line["reason_code"], line["available_on"]) == ("NOT_RELEASED", None)
    assert line["reason"].startswith("The provider has not settled the payment yet")
    assert runs_of(engine.dsn, "OP-1") == {}


def test_what_matures_says_from_when_it_is_available_and_then_what_the_run_pays(engine: Engine) -> None:
    terms = {"payout_delay_days": 3, "fund_release": "ON_SESSION"}
    one_session(engine, **terms, payout_reserve_percent="10", payout_reserve_days=9)
    lines = lines_of(engine.dsn, "OP-1", LineState.MATURING)
    assert {line["available_on"] for line in lines} == {"2026-03-04"}
    assert lines[0]["reason"] == "Available from 2026-03-04: comes with the run of that day"
    engine.advance("2026-03-04T12:00:00Z")
    assert lines_of(engine.dsn, "OP-1", LineState.MATURING) == []
    (run,) = runs_of(engine.dsn, "OP-1").values()
    assert (run["business_date"], run["reason"]) == ("2026-03-04", f"The run of 2026-03-04 pays {run['pays']} EUR")
    engine.advance("2026-03-05T12:00:00Z")
    catch_up(engine.dsn)
    ((amount,),) = engine.rows("SELECT amount FROM projection.payouts")
    assert run["pays"] == format_minor(amount, "EUR")
    assert {line["state"] for line in lines_of(engine.dsn, "OP-1")} == {"PAID"}
