"""Shares that are split: every payee has its part, in its own time, and bears its part of what is taken back."""

from typing import Any

import orjson
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.runner import catch_up
from tests.audit.forgery import unguarded
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import (
    TOKEN,
    captured,
    cdr_answer,
    corrected,
    ended,
    event,
    money,
    operator,
    partner,
    started,
    tariff,
)

# 20 kWh cost 10.00 and 2.10 VAT; the commission is 1.00 and 0.21, so that the share is 10.89.
SPLITS = [
    {"operator_id": "HOST", "role": "site host", "percent": "12.5"},
    {"operator_id": "INV", "role": "investor", "percent": "33.3333"},
]
UNTIL = "2026-03-10T00:00:00Z"
HOST, INV = operator("HOST", payout_delay_days=2), operator("INV")
OWNER = operator(splits=SPLITS)


def account(engine: Engine, code: str, *operator_ids: str) -> list[int]:
    """What operators are owed on the accounts of a code, in cents."""
    found = engine.balances()
    return [-found.get(f"{code}/{each} EUR", 0) for each in operator_ids]


def paid(engine: Engine) -> dict[str, int]:
    """What each operator was paid in all, in cents."""
    rows = engine.rows(
        "SELECT convert_from(state, 'UTF8')::json ->> 'operator_id', "
        "sum((convert_from(state, 'UTF8')::json ->> 'amount')::int) "
        "FROM event_store.stored_events WHERE topic = 'PayoutCreated' GROUP BY 1 ORDER BY 1"
    )
    return {operator_id: int(amount) for operator_id, amount in rows}


def opened(engine: Engine) -> list[tuple[Any, ...]]:
    """Findings about payees that were ever opened: kind, payee and amount."""
    return engine.rows(
        "SELECT body ->> 'kind', body ->> 'subject', (body ->> 'amount')::int FROM event_store.stored_events, "
        "LATERAL (SELECT convert_from(state, 'UTF8')::json -> 'finding' AS body) AS found "
        "WHERE topic = 'FindingOpened' AND body ->> 'kind' LIKE 'PAYEE%' ORDER BY notification_id"
    )


def refunded(amount: str, at: str = "2026-03-04T09:00:00Z", borne_by: str = "OPERATOR") -> dict[str, Any]:
    data = {
        "refund_id": f"R-{at}",
        "payment_id": "P-S-1",
        "session_id": "S-1",
        "amount": money(amount),
        "refunded_at": at,
        "borne_by": borne_by,
    }
    return event("payment.refunded", "S-1", at, data)


def disputed(amount: str = "12.10") -> list[dict[str, Any]]:
    named = {"dispute_id": "D-1", "payment_id": "P-S-1", "session_id": "S-1"}
    opened = named | {"amount": money(amount), "fee": money("15.00"), "opened_at": "2026-03-04T09:00:00Z"}
    closed = named | {"outcome": "LOST", "closed_at": "2026-03-05T09:00:00Z"}
    return [
        event("payment.disputed", "S-1", "2026-03-04T09:00:00Z", opened),
        event("payment.dispute_closed", "S-1", "2026-03-05T09:00:00Z", closed),
    ]


def capture() -> dict[str, Any]:
    return captured(payment_id="P-S-1")


def test_parts_are_released_with_the_share_and_wait_as_the_payees_terms_say(engine: Engine) -> None:
    engine.feed([OWNER, HOST, INV, tariff(), started(), ended(), capture()])
    assert account(engine, "2011", "OP-1", "HOST", "INV") == [590, 136, 363]
    engine.advance("2026-03-03T12:00:00Z")
    assert account(engine, "2011", "OP-1", "HOST", "INV") == [0, 136, 0]
    assert paid(engine) == {"INV": 363, "OP-1": 590}
    engine.advance(UNTIL)
    assert paid(engine) == {"HOST": 136, "INV": 363, "OP-1": 590}
    # With the read models: balances, lines of accounts, payouts and where cash stands.
    catch_up(engine.dsn)
    assert verify(engine.dsn).failed == ()


def test_a_payee_that_nobody_registered_loses_nothing_and_is_paid_once_it_is(engine: Engine) -> None:
    engine.feed([OWNER, INV, tariff(), started(), ended(), capture()])
    engine.advance("2026-03-05T00:00:00Z")
    assert account(engine, "2011", "HOST") == [136]
    assert opened(engine) == [("PAYEE_UNKNOWN", "HOST", 136)]
    assert verify(engine.dsn).passed
    engine.feed([HOST])
    engine.advance(UNTIL)
    assert paid(engine)["HOST"] == 136
    assert verify(engine.dsn).passed


@pytest.mark.parametrize(
    ("facts", "share"),
    [
        ([refunded("3.00")], 789),
        ([refunded("3.00", borne_by="SHARED")], 819),
        ([refunded("12.10", borne_by="SHARED")], 0),
        (disputed(), 0),
        (disputed("6.05"), 544),
        ([corrected("S-1", "2026-03-04T08:00:00Z", 10_000)], 544),
    ],
)
def test_each_payee_ends_as_if_it_had_been_so_from_the_start(engine: Engine, facts: list[Any], share: int) -> None:
    engine.feed([OWNER, HOST, INV, tariff(), started(), ended(), capture(), *facts])
    engine.advance("2026-03-03T12:00:00Z")
    engine.advance(UNTIL)
    assert verify(engine.dsn).passed
    left = {each: account(engine, "2010", each)[0] + paid(engine).get(each, 0) for each in ("OP-1", "HOST", "INV")}
    assert sum(left.values()) == share
    assert left["HOST"] in (round(share * 0.125), int(share * 0.125) + 1, int(share * 0.125))


def test_what_went_back_before_there_was_a_bill_is_borne_with_it(engine: Engine) -> None:
    early = captured(at="2026-03-02T10:30:00Z", payment_id="P-S-1")
    engine.feed([OWNER, HOST, INV, tariff(), started(), ended(), early, refunded("3.00", "2026-03-02T10:45:00Z")])
    assert verify(engine.dsn).passed
    parts = engine.rows(
        "SELECT account, -sum(amount_minor)::int FROM book.entry JOIN book.posting USING (entry_id) "
        "WHERE kind = 'J07' GROUP BY account ORDER BY account"
    )
    # Of 10.89 less 3.00.
    assert parts == [("2011/HOST", 99), ("2011/INV", 263), ("2011/OP-1", -362)]


def test_a_cdr_that_is_credited_takes_the_parts_with_it(engine: Engine) -> None:
    roaming = started(token=TOKEN)
    facts = [OWNER, HOST, INV, partner(funding="ADVANCE"), tariff(), roaming, ended()]
    engine.feed(facts)
    engine.advance("2026-03-02T12:00:00Z")
    engine.feed([cdr_answer("S-1", "2026-03-02T13:00:00Z", accepted=True)])
    assert account(engine, "2011", "OP-1", "HOST", "INV") == [590, 136, 363]
    engine.advance("2026-03-03T12:00:00Z")
    engine.feed([corrected("S-1", "2026-03-04T08:00:00Z", 10_000)])
    engine.advance("2026-03-04T12:00:00Z")
    engine.feed([cdr_answer("S-1", "2026-03-04T13:00:00Z", accepted=True, number=2)])
    engine.advance(UNTIL)
    catch_up(engine.dsn)
    assert verify(engine.dsn).passed
    left = {each: account(engine, "2010", each)[0] + paid(engine).get(each, 0) for each in ("OP-1", "HOST", "INV")}
    assert left == {"OP-1": 295, "HOST": 68, "INV": 181}


@pytest.mark.parametrize("changed", [("amount", "401"), ("parts, 0, 1", "137"), ("parts, 0, 2", "true")])
def test_a_part_that_is_changed_in_its_event_is_found(engine: Engine, changed: tuple[str, str]) -> None:
    engine.feed([OWNER, HOST, INV, tariff(), started(), ended(), capture()])
    engine.advance("2026-03-02T12:00:00Z")
    path, value = changed
    statement = (
        f"UPDATE event_store.stored_events SET state = convert_to(jsonb_set(convert_from(state, 'UTF8')::jsonb, "
        f"'{{booking, {path}}}', '{value}')::text, 'UTF8') WHERE topic = 'Booked.ShareSplit'"
    )
    with psycopg.connect(engine.dsn) as connection, unguarded(connection, "event_store.stored_events"):
        connection.execute(statement.encode())
    failed = {check.name for check in verify(engine.dsn).failed}
    assert failed >= ({"splits"} if path == "parts, 0, 1" else {"journal"})


FACTS = [OWNER, HOST, INV, tariff(), started(), ended(), capture(), refunded("3.00"), *disputed("6.05")]


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(len(FACTS))))
def test_in_any_order_of_arrival_parts_are_the_same(engine: Engine, order: list[int]) -> None:
    number = engine.rows("SELECT count(*) FROM intake.session_head")[0][0]
    text = orjson.dumps([FACTS[place] for place in order]).decode().replace('"S-1"', f'"S-{number}"')
    for name in ("P-S-1", "D-1", "OP-1", "HOST", "INV", "T-1"):
        text = text.replace(f'"{name}"', f'"{name}.{number}"')
    facts = orjson.loads(text)
    for fact in facts:
        fact["id"] = f"{fact['id']}:{number}"
        engine.feed([fact])
    engine.advance(UNTIL)
    names = [f"{each}.{number}" for each in ("OP-1", "HOST", "INV")]
    left = [account(engine, "2010", each)[0] + paid(engine).get(each, 0) for each in names]
    assert left == [132, 31, 81]
    assert verify(engine.dsn).passed
