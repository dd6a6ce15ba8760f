"""Tariffs over HTTP: versions with what they rate, and whether one would be accepted."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from domain.session.ratings import read_rating
from ledger.events.codec import read_body
from ledger.intake.tariff_versions import tariff_versions
from projections.documents.tariffs import version_document
from tests.support.surface import Client, serving

TARIFF: dict[str, Any] = {
    "country_code": "NL",
    "party_id": "WAD",
    "id": "T-1",
    "currency": "EUR",
    "elements": [{"price_components": [{"type": "ENERGY", "price": 0.59, "vat": 21.0, "step_size": 1}]}],
    "last_updated": "2026-03-01T00:00:00Z",
}


@pytest.fixture(scope="module")
def client(network_url: str) -> Iterator[Client]:
    with serving(network_url) as client:
        yield client


def rated_by(dsn: str) -> Counter[tuple[str, str]]:
    """How many sessions each version rates, by operator and hash, from the events."""
    latest: dict[str, dict[str, Any]] = {}
    with psycopg.connect(dsn) as connection:
        query = (
            "SELECT topic, state FROM event_store.stored_events "
            "WHERE topic = 'SessionAssessed' ORDER BY notification_id"
        )
        for topic, state in connection.execute(query):
            outcome = read_body(topic, bytes(state))
            latest[outcome["session_id"]] = outcome
    rated = [each for each in latest.values() if each["gross"] is not None]
    return Counter((each["operator_id"], str(read_rating(each["ratings"][-1])["tariff"])) for each in rated)


def test_versions_are_those_of_the_command_with_what_each_rates(client: Client, network_url: str) -> None:
    listed = [*client.walk("/v1/tariffs", limit=3)]
    counted = rated_by(network_url)
    assert counted
    assert {(each["operator_id"], each["hash"]): each["sessions"] for each in listed if each["sessions"]} == counted
    with psycopg.connect(network_url) as connection, connection.cursor() as cursor:
        expected = [version_document(each) for each in tariff_versions(cursor)]
    without = [{name: told for name, told in each.items() if name != "sessions"} for each in listed]
    assert sorted(without, key=json.dumps) == sorted(expected, key=json.dumps)
    version = next(each for each in listed if each["sessions"])
    sessions = [*client.walk("/v1/sessions", tariff_hash=version["hash"], operator_id=version["operator_id"])]
    assert len(sessions) == version["sessions"]


def test_one_tariff_has_all_its_versions_in_either_case(client: Client) -> None:
    listed = [*client.walk("/v1/tariffs")]
    one = listed[0]
    document = client.document(f"/v1/tariffs/{one['operator_id']}/{one['tariff_id'].lower()}")
    own = [
        each for each in listed if (each["operator_id"], each["tariff_id"]) == (one["operator_id"], one["tariff_id"])
    ]
    versions = [{name: told for name, told in each.items() if name != "tariff"} for each in document["versions"]]
    assert sorted(versions, key=str) == sorted(own, key=str)
    assert all(each["tariff"]["id"] == one["tariff_id"] for each in document["versions"])
    assert document["sessions"] == sum(each["sessions"] for each in own)


def test_an_operator_sees_its_own_tariffs(client: Client) -> None:
    own = client.as_("operator:OP-NL")
    assert {each["operator_id"] for each in own.walk("/v1/tariffs")} == {"OP-NL"}
    mine = [each for each in client.walk("/v1/tariffs") if each["operator_id"] == "OP-NL"]
    assert [*own.walk("/v1/tariffs")] == mine
    other = next(each for each in client.walk("/v1/tariffs") if each["operator_id"] != "OP-NL")
    own.document(f"/v1/tariffs/{other['operator_id']}/{other['tariff_id']}", 404)
    assert [*own.walk("/v1/tariffs", operator_id=other["operator_id"])] == []


def lint(client: Client, tariff: Any, status: int = 200) -> Any:
    answer = client.post("/v1/tariffs/lint", json=tariff)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_tariff_is_checked_as_on_arrival_and_not_stored(client: Client) -> None:
    before = client.document("/v1/tariffs", limit=200)["data"]
    assert lint(client, TARIFF)["accepted"] is True
    odd = {**TARIFF, "elements": TARIFF["elements"] * 2}
    warned = lint(client.as_("operator:OP-NL"), odd)
    assert warned["accepted"] is True
    assert warned["warnings"][0].keys() == {"code", "path", "sentence"}
    refused = lint(client, {**TARIFF, "currency": "EURO", "elements": []})
    assert (refused["accepted"], refused["warnings"]) == (False, [])
    assert {each["path"] for each in refused["errors"]} == {"currency", "elements"}
    assert client.document("/v1/tariffs", limit=200)["data"] == before


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"id": NaN}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"[]", "application/json", 422),
        (b"{}", "text/plain", 415),
        (b'{"a":"' + b"x" * (1 << 20) + b'"}', "application/json", 413),
    ],
)
def test_what_is_no_tariff_is_a_problem(client: Client, body: bytes, media_type: str, status: int) -> None:
    answer = client.post("/v1/tariffs/lint", content=body, headers={"Content-Type": media_type})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_deep_and_strange_tariffs_are_answered(client: Client) -> None:
    for tariff in ({}, {**TARIFF, "id": "\u202e"}, {"elements": [None, 1, "x"]}):
        assert lint(client, tariff).keys() == {"accepted", "errors", "warnings"}
    json_type = {"Content-Type": "application/json"}
    for depth in (100, 500, 2_000):
        deep = b'{"elements":[' * depth + b"]}" * depth
        answer = client.post("/v1/tariffs/lint", content=deep, headers=json_type)
        assert answer.status_code in (200, 400, 422), answer.text


def test_roles_without_tariffs_may_not(client: Client) -> None:
    for bearer in ("processor", "admin"):
        assert client.as_(bearer).post("/v1/tariffs/lint", json=TARIFF).status_code == 403
        client.as_(bearer).document("/v1/tariffs", 403)
