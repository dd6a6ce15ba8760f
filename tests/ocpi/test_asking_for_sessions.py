"""Sessions as a partner asks for them: its own alone, from a date on, in either version; and charging preferences."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from projections.freshness import up_to_date
from projections.roaming.feed import make_all_visible
from tests.conftest import Stores
from tests.ocpi.conftest import OTHER, Platform, serving_ocpi
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff
from tests.support.partner import partner
from tests.support.roaming_sessions import BEGINNING, XYZ, whole

FROM = {"date_from": BEGINNING}
LIKED = {"profile_type": "REGULAR", "departure_time": "2026-03-02T12:00:00Z"}


@pytest.fixture(scope="module")
def asked(stores: Stores) -> Iterator["Asked"]:
    """Three sessions of one partner, at two operators, one of another; and one that its driver pays."""
    with stores() as dsn, closing(Engine(dsn)) as engine:
        second = operator("OP-2", bank_account=OTHER, party_id="TWO", name="Second")
        own = [*whole("S-1"), *whole("S-2")[:-1], *whole("S-3", operator_id="OP-2", tariff_id="T-2")]
        engine.feed([operator(), second, tariff(), tariff("OP-2", "T-2"), *own, *whole("S-4", token=XYZ)])
        engine.feed(session("S-5"))
        make_all_visible(dsn)
        with up_to_date(dsn):
            pass
        with serving_ocpi(dsn) as platform, partner("DE-ABC") as abc, partner("FR-XYZ") as xyz:
            yield Asked(platform, {"DE-ABC": platform.connected(abc), "FR-XYZ": platform.connected(xyz)})


class Asked:
    """What partners are answered."""

    def __init__(self, platform: Platform, tokens: dict[str, str]) -> None:
        self.platform, self.tokens = platform, tokens

    def __call__(self, path: str = "", party: str = "DE-ABC", version: str = "2.2.1", **query: Any) -> httpx.Response:
        return self.platform.ask("GET", f"/{version}/sessions{path}", self.tokens[party], params=FROM | query)

    def put(self, session_id: str, party: str = "DE-ABC", **given: Any) -> httpx.Response:
        path = f"/2.2.1/sessions/{session_id}/charging_preferences"
        return self.platform.ask("PUT", path, self.tokens[party], **({"json": LIKED} | given))


def ids(answer: httpx.Response) -> list[str]:
    assert answer.json()["status_code"] == 1000, answer.text
    found = [each["id"] for each in answer.json()["data"]]
    assert int(answer.headers["x-total-count"]) == len(found)
    return found


def test_each_partner_sees_its_own_alone(asked: "Asked") -> None:
    assert ids(asked()) == ["S-1", "S-2", "S-3"]
    assert ids(asked(party="FR-XYZ")) == ["S-4"]
    headers = {"OCPI-to-country-code": "NL", "OCPI-to-party-id": "TWO"}
    only = asked.platform.ask("GET", "/2.2.1/sessions", asked.tokens["DE-ABC"], params=FROM, headers=headers)
    assert ids(only) == ["S-3"]


def test_both_versions_are_of_one_session(asked: "Asked") -> None:
    older, newer = (asked(version=version).json()["data"] for version in ("2.2.1", "2.3.0"))
    assert [each["status"] for each in older] == ["COMPLETED", "ACTIVE", "COMPLETED"]
    for old, new in zip(older, newer, strict=True):
        assert new["total_cost"]["before_taxes"] == old["total_cost"]["excl_vat"]
        assert {**new, "total_cost": None} == {**old, "total_cost": None}


def test_a_date_is_required(asked: "Asked") -> None:
    answer = asked.platform.ask("GET", "/2.2.1/sessions", asked.tokens["DE-ABC"])
    assert (answer.status_code, answer.json()["status_code"]) == (200, 2001)
    assert "date_from" in answer.json()["status_message"]
    last = asked().json()["data"][-1]["last_updated"]
    assert ids(asked(date_from=last)) == ["S-1", "S-2", "S-3"]
    assert ids(asked(date_from="2100-01-01T00:00:00Z")) == []


def test_versions_list_the_module(asked: "Asked") -> None:
    for version in ("2.2.1", "2.3.0"):
        details = asked.platform.ask("GET", f"/{version}", asked.tokens["DE-ABC"]).json()["data"]
        (found,) = (each for each in details["endpoints"] if each["identifier"] == "sessions")
        assert (found["role"], found["url"]) == ("SENDER", asked.platform.surface.url(f"{version}/sessions"))


def test_charging_preferences_are_not_possible(asked: "Asked") -> None:
    answer = asked.put("s-2")
    assert (answer.status_code, answer.json()["status_code"]) == (200, 1000)
    assert answer.json()["data"] == "NOT_POSSIBLE"
    # Another's, and one that there is not, are told apart by nothing.
    other, none = asked.put("S-4"), asked.put("S-9")
    assert (other.status_code, none.status_code) == (404, 404)
    assert other.json()["status_message"].replace("S-4", "S-9") == none.json()["status_message"]
    assert asked.put("S-2", json={}).json()["status_code"] == 2001
    assert asked.put("S-2", json=[LIKED]).json()["status_code"] == 2001
    broken = asked.put("S-2", json=None, content=b"{", headers={"Content-Type": "application/json"})
    assert broken.status_code == 400


def test_methods_that_there_are_not_are_405(asked: "Asked") -> None:
    for method, path, allowed in (
        ("POST", "/2.2.1/sessions", "GET"),
        ("PUT", "/2.2.1/sessions", "GET"),
        ("GET", "/2.2.1/sessions/S-1/charging_preferences", "PUT"),
        ("DELETE", "/2.3.0/sessions/S-1/charging_preferences", "PUT"),
    ):
        answer = asked.platform.ask(method, path, asked.tokens["DE-ABC"])
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
