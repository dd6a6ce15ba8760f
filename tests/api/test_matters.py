"""Adjustments, write-offs, holds and invoices over HTTP, from what people decided."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from projections.freshness import ON_DEMAND
from projections.runner import catch_up
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff
from tests.support.matters import (
    approved,
    invoiced,
    proposed,
    rejected,
    reserve_held,
    reserve_released,
    write_off_approved,
    write_off_proposed,
)
from tests.support.surface import Client, serving


def told() -> list[dict[str, Any]]:
    """What happened: three adjustments, a write-off, a hold and an invoice of OP-1, an adjustment of OP-2."""
    second = proposed("A-4", at="2026-03-04T12:00:00Z", operator_id="OP-2")
    return [
        operator(),
        tariff(),
        *session(),
        operator("OP-2", bank_account={"holder": "Two", "iban": "NL20INGB0001234567"}),
        proposed(session_id="S-1", attachment_sha256="0" * 64),
        approved(),
        proposed("A-2", at="2026-03-03T12:00:00Z"),
        rejected("A-2", at="2026-03-03T13:00:00Z"),
        proposed("A-3", "4.50", "DEBIT", at="2026-03-03T14:00:00Z"),
        second,
        write_off_proposed(account="1105/S-9"),
        write_off_approved(),
        reserve_held(until="2026-03-06T00:00:00Z"),
        reserve_released(amount="3.00"),
        invoiced(),
    ]


@pytest.fixture(scope="module")
def client(postgres_dsn: str) -> Iterator[Client]:
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE matters_over_http")
    dsn = f"{postgres_dsn.rpartition('/')[0]}/matters_over_http"
    engine = Engine(dsn)
    engine.feed(told())
    engine.advance("2026-03-10T12:00:00Z")
    engine.close()
    catch_up(dsn)
    catch_up(dsn, ON_DEMAND)
    with serving(dsn) as client:
        yield client
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("DROP DATABASE matters_over_http WITH (FORCE)")


def test_an_adjustment_is_shown_with_who_proposed_and_decided_it_and_its_entry(client: Client) -> None:
    found = client.document("/v1/adjustments/A-1")
    entry = client.document(f"/v1/entries/{found['entry_id']}")
    assert (entry["kind"], entry["session_id"]) == ("J45", "S-1")
    del found["entry_id"], found["as_of"]
    assert found == {
        "adjustment_id": "A-1",
        "operator_id": "OP-1",
        "state": "APPROVED",
        "amount": {"amount": "25.00", "currency": "EUR"},
        "direction": "CREDIT",
        "reason_code": "GOODWILL",
        "note": "",
        "session_id": "S-1",
        "attachment_sha256": "0" * 64,
        "proposed_at": "2026-03-02T12:00:00Z",
        "proposed_by": "m.ortega",
        "decided_at": "2026-03-02T13:00:00Z",
        "decided_by": "j.lind",
        "reason": None,
    }


def test_adjustments_are_listed_newest_first_by_operator_and_state(client: Client) -> None:
    def ids(**asked: Any) -> list[str]:
        return [each["adjustment_id"] for each in client.walk("/v1/adjustments", limit=1, **asked)]

    assert ids() == ["A-4", "A-3", "A-2", "A-1"]
    assert ids(operator_id="OP-1", state="PROPOSED") == ["A-3"]
    client.document("/v1/adjustments/A-9", 404)


def test_a_write_off_names_its_account(client: Client) -> None:
    (found,) = client.walk("/v1/write-offs")
    assert (found["account"], found["operator_id"], found["state"]) == ("1105/S-9", None, "APPROVED")
    assert client.document("/v1/write-offs/W-1")["decided_by"] == "j.lind"


def test_a_hold_has_its_trail_of_releases(client: Client) -> None:
    (found,) = client.walk("/v1/operators/OP-1/holds")
    assert (found["state"], found["left"]["amount"]) == ("RELEASED", "0.00")
    trail = [(each["at"], each["amount"]["amount"], each["by"]) for each in found["releases"]]
    assert trail == [("2026-03-03T12:00:00Z", "3.00", "m.ortega"), ("2026-03-06T00:00:00Z", "5.00", None)]


def test_an_invoice_says_what_of_it_is_earned(client: Client) -> None:
    (found,) = client.walk("/v1/operators/OP-1/saas-invoices")
    assert (found["amount"]["amount"], found["recognised"]["amount"], found["netting"]) == ("3.63", "0.00", True)


def test_an_operator_sees_what_is_held_of_its_own_and_no_adjustments(client: Client) -> None:
    own, other = client.as_("operator:OP-1"), client.as_("operator:OP-2")
    assert len(own.document("/v1/operators/OP-1/holds")["data"]) == 1
    other.document("/v1/operators/OP-1/holds", 404)
    other.document("/v1/operators/OP-1/saas-invoices", 404)
    own.document("/v1/adjustments", 403)
    own.document("/v1/write-offs", 403)


def test_the_payout_shows_what_was_adjusted_and_held_and_its_session_says_so(client: Client) -> None:
    (payout,) = client.walk("/v1/payouts", operator_id="OP-1", business_date="2026-03-02")
    steps = client.document(f"/v1/payouts/{payout['payout_id']}/waterfall")["steps"]
    shown = {step["code"]: step["amount"] for step in steps}
    assert (shown["ADJUSTMENTS"], shown["RESERVE_HELD"], shown["OTHER"]) == ("25.00", "-8.00", "-3.63")
    timeline = client.document("/v1/sessions/S-1/timeline")["data"]
    assert "J45" in [each["type"] for each in timeline]


def test_the_page_shows_the_same(client: Client) -> None:
    page = client.get("/adjustments", headers={"Accept": "text/html"}).text
    assert all(f'data-id="A-{number}"' in page for number in (1, 2, 3, 4))
