"""Rating anew over HTTP: the preview tells what the order then does, and an operator sees its own alone."""

from typing import Any

import orjson
import pytest

from ledger.access.duties import Duty
from tests.support.events import captured, ended, operator, started, tariff
from tests.support.live import Live, act
from tests.support.surface import Client

OPERATOR = "OP-RATE"
SPAN = {"started_from": "2026-03-02T00:00:00Z", "started_before": "2026-03-03T00:00:00Z"}


@pytest.fixture(scope="module")
def finance(system: Live) -> Client:
    system.tell(
        operator(OPERATOR),
        tariff(OPERATOR, "T-OLD"),
        tariff(OPERATOR, "T-NEW", price=0.3),
        started("S-rate", operator_id=OPERATOR, tariff_id="T-OLD"),
        ended("S-rate"),
        captured("S-rate"),
    )
    return system.as_(Duty.FINANCE, acts_for="Rita")


def asked(**more: Any) -> dict[str, Any]:
    return {"operator_id": OPERATOR, **SPAN, "tariff_id": "T-NEW"} | more


def test_the_preview_tells_what_the_order_does(system: Live, finance: Client) -> None:
    answer = finance.post("/v1/rerating-orders/preview", json=asked())
    assert answer.status_code == 200, answer.text
    found = answer.json()
    (session,) = found["sessions"]
    assert (session["session_id"], session["gross"], session["gross_under"]) == ("S-rate", "12.10", "7.26")
    assert found["totals"]["by_an_order"]["gross"] == "7.26"
    ordered = act(finance, "/v1/rerating-orders", asked(reason="announced wrongly"), Prefer="wait=10")
    assert (ordered.status_code, ordered.json()["state"]) == (200, "TAKEN"), ordered.text
    (given,) = finance.document("/v1/rerating-orders")["data"]
    assert given["order_id"] == ordered.json()["action_id"]
    system.seen("/v1/sessions/S-rate", finance, lambda each: "7.26" in orjson.dumps(each).decode())


def test_an_operator_previews_its_own_and_orders_nothing(system: Live, finance: Client) -> None:
    own, other = system.as_(Duty.OPERATOR, OPERATOR), system.as_(Duty.OPERATOR, "OP-ELSE")
    assert own.post("/v1/rerating-orders/preview", json=asked()).status_code == 200
    for who, of in ((other, OPERATOR), (own, "OP-NOBODY")):
        answer = who.post("/v1/rerating-orders/preview", json=asked(operator_id=of))
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not_found")
    assert act(own, "/v1/rerating-orders", asked(reason="x")).status_code == 403
    assert finance.post("/v1/rerating-orders/preview", json=asked(operator_id="OP-NOBODY")).status_code == 404


def test_what_cannot_be_ordered_is_refused_where_it_is_wrong(finance: Client) -> None:
    foreign = tariff(OPERATOR, "T-GBP", currency="GBP")["data"]["tariff"]
    for wrong, pointer in (
        ({"tariff_id": "T-NONE"}, "/tariff_id"),
        ({"tariff_id": None}, "/tariff"),
        ({"tariff": foreign}, "/tariff"),
        ({"tariff_id": None, "tariff": foreign}, ""),
        ({"tariff_id": None, "tariff": {"currency": "EUR"}}, ""),
        ({"started_before": "2026-03-01T00:00:00Z"}, ""),
        ({"started_from": "yesterday"}, "/started_from"),
        ({"taxes": [{"nothing": 1}]}, "/taxes"),
    ):
        answer = finance.post("/v1/rerating-orders/preview", json=asked(**wrong))
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), answer.text
