"""Costs, demand charges and margins over HTTP and on their page: what they say of the demo agrees with itself."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from projections.freshness import ON_DEMAND
from projections.runner import catch_up
from tests.support.surface import Client, serving

MONTH = "2026-03"
# Each figure is rounded by itself.
ROUNDED = Decimal("0.000001")


@pytest.fixture(scope="module")
def client(network_url: str) -> Iterator[Client]:
    catch_up(network_url, ON_DEMAND)
    with serving(network_url) as client:
        yield client


def test_shares_of_a_month_add_up_to_its_charge_with_those_of_other_load(client: Client) -> None:
    found = client.document("/v1/demand", **{"from": MONTH, "to": MONTH})["data"]
    assert any(month["charge"] != "0.00" for month in found)
    for month in found:
        where = {"location_id": month["location_id"], "month": MONTH}
        shares = list(client.walk("/v1/demand/shares", limit=200, **where))
        assert len(shares) == month["sessions"] > 0
        for method in ("coincident", "energy", "ladder"):
            of_sessions = sum(Decimal(row[method]) for row in shares)
            assert of_sessions + Decimal(month["other_load"][method]) == Decimal(month["charge"])
        rungs = client.document("/v1/demand/ladder", **where)["data"]
        assert rungs[-1]["to_kw"] == month["peak_kw"]
        assert [rung["quarters"] for rung in rungs] == sorted((rung["quarters"] for rung in rungs), reverse=True)
        assert abs(sum(Decimal(rung["cost"]) for rung in rungs) - Decimal(month["charge"])) < Decimal("0.0001")


def test_margins_add_up_and_agree_with_sums_and_shares(client: Client) -> None:
    everything = list(client.walk("/v1/margins", limit=200))
    with_margin = [row for row in everything if row["margin"] is not None]
    assert with_margin
    for row in with_margin:
        costs = ("commission", "provider_fee", "energy_cost", "demand_share")
        left = Decimal(row["net"]) - sum(Decimal(row[name]) for name in costs)
        assert abs(left - Decimal(row["margin"])) <= ROUNDED
    missing = {name for row in everything for name in row["missing"]}
    assert {"ENERGY", "DEMAND"} <= missing
    for by in ("evse", "site", "channel", "month", "operator"):
        sums = list(client.walk("/v1/margins/sums", limit=200, by=by))
        assert sum(row["sessions"] for row in sums) == len(with_margin)
        assert sum(row["without_margin"] for row in sums) == len(everything) - len(with_margin)
        of_all = sum((Decimal(row["margin"] or 0) for row in sums), Decimal())
        assert abs(of_all - sum(Decimal(row["margin"]) for row in with_margin)) <= ROUNDED * len(everything)
    one = with_margin[0]
    (same,) = client.document("/v1/margins", session_id=one["session_id"])["data"]
    assert same == one


def test_costs_are_listed_and_those_in_effect_at_a_moment(client: Client) -> None:
    everything = list(client.walk("/v1/costs", limit=2))
    assert {row["kind"] for row in everything} >= {"ENERGY", "DEMAND", "LEASE"}
    assert [row for row in everything if row["kind"] == "DEMAND"] == client.document("/v1/costs", kind="DEMAND")[
        "data"
    ]
    assert client.document("/v1/costs", at="2020-01-01T00:00:00Z")["data"] == []


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("/v1/demand", {"from": "2026-13"}),
        ("/v1/demand", {"from": "2026-04", "to": "2026-03"}),
        ("/v1/margins", {"from": "2026-03-02", "to": "2026-03-01"}),
        ("/v1/margins", {"to": "soon"}),
        ("/v1/margins/sums", {"by": "colour"}),
        ("/v1/costs", {"kind": "RENT"}),
    ],
)
def test_what_cannot_be_asked_is_refused(client: Client, path: str, wrong: dict[str, Any]) -> None:
    assert client.document(path, 400, **wrong)["errors"][0]["parameter"] in wrong


def test_the_page_shows_the_waterfall_the_ladder_and_each_session(client: Client) -> None:
    found = client.document("/v1/demand", **{"from": MONTH, "to": MONTH})["data"]
    month = next(each for each in found if each["charge"] != "0.00")
    page = client.get("/margins", params={"location_id": month["location_id"]}).text
    assert 'data-section="waterfall"' in page
    assert '<path class="stairs"' in page
    assert f'value="{month["charge"]}"' in page
    assert 'data-field="demand_share"' in page
    session_id = client.document("/v1/margins", location_id=month["location_id"], limit=1)["data"][0]["session_id"]
    shown = client.get(f"/sessions/{session_id}").text
    assert 'data-field="margin"' in shown
    assert client.get("/margins", params={"month": "soon"}).status_code == 400


@pytest.mark.parametrize("path", ["/load", "/load/NL-A7", "/uptime", "/use", "/visibility", "/margins"])
@pytest.mark.parametrize("day", ["soon", "2026-03-25 14:30", "2026-02-30"])
def test_a_page_never_fails_by_a_day_that_is_none(client: Client, path: str, day: str) -> None:
    answer = client.get(path, params={"from": day}, follow_redirects=True)
    assert answer.status_code in (200, 400)


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/v1/load", {"by": "day"}),
        ("/v1/load", {"by": "site"}),
        ("/v1/load/peaks", {}),
        ("/v1/load/left-out", {}),
        ("/v1/load/NL-A7/quarters", {"to": "2026-03-17"}),
        ("/v1/uptime", {}),
        ("/v1/use", {"by": "evse,day"}),
        ("/v1/visibility/unseen", {}),
    ],
)
def test_a_list_page_by_page_is_the_list(client: Client, path: str, asked: dict[str, str]) -> None:
    whole = list(client.walk(path, limit=200, **asked))
    assert list(client.walk(path, limit=7, **asked)) == whole
