"""One site against its limit, over HTTP and on its page: what is in force, its circuits, and its quarter hours."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from contracts.messages import TOPIC_OF
from engine.load.steering import Read, Steering
from projections.freshness import ON_DEMAND
from projections.runner import catch_up
from tests.conftest import Stores
from tests.support.engine import Engine
from tests.support.events import ended, event, metered, operator, started, tariff
from tests.support.surface import Client, serving

SITE = {"operator_id": "OP-1", "location_id": "LOC-1"}
FEED = {"circuit_id": "feed", "max_w": 40_000, "max_a": "63"}
ROW = {
    "circuit_id": "row",
    "parent": "feed",
    "max_a": 32,
    "evse_uids": [{"evse_uid": "EVSE-1", "phases": 3}, {"evse_uid": "EVSE-2", "phases": 1, "voltage_v": 230}],
}


def limit(at: str, reason: str = "GRID", **fields: Any) -> dict[str, Any]:
    data = {"effective_from": at, "circuits": [FEED, ROW], "mode": "MAX_MIN", "reason": reason}
    return event("site.limit_set", "LOC-1", at, {**SITE, **data, **fields}, f"{reason} {at} {sorted(fields)}")


def measured(at: str, import_wh: int) -> dict[str, Any]:
    return event("site.load_measured", "LOC-1", at, {**SITE, "read_at": at, "import_wh": import_wh})


TOLD = [
    *(operator(), operator("OP-2"), tariff()),
    limit("2026-03-02T10:00:00Z", circuits=[{**FEED, "max_w": 90_000}, ROW]),
    limit("2026-03-02T10:05:00Z"),
    # For five minutes of the quarter hour from 10:15 on, and a third of that.
    limit(
        "2026-03-02T10:20:00Z",
        "DIMMED",
        effective_to="2026-03-02T10:25:00Z",
        circuits=[{"circuit_id": "dimmed", "max_w": 10_000}],
    ),
    # Of a site that has nothing else, and of one that another operator has by the same name.
    limit("2026-03-02T10:00:00Z", "TARIFF", location_id="BARE", circuits=[{"circuit_id": "feed", "max_a": 16}]),
    limit("2026-03-02T10:00:00Z", "GRID", location_id="bare", operator_id="OP-2", mode="OFF", circuits=[]),
    *(started(), metered("S-1", "2026-03-02T10:15:00Z", 4_000), metered("S-1", "2026-03-02T10:30:00Z", 15_000)),
    *(measured("2026-03-02T10:15:00Z", 1_000), measured("2026-03-02T10:30:00Z", 12_250)),
    ended(),
]


EVSES = [{"evse_uid": f"EVSE-{number}", "phases": 3} for number in (81, 82)]
# Two cars share 16 A, and the site's meter reads 20, twice.
STEERED = [
    limit(
        "2026-03-02T10:00:00Z",
        location_id="Steered",
        circuits=[{"circuit_id": "main", "max_a": 16, "evse_uids": EVSES}],
    ),
    started("S-81", location_id="STEERED"),
    started("S-82", location_id="STEERED", at="2026-03-02T10:01:00Z"),
    limit(
        "2026-03-02T10:00:00Z",
        location_id="Shared",
        circuits=[{"circuit_id": "hall", "max_a": 10, "evse_uids": [{"evse_uid": "EVSE-83", "phases": 3}]}],
    ),
    started("S-83", location_id="Shared"),
    *(
        event(
            "site.load_measured",
            "Steered",
            at,
            {**SITE, "location_id": "Steered", "read_at": at, "import_wh": wh, "phase_a": [20, 20, 20]},
        )
        for at, wh in (("2026-03-02T10:10:00Z", 2_000), ("2026-03-02T10:10:10Z", 2_040))
    ),
]


def steer(dsn: str) -> None:
    """Have what is told be steered by, as `wattledger load run` does."""
    steering = Steering(dsn, by_events=True)
    steering.own([0], 1, lambda *_: 0)
    for offset, each in enumerate(STEERED):
        steering.take([Read(f"{TOPIC_OF[each['type']]}/0", offset, orjson.dumps(each), ())])
    steering.close()


@pytest.fixture(scope="module")
def client(stores: Stores) -> Iterator[Client]:
    with stores() as dsn:
        engine = Engine(dsn)
        engine.feed([*TOLD, *STEERED])
        engine.close()
        steer(dsn)
        catch_up(dsn, ON_DEMAND)
        with serving(dsn) as client:
            yield client


def test_the_limit_in_force_is_the_latest_of_each_reason_and_its_circuits_are_a_tree(client: Client) -> None:
    found = client.document("/v1/load/loc-1")
    assert (found["operator_id"], found["is_managed"], found["why_not"]) == ("OP-1", True, None)
    (in_force,) = found["limits"]
    assert (in_force["reason"], in_force["effective_from"]) == ("GRID", "2026-03-02T10:05:00Z")
    assert [(each["circuit_id"], each["parent"]) for each in in_force["circuits"]] == [
        ("feed", None),
        ("row", "feed"),
    ]
    assert in_force["circuits"][1]["evse_uids"][1] == {"evse_uid": "EVSE-2", "phases": 1, "voltage_v": "230"}
    # 40 kW, and not 63 A in three phases of 230 V.
    assert found["limit_kw"] == in_force["limit_kw"] == "40"


def test_a_quarter_hour_is_held_against_the_mean_of_what_was_in_force(client: Client) -> None:
    rows = {row["start"][11:16]: row for row in client.walk("/v1/load/LOC-1/quarters", limit=1)}
    # No limit until 10:00, and 63 A of 90 kW until 10:05: 43.47 kW, then 40.
    assert rows["10:00"]["limit_kw"] == "41.156667"
    assert (rows["10:15"]["limit_kw"], rows["10:15"]["measured_kw"], rows["10:15"]["above_kw"]) == ("30", "45", "15")
    assert rows["10:15"]["kw"] == "44"
    assert rows["10:30"]["limit_kw"] == "40"
    assert rows["10:30"]["measured_kw"] is None


def test_a_site_that_is_not_managed_says_so(client: Client) -> None:
    off = client.document("/v1/load/BARE", operator_id="OP-2")
    assert (off["is_managed"], off["limit_kw"], off["limits"][0]["mode"]) == (False, None, "OFF")
    assert "not managed" in off["why_not"]
    # 16 A in three phases of 230 V.
    assert client.document("/v1/load/BARE", operator_id="OP-1")["limit_kw"] == "11.04"


def test_of_several_sites_of_one_name_one_has_to_be_meant(client: Client) -> None:
    refused = client.document("/v1/load/BARE", 400)
    assert refused["errors"][0]["parameter"] == "operator_id"
    client.document("/v1/load/nowhere", 404)
    mine = client.as_("operator:OP-2")
    assert mine.document("/v1/load/BARE")["operator_id"] == "OP-2"
    assert mine.get("/v1/load/BARE", params={"operator_id": "OP-1"}).status_code == 404
    assert mine.get("/v1/load/LOC-1/quarters").status_code == 404


def test_who_gets_what_and_what_was_missed_is_as_the_service_steers(client: Client) -> None:
    found = client.document("/v1/load/steered")
    cars = {car["session_id"]: car for car in found["sessions"]}
    # What is drawn beside them leaves no room.
    assert {(car["limit_a"], car["why"]) for car in cars.values()} == {("0", "PAUSED")}
    assert {car["answer"] for car in cars.values()} == {"WAITING"}
    (missed,) = found["missed"]
    assert (missed["circuit_id"], missed["to"], missed["over_a"]) == ("main", None, "4")
    page = client.get("/load/Steered").text
    assert "there is no room for the least that a car can be told" in page
    assert client.document("/v1/load/shared")["sessions"][0]["why"] == "LIMITED:hall"
    assert "as much as circuit hall has room for" in client.get("/load/shared").text
    assert 'data-kind="miss"' in page
    assert client.as_("operator:OP-2").get("/v1/load/steered").status_code == 404
    assert client.as_("operator:OP-1").document("/v1/load/steered")["sessions"] == found["sessions"]


def test_the_page_shows_the_tree_and_the_limit_as_a_line(client: Client) -> None:
    page = client.get("/load/LOC-1").text
    assert '<path class="limit"' in page
    assert 'data-section="circuits-GRID"' in page
    assert page.index('data-id="feed"') < page.index('data-id="row"')
    assert "EVSE-1 (3), EVSE-2 (1)" in page
    assert "not managed" in client.get("/load/BARE", params={"operator_id": "OP-2"}).text
    assert "/load/LOC-1?operator_id=OP-1" in client.get("/load").text
    assert "/load/LOC-1?operator_id=OP-1" in client.get("/network").text
