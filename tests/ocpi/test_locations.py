"""Locations and tariffs over OCPI: live status, each partner's tariffs, and what cannot be sent."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx
import pytest

from ledger.database import Role, connect
from projections.freshness import up_to_date
from projections.roaming.feed import RoamingFeed, make_all_visible
from tests.conftest import Stores
from tests.ocpi.conftest import OTHER, Platform, serving_ocpi
from tests.support.anew import make_anew
from tests.support.engine import Engine
from tests.support.events import EPOCH, event, operator, tariff
from tests.support.partner import partner

LATER = datetime(2026, 6, 1, tzinfo=UTC)
CONNECTOR = {
    "id": "1",
    "standard": "IEC_62196_T2",
    "format": "CABLE",
    "power_type": "AC_3_PHASE",
    "max_voltage": 230,
    "max_amperage": 32,
}


def location(location_id: str = "LOC-1", operator_id: str = "OP-1", *, time: str = EPOCH, **fields: Any) -> Any:
    """A location with two EVSEs, each with one connector."""
    evses = [
        {"uid": f"{location_id}-E{number}", "connectors": [CONNECTOR | {"tariff_ids": ["T-1", "T-ABC", "T-NONE"]}]}
        for number in (1, 2)
    ]
    document = {
        "id": location_id,
        "publish": True,
        "address": "Keizersgracht 1",
        "city": "Amsterdam",
        "country": "NLD",
        "coordinates": {"latitude": "52.370216", "longitude": "4.895168"},
        "evses": evses,
    }
    data = {"operator_id": operator_id, "location": {k: v for k, v in (document | fields).items() if v is not ...}}
    return event("location.published", f"{operator_id}:{location_id}", time, data)


def status(evse_uid: str, value: str, at: str, operator_id: str = "OP-1", location_id: str = "LOC-1") -> Any:
    data = {
        "operator_id": operator_id,
        "location_id": location_id,
        "evse_uid": evse_uid,
        "status": value,
        "at": at,
    }
    return event("charging.charger.status_changed", evse_uid, at, data)


def given(partner_: str, tariff_id: str) -> Any:
    """A tariff for one partner alone."""
    made = tariff(tariff_id=tariff_id)
    return made | {"id": f"{tariff_id}:{partner_}", "data": made["data"] | {"partner": partner_}}


@pytest.fixture
def roaming(stores: Stores) -> Iterator[tuple[Engine, Platform, dict[str, str]]]:
    """Two operators, a location and tariffs, and two partners."""
    with stores() as dsn, closing(Engine(dsn)) as engine:
        second = operator("OP-2", bank_account=OTHER, party_id="TWO", name="Second")
        engine.feed([operator(), second, tariff(), given("DE-ABC", "T-ABC"), location()])
        make_all_visible(dsn)
        with up_to_date(dsn):
            pass
        with serving_ocpi(dsn) as platform, partner("DE-ABC") as abc, partner("FR-XYZ") as xyz:
            yield engine, platform, {"DE-ABC": platform.connected(abc), "FR-XYZ": platform.connected(xyz)}


Roaming = tuple[Engine, Platform, dict[str, str]]


def told(roaming: Roaming, *events: Any) -> int:
    """Feed events, and make visible what comes of them: how many objects."""
    engine, _, _ = roaming
    engine.feed(events)
    return make_all_visible(engine.dsn)


def asked(roaming: Roaming, path: str, party: str = "DE-ABC", **query: Any) -> httpx.Response:
    _, platform, tokens = roaming
    return platform.ask("GET", f"/2.2.1/{path}", tokens[party], params=query)


def data(roaming: Roaming, path: str, party: str = "DE-ABC", **query: Any) -> Any:
    answer = asked(roaming, path, party, **query)
    assert (answer.status_code, answer.json()["status_code"]) == (200, 1000), answer.text
    return answer.json()["data"]


def test_each_partner_sees_the_tariffs_that_it_can_have(roaming: Roaming) -> None:
    assert [each["id"] for each in data(roaming, "tariffs")] == ["T-1", "T-ABC"]
    assert [each["id"] for each in data(roaming, "tariffs", "FR-XYZ")] == ["T-1"]
    assert asked(roaming, "tariffs", "FR-XYZ").headers["x-total-count"] == "1"

    def named(party: str) -> list[str]:
        (found,) = data(roaming, "locations", party)
        return [name for evse in found["evses"] for each in evse["connectors"] for name in each["tariff_ids"]]

    assert named("DE-ABC") == ["T-1", "T-ABC"] * 2
    assert named("FR-XYZ") == ["T-1"] * 2
    assert asked(roaming, "locations").headers["x-total-count"] == "1"


def test_a_location_belongs_to_its_operator(roaming: Roaming) -> None:
    (found,) = data(roaming, "locations")
    assert (found["country_code"], found["party_id"], found["time_zone"]) == ("NL", "GRL", "Europe/Amsterdam")
    (tariff_,) = (each for each in data(roaming, "tariffs") if each["id"] == "T-1")
    assert (tariff_["country_code"], tariff_["party_id"]) == ("NL", "GRL")


def test_a_status_is_seen_and_moves_its_parents_alone(roaming: Roaming) -> None:
    (before,) = data(roaming, "locations")
    assert [each["status"] for each in before["evses"]] == ["UNKNOWN", "UNKNOWN"]
    told(roaming, status("LOC-1-e1", "CHARGING", "2026-03-02T10:00:00Z"))
    (after,) = data(roaming, "locations")
    assert [each["status"] for each in after["evses"]] == ["CHARGING", "UNKNOWN"]
    assert after["last_updated"] > before["last_updated"]
    first, second = after["evses"]
    assert first["last_updated"] == after["last_updated"]
    assert first["connectors"] == before["evses"][0]["connectors"]
    assert second == before["evses"][1]
    assert [each["id"] for each in data(roaming, "locations", date_from=after["last_updated"])] == ["LOC-1"]


def beat(evse_uid: str, at: str, interval_s: int = 900) -> Any:
    data = {"operator_id": "OP-1", "location_id": "LOC-1", "evse_uid": evse_uid, "at": at, "interval_s": interval_s}
    return event("charging.charger.heartbeat", evse_uid, at, data)


def test_an_evse_that_is_silent_is_unknown_by_the_clock_alone_until_it_is_heard_again(roaming: Roaming) -> None:
    engine = roaming[0]
    ten = datetime(2026, 3, 2, 10, tzinfo=UTC)
    engine.feed([status("LOC-1-E1", "AVAILABLE", "2026-03-02T09:59:00Z"), beat("LOC-1-e1", "2026-03-02T10:00:00Z")])
    with connect(engine.dsn, Role.PROJECTOR, autocommit=True) as connection:
        feed = RoamingFeed()

        def seen(minutes: float) -> list[str]:
            """The statuses that are seen so many minutes after ten."""
            feed.catch_up(connection, ten + timedelta(minutes=minutes))
            (found,) = data(roaming, "locations")
            return [each["status"] for each in found["evses"]]

        # Three intervals are not too long; the other one has no heartbeats, and is not watched.
        assert seen(45) == ["AVAILABLE", "UNKNOWN"]
        assert seen(45.01) == ["UNKNOWN", "UNKNOWN"]
        engine.feed([beat("LOC-1-E1", "2026-03-02T10:50:00Z")])
        assert seen(51) == ["AVAILABLE", "UNKNOWN"]
        # A status is a sign of life, too; one that is not there is not silent.
        engine.feed([status("LOC-1-E1", "CHARGING", "2026-03-02T11:20:00Z")])
        assert seen(120) == ["CHARGING", "UNKNOWN"]
        assert seen(125.01) == ["UNKNOWN", "UNKNOWN"]
        engine.feed([status("LOC-1-E1", "PLANNED", "2026-03-02T12:10:00Z")])
        assert seen(600) == ["PLANNED", "UNKNOWN"]


def test_the_newest_status_counts_in_whatever_order_they_come(roaming: Roaming) -> None:
    steps = [
        status("LOC-1-E1", value, f"2026-03-02T1{hour}:00:00Z")
        for hour, value in enumerate(("AVAILABLE", "CHARGING", "BLOCKED", "OUTOFORDER"))
    ]
    for seed in range(3):
        Random(seed).shuffle(steps)
        for each in steps:
            told(roaming, each)
        assert data(roaming, "locations/LOC-1/LOC-1-E1")["status"] == "OUTOFORDER"


def test_what_is_the_same_stays_as_it_is(roaming: Roaming) -> None:
    engine, *_ = roaming
    told(roaming, status("LOC-1-E1", "CHARGING", "2026-03-02T10:00:00Z"))
    before = data(roaming, "locations"), data(roaming, "tariffs")
    assert told(roaming, status("LOC-1-E1", "CHARGING", "2026-03-02T11:00:00Z")) == 0
    assert told(roaming, location(time="2026-03-03T00:00:00Z")) == 0
    make_anew(engine.dsn)
    assert make_all_visible(engine.dsn) == 0
    assert (data(roaming, "locations"), data(roaming, "tariffs")) == before


def test_single_objects_are_found_in_any_case(roaming: Roaming) -> None:
    (whole,) = data(roaming, "locations")
    assert data(roaming, "locations/loc-1") == whole
    assert data(roaming, "locations/LOC-1/LOC-1-E2/") == whole["evses"][1]
    assert data(roaming, "locations/LOC-1/LOC-1-E2/1") == whole["evses"][1]["connectors"][0]
    for path in ("locations/LOC-2", "locations/LOC-1/E9", "locations/LOC-1/LOC-1-E2/9"):
        answer = asked(roaming, path)
        assert (answer.status_code, answer.json()["status_code"]) == (404, 2003)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"city": ...}, "city"),
        ({"coordinates": ...}, "coordinates"),
        ({"publish": ...}, "publish"),
        ({"publish": False}, "private"),
        ({"evses": [{"uid": "E", "connectors": [CONNECTOR | {"max_voltage": None}]}]}, "max_voltage of connector 1"),
        ({"evses": [{"uid": "E"}]}, "connectors of EVSE E"),
    ],
)
def test_what_lacks_something_is_withheld_with_the_reason(roaming: Roaming, fields: dict[str, Any], why: str) -> None:
    engine, *_ = roaming
    told(roaming, location("LOC-2", **fields))
    assert [each["id"] for each in data(roaming, "locations")] == ["LOC-1"]
    ((reason,),) = engine.rows("SELECT reason FROM roaming.withheld")
    assert why in reason
    told(roaming, location("LOC-2", time="2026-03-05T00:00:00Z"))
    assert [each["id"] for each in data(roaming, "locations")] == ["LOC-1", "LOC-2"]
    assert engine.rows("SELECT FROM roaming.withheld") == []


def test_what_comes_before_its_operator_waits_for_it(roaming: Roaming) -> None:
    told(roaming, location("LOC-3", "OP-3"), tariff("OP-3", "T-3"))
    assert [each["id"] for each in data(roaming, "locations")] == ["LOC-1"]
    told(roaming, operator("OP-3", bank_account=OTHER, party_id="THR"))
    assert [(each["id"], each["party_id"]) for each in data(roaming, "locations")] == [
        ("LOC-1", "GRL"),
        ("LOC-3", "THR"),
    ]
    assert "T-3" in [each["id"] for each in data(roaming, "tariffs")]


def test_a_version_takes_effect_by_the_clock(roaming: Roaming) -> None:
    engine, *_ = roaming
    later = tariff(time="2026-03-02T00:00:00Z", price=0.9)
    later["data"]["effective_from"] = "2030-01-01T00:00:00Z"
    engine.feed([later])

    def price() -> float:
        (found,) = (each for each in data(roaming, "tariffs") if each["id"] == "T-1")
        return float(found["elements"][0]["price_components"][0]["price"])

    make_all_visible(engine.dsn, LATER)
    assert price() == 0.5
    make_all_visible(engine.dsn, datetime(2030, 1, 1, tzinfo=UTC))
    assert price() == 0.9
