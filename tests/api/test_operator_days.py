"""Business dates of an operator over HTTP: what those to come may pay, and why one that is over paid nothing."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.projections.test_forecast import paid_alike
from tests.support.engine import Engine
from tests.support.surface import Client, serving


@pytest.fixture(scope="module")
def client(network_url: str) -> Iterator[Client]:
    with serving(network_url) as client:
        yield client


def test_days_to_come_are_told_to_their_operator_as_to_everybody(engine: Engine) -> None:
    paid_alike(engine)
    with serving(engine.dsn) as client:
        own = client.as_("operator:OP-1")
        told = own.document("/v1/operators/OP-1/forecast", days=7)
        assert told["data"] == client.document("/v1/operators/OP-1/forecast", days=7)["data"]
        closed = date.fromisoformat(client.document("/v1/operators/OP-1/payout-day")["business_date"])
        assert client.as_("operator:OP-2").document("/v1/operators/OP-1/forecast", 404)["status"] == 404
        assert client.document("/v1/operators/OP-1/forecast", 400, days=29)["errors"][0]["parameter"] == "days"
    days = [date.fromisoformat(each["business_date"]) for each in told["data"]]
    assert days == [closed + timedelta(days=ahead) for ahead in range(1, 8)]
    assert {(each["expected"], each["low"], each["high"], each["released"]) for each in told["data"]} == {
        ("10.89", "10.89", "10.89", "0.00")
    }


def test_a_day_without_payout_adds_up_and_is_told_to_its_operator_alone(client: Client) -> None:
    own = client.as_("operator:OP-NL")
    without = 0
    for number in range(1, 31):
        day = f"2026-03-{number:02}"
        told = own.document("/v1/operators/OP-NL/payout-day", date=day)
        assert told == client.document("/v1/operators/OP-NL/payout-day", date=day)
        payouts = client.document("/v1/payouts", operator_id="OP-NL", business_date=day)["data"]
        assert {each["payout_id"] for each in told["payouts"]} == {each["payout_id"] for each in payouts}
        assert {each["currency"] for each in told["payouts"]}.isdisjoint(
            {each["currency"] for each in told["nothing_paid"]}
        )
        for each in told["nothing_paid"]:
            without += 1
            assert sum(Decimal(sum_["amount"]) for sum_ in each["excluded"]) == Decimal(each["payable_before"])
    assert without
    assert own.document("/v1/operators/OP-DE/payout-day", 404)["status"] == 404
    assert (
        client.document("/v1/operators/OP-NL/payout-day", 400, date="yesterday")["errors"][0]["parameter"] == "date"
    )
