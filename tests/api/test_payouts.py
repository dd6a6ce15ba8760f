"""Payouts over HTTP: the list, one of them, and one explained; what a decision names, and nobody's but one's own."""

import csv
import hashlib
import json
from collections.abc import Iterator
from decimal import Decimal
from io import StringIO
from typing import Any

import orjson
import psycopg
import pytest

from tests.support.surface import Client, serving

_MADE = "SELECT state FROM event_store.stored_events WHERE topic = 'PayoutCreated'"


@pytest.fixture(scope="module")
def client(network_url: str) -> Iterator[Client]:
    with serving(network_url) as client:
        yield client


@pytest.fixture(scope="module")
def payouts(client: Client) -> list[dict[str, Any]]:
    return [*client.walk("/v1/payouts", limit=200)]


def test_the_latest_come_first_page_by_page(client: Client, payouts: list[dict[str, Any]]) -> None:
    assert len(payouts) > 70
    order = [(each["fired_at"], each["payout_id"]) for each in payouts]
    assert order == sorted(order, reverse=True)
    assert [*client.walk("/v1/payouts", limit=7)] == payouts


@pytest.mark.parametrize(
    "wanted",
    [
        {"operator_id": "OP-NL"},
        {"currency": "EUR", "status": "PAID"},
        {"business_date": "2026-03-21"},
        {"attempt": 2},
        {"operator_id": "OP-NL", "currency": "USD"},
    ],
)
def test_filters_choose_by_equality(client: Client, payouts: list[dict[str, Any]], wanted: dict[str, Any]) -> None:
    chosen = [each for each in payouts if all(each[name] == value for name, value in wanted.items())]
    assert client.get("/v1/payouts", params={**wanted, "limit": 200}).json()["data"] == chosen


@pytest.mark.parametrize("wrong", [{"status": "SENT"}, {"business_date": "21.3.2026"}, {"attempt": 0}])
def test_filters_that_cannot_be_are_refused(client: Client, wrong: dict[str, Any]) -> None:
    answer = client.get("/v1/payouts", params=wrong)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["parameter"] == next(iter(wrong))


def test_the_hash_that_a_decision_names_is_of_what_is_paid_to_whom_and_for_what(
    network_url: str, payouts: list[dict[str, Any]]
) -> None:
    with psycopg.connect(network_url) as connection:
        made = {body["payout_id"]: body for (state,) in connection.execute(_MADE) for body in [orjson.loads(state)]}
    for each in payouts:
        content = {name: each[name] for name in ("payout_id", "operator_id", "currency", "business_date")}
        content |= {"amount": each["amount"], "reserve": each["reserve"], "entry_ids": sorted(each["entry_ids"])}
        content["bank_account"] = made[each["payout_id"]]["bank_account"]
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert each["content_hash"] == hashlib.sha256(text.encode()).hexdigest()
    assert {each["approvals_needed"] for each in payouts if each["status"] == "AWAITING_APPROVAL"} == {1}


def test_accounts_are_masked(payouts: list[dict[str, Any]]) -> None:
    assert {each["account"] for each in payouts if each["operator_id"] == "OP-NL"} == {"NL** **** **** ..01"}
    assert "iban" not in str(payouts)


def test_a_payout_is_found_with_hyphens_and_without(client: Client, payouts: list[dict[str, Any]]) -> None:
    one = payouts[0]
    for id_ in (one["payout_id"], one["payout_id"].replace("-", "").upper()):
        found = client.document(f"/v1/payouts/{id_}")
        assert {name: found[name] for name in one} == one
    assert client.document("/v1/payouts/none", 404)["type"] == "/problems/not_found"


def test_every_payout_is_explained_and_its_sums_agree(client: Client, payouts: list[dict[str, Any]]) -> None:
    for each in payouts[::5]:
        path, amount = f"/v1/payouts/{each['payout_id']}", Decimal(each["amount"])
        told = [*client.walk(f"{path}/lines", limit=9)]
        assert sum(Decimal(line["amount"]) for line in told) == amount
        assert {line["entry_id"] for line in told if line["entry_id"]} == set(each["entry_ids"])
        steps = client.document(f"{path}/waterfall")
        assert sum(Decimal(step["amount"]) for step in steps["steps"]) == amount
        left = client.document(f"{path}/excluded")
        assert Decimal(left["included"]) - Decimal(left["reserve"]) == amount
        excluded = sum(Decimal(sum_["amount"]) for sum_ in left["excluded"])
        assert Decimal(left["included"]) + excluded == Decimal(left["payable_before"])
        change = client.document(f"{path}/change")
        assert sum(Decimal(step["amount"]) for step in change["steps"]) == Decimal(change["change"])
        assert sum(Decimal(part["amount"]) for part in change["parts"]) == Decimal(change["change"])
        assert change["sentences"][1:] == [part["sentence"] for part in change["parts"]]


def test_expanded_lines_are_those_of_the_list(client: Client, payouts: list[dict[str, Any]]) -> None:
    path = f"/v1/payouts/{payouts[0]['payout_id']}"
    for name in ("lines", "payout.lines"):
        assert client.document(path, expand=name)["lines"] == [*client.walk(f"{path}/lines")]
    assert client.document(path, 400, expand="entries")["errors"][0]["parameter"] == "expand"


def test_lines_leave_as_a_file(client: Client, payouts: list[dict[str, Any]]) -> None:
    path = f"/v1/payouts/{payouts[0]['payout_id']}/lines"
    rows = [*csv.DictReader(StringIO(client.get(path, params={"format": "csv"}).text))]
    assert [row["entry_id"] for row in rows] == [line["entry_id"] for line in client.walk(path)]
    assert sum(Decimal(row["amount"]) for row in rows) == Decimal(payouts[0]["amount"])


def test_another_operators_payout_is_unknown(client: Client, payouts: list[dict[str, Any]]) -> None:
    own = client.as_("operator:OP-NL")
    assert {each["operator_id"] for each in own.walk("/v1/payouts", limit=200)} == {"OP-NL"}
    mine = next(each for each in payouts if each["operator_id"] == "OP-NL")
    other = next(each for each in payouts if each["operator_id"] == "OP-DE")
    for part in ("", "/lines", "/waterfall", "/excluded", "/change"):
        answer = client.document(f"/v1/payouts/{mine['payout_id']}{part}")
        told = own.document(f"/v1/payouts/{mine['payout_id']}{part}")
        answer.pop("as_of"), told.pop("as_of")
        assert told == answer
        assert own.document(f"/v1/payouts/{other['payout_id']}{part}", 404)["status"] == 404


def test_a_processor_reads_payouts_and_not_what_they_are_made_of(
    client: Client, payouts: list[dict[str, Any]]
) -> None:
    processor = client.as_("processor")
    assert processor.document("/v1/payouts", limit=1)["data"] == payouts[:1]
    path = f"/v1/payouts/{payouts[0]['payout_id']}"
    assert processor.document(path)["amount"] == payouts[0]["amount"]
    assert processor.document(f"{path}/excluded", 403)["type"] == "/problems/role_may_not"


def test_each_sum_opens_the_lines_behind_it(client: Client, payouts: list[dict[str, Any]]) -> None:
    for each in payouts[::7]:
        path = f"/v1/payouts/{each['payout_id']}"
        for step in client.document(f"{path}/waterfall")["steps"]:
            lines = [*client.walk(f"{path}/lines", step=step["code"], limit=5)]
            assert sum(Decimal(line["amount"]) for line in lines) == Decimal(step["amount"])
            assert len([line for line in lines if line["entry_id"]]) == step["entries"]
        for left in client.document(f"{path}/excluded")["excluded"]:
            if left["reason"] == "PAID_AGAIN":
                continue
            asked = {
                "reason": left["reason"],
                "available_on": left["available_on"],
                "set_aside_for": left["payout_id"],
            }
            asked = {name: value for name, value in asked.items() if value is not None}
            lines = [*client.walk(f"{path}/excluded/lines", limit=6, **asked)]
            assert sum(Decimal(line["amount"]) for line in lines) == Decimal(left["amount"])
            assert len(lines) == left["entries"]
