"""Cash over HTTP: movements, what is owed, days to cash, by day and session by session; lines and the next run."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest

from tests.support.cash import fold
from tests.support.surface import Client, serving

SPAN = {"from": "2026-03-20T00:00:00Z", "to": "2026-03-27T06:30:00Z"}


@pytest.fixture(scope="module")
def client(network_url: str) -> Iterator[Client]:
    with serving(network_url) as client:
        yield client


def test_what_moved_in_a_span_is_as_the_journal_has_it(client: Client, network_url: str) -> None:
    since, before = (datetime.fromisoformat(SPAN[name]) for name in ("from", "to"))
    cash = fold(network_url)
    rows = client.document("/v1/cash", **SPAN)["data"]
    assert len(rows) == 7
    for row in rows:
        decimals = 0 if row["currency"] == "JPY" else 2
        wanted = cash.movement(row["operator_id"], row["currency"], since, before)
        assert {name: int(Decimal(row[name]).scaleb(decimals)) for name in wanted} == wanted


def test_what_is_owed_is_split_as_balances_are_on_both_axes(client: Client) -> None:
    for moment in ({}, {"effective_at": "2026-03-25T23:59:59Z"}):
        for row in client.document("/v1/cash", **moment)["data"]:
            (balance,) = client.document(f"/v1/operators/{row['operator_id']}/balances", **moment)["data"]
            assert row["owed"] == {name: balance[name] for name in row["owed"]}


def test_an_effective_time_ends_the_span_inclusively(client: Client) -> None:
    ended = client.document("/v1/cash", effective_at="2026-03-26T09:00:00Z")["data"]
    before = client.document("/v1/cash", to="2026-03-26T09:00:00.000001Z")["data"]
    assert [row["paid"] for row in ended] == [row["paid"] for row in before]
    assert ended != client.document("/v1/cash")["data"]


def test_days_to_cash_are_those_that_were_measured(client: Client) -> None:
    rows = {row["operator_id"]: row["days_to_cash"] for row in client.walk("/v1/cash", limit=2)}
    assert {name: rows[name]["median"] for name in ("OP-NL", "OP-DE", "OP-GB")} == {
        "OP-NL": 2.6,
        "OP-DE": 1.8,
        "OP-GB": 0.7,
    }
    assert sum(rows["OP-NL"]["parts"].values()) == pytest.approx(rows["OP-NL"]["mean"], abs=0.03)
    assert len([*client.walk("/v1/cash/sessions", limit=200, operator_id="OP-NL")]) == rows["OP-NL"]["count"]


def test_days_add_up_to_the_span(client: Client) -> None:
    days = [*client.walk("/v1/cash/days", limit=9, time_zone="Europe/Amsterdam", currency="EUR", **SPAN)]
    rows = client.document("/v1/cash", currency="EUR", **SPAN)["data"]
    for name in ("earned", "paid"):
        assert sum(Decimal(day[name]) for day in days) == sum(Decimal(row[name]) for row in rows)


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("/v1/cash", {"from": "2026-03-27T00:00:00Z", "to": "2026-03-20T00:00:00Z"}),
        ("/v1/cash", {"from": "yesterday"}),
        ("/v1/cash/days", {"time_zone": "Mars/Olympus"}),
        ("/v1/operators/OP-NL/lines", {"state": "LOST"}),
    ],
)
def test_what_cannot_be_asked_is_refused(client: Client, path: str, wrong: dict[str, str]) -> None:
    assert client.document(path, 400, **wrong)["errors"][0]["parameter"] in wrong


def test_sessions_leave_as_a_file_with_all_their_parts(client: Client) -> None:
    text = client.get("/v1/cash/sessions", params={"format": "csv", "operator_id": "OP-GB"}).text
    rows = [*csv.DictReader(StringIO(text))]
    listed = [*client.walk("/v1/cash/sessions", operator_id="OP-GB", limit=20)]
    assert [row["session_id"] for row in rows] == [each["session_id"] for each in listed]
    for row in rows:
        parts = [float(row[name]) for name in ("to_capture", "to_settlement", "to_release", "to_run", "to_bank")]
        assert sum(parts) == pytest.approx(float(row["seconds"]))


def test_lines_that_are_not_paid_are_what_is_owed_and_say_why(client: Client) -> None:
    lines = [*client.walk("/v1/operators/OP-NL/lines", limit=50)]
    (balance,) = client.document("/v1/operators/OP-NL/balances")["data"]
    unpaid = [line for line in lines if line["state"] != "PAID"]
    assert sum(Decimal(line["amount"]) for line in unpaid) == Decimal(balance["pending"]) + Decimal(
        balance["available"]
    )
    assert all(line["reason"] for line in lines)
    by_state: list[Any] = []
    for state in ("UNRELEASED", "MATURING", "PAYABLE", "SET_ASIDE", "PAID"):
        by_state += client.walk("/v1/operators/OP-NL/lines", limit=30, state=state)
    assert sorted(by_state, key=str) == sorted(lines, key=str)


def test_the_next_payout_is_the_sum_of_what_is_payable(client: Client) -> None:
    for operator_id in ("OP-NL", "OP-SE", "OP-DE"):
        told = client.document(f"/v1/operators/{operator_id}/next-payout")
        payable = [*client.walk(f"/v1/operators/{operator_id}/lines", limit=200, state="PAYABLE")]
        for run in told["data"]:
            own = [Decimal(line["amount"]) for line in payable if line["currency"] == run["currency"]]
            assert (sum(own), len(own)) == (Decimal(run["due"]), run["lines"])
            assert datetime.fromisoformat(run["fires_at"]) > datetime(2026, 3, 31, tzinfo=UTC)


def test_an_operator_sees_its_own_cash_and_lines_alone(client: Client) -> None:
    own = client.as_("operator:OP-NL")
    rows = client.document("/v1/cash", operator_id="OP-NL", **SPAN)["data"]
    assert own.document("/v1/cash", **SPAN)["data"] == rows
    assert own.document("/v1/cash", operator_id="OP-DE")["data"] == []
    assert {each["operator_id"] for each in own.walk("/v1/cash/sessions", limit=200)} == {"OP-NL"}
    days = client.document("/v1/cash/days", operator_id="OP-NL", limit=200)["data"]
    assert own.document("/v1/cash/days", limit=200)["data"] == days
    lines = [*client.walk("/v1/operators/OP-NL/lines", limit=200)]
    assert [*own.walk("/v1/operators/OP-NL/lines", limit=200)] == lines
    for part in ("lines", "next-payout"):
        assert own.document(f"/v1/operators/OP-DE/{part}", 404)["status"] == 404
        assert client.document(f"/v1/operators/NOBODY/{part}", 404)["status"] == 404
