"""Findings, dead letters, partners, leakage and orders over HTTP: as the files and the commands have them."""

import csv
import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from domain.calendar import instant
from projections.documents.leakage import leakage_document
from projections.energy import leakage, leaking_sessions
from projections.export import export
from projections.freshness import up_to_date
from tests.intake.test_orders import ordered
from tests.projections.builders import PLATFORM
from tests.support import aftermath
from tests.support.engine import Engine
from tests.support.events import ended, event, started
from tests.support.histories import UNTIL, history
from tests.support.surface import Client, serving


@pytest.fixture(scope="module")
def store(postgres_dsn: str) -> Iterator[Engine]:
    """Two weeks of two operators in which much goes wrong, and records that nobody can read."""
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE breaks")
        engine = Engine(f"{postgres_dsn.rpartition('/')[0]}/breaks")
        told = history(Random(7), 12)
        engine.feed([*(b"not json %d" % number for number in range(5)), *told])
        orders = [
            ordered(0.50, f"2026-03-2{day}T09:00:00Z", "2026-03-01T00:00:00Z", "2026-03-09T00:00:00Z")
            for day in "987"
        ]
        unknown = ordered(0.5, "2026-03-20T09:00:00Z", "2026-03-01T00:00:00Z", "2026-03-09T00:00:00Z")
        unknown["data"] = unknown["data"] | {"operator_id": "OP-NOBODY", "order_id": str(uuid4())}
        open_sessions = [started("S-OPEN"), ended("S-ENDED-ONLY"), started("S-OPEN-2")]
        engine.feed([*orders, unknown | {"id": "order-of-nobody"}, *open_sessions])
        engine.advance(UNTIL)
        yield engine
        engine.close()
        connection.execute("DROP DATABASE breaks WITH (FORCE)")


@pytest.fixture(scope="module")
def files(store: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exported files."""
    folder = tmp_path_factory.mktemp("files")
    export(store.dsn, folder, PLATFORM)
    return folder


@pytest.fixture(scope="module")
def client(store: Engine, files: Path) -> Iterator[Client]:
    with serving(store.dsn) as client:
        yield client


def lines(path: Path) -> list[dict[str, Any]]:
    """The documents of a file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def both(theirs: list[dict[str, Any]], ours: list[dict[str, Any]]) -> None:
    """Both are the same where the file has a field."""
    assert [{name: each[name] for name in line} for each, line in zip(theirs, ours, strict=True)] == ours


def in_csv(client: Client, path: str, **parameters: Any) -> list[dict[str, str]]:
    """The records of a list as a file."""
    answer = client.get(path, params={**parameters, "format": "csv"})
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(StringIO(answer.text, newline=""), strict=True))


def test_breaks_are_the_findings(client: Client, files: Path) -> None:
    findings = lines(files / "findings.jsonl")
    assert len(findings) > 10
    assert {each["account"] for each in findings} > {None}
    both(list(client.walk("/v1/breaks", limit=3)), findings)
    both(list(client.walk("/v1/breaks")), findings)


def test_breaks_say_how_old_they_are_and_are_chosen_by_field(client: Client) -> None:
    everything = list(client.walk("/v1/breaks"))
    one = next(each for each in everything if each["amount"] and each["account"] and each["operator_id"])
    assert all((each["age_days"] is None) == (each["since"] is None) for each in everything)
    for field in ("kind", "operator_id", "subject", "account"):
        chosen = [each for each in everything if each[field] == one[field]]
        assert list(client.walk("/v1/breaks", limit=2, **{field: one[field]})) == chosen
    of_currency = [each for each in everything if each["amount"] and each["amount"]["currency"] == "EUR"]
    assert list(client.walk("/v1/breaks", currency="EUR")) == of_currency
    problem = client.document("/v1/breaks", 400, kind="NONSENSE")
    assert problem["errors"][0]["parameter"] == "kind"


def test_breaks_as_a_file_have_amount_and_currency_side_by_side(client: Client) -> None:
    everything = list(client.walk("/v1/breaks"))
    records = in_csv(client, "/v1/breaks")
    assert [(each["kind"], each["subject"]) for each in records] == [
        (each["kind"], each["subject"]) for each in everything
    ]
    assert [(each["amount"], each["currency"]) for each in records] == [
        (each["amount"]["amount"], each["amount"]["currency"]) if each["amount"] else ("", "") for each in everything
    ]


def test_dead_letters_are_those_of_the_file_the_newest_first(client: Client, files: Path) -> None:
    refused = lines(files / "deadletter.jsonl")
    listed = list(client.walk("/v1/dead-letters", limit=2))
    assert [each["recorded_at"] for each in listed] == sorted((e["recorded_at"] for e in listed), reverse=True)
    both(sorted(listed, key=lambda each: str(each["deadletter_id"])), refused)
    assert len(refused) >= 5


def test_a_dead_letter_has_its_record_its_key_and_its_headers(client: Client) -> None:
    letter = next(each for each in client.walk("/v1/dead-letters") if each["record"]["text"] == "not json 3")
    path = f"/v1/dead-letters/{letter['deadletter_id']}"
    one = client.get(path)
    assert one.json() | {"as_of": None} == letter | {"key": None, "headers": [], "as_of": None}
    assert client.get(path, headers={"If-None-Match": one.headers["etag"]}).status_code == 304
    raw = client.get(f"{path}/record", headers={"Accept": "application/octet-stream"})
    assert (raw.content, raw.headers["content-type"]) == (b"not json 3", "application/octet-stream")
    assert raw.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("id_", ["6ee06751-816b-412c-9c7c-ce343d80a3e1", "nonsense", "%00"])
def test_a_dead_letter_that_is_not_there_is_not_found(client: Client, id_: str) -> None:
    for path in (f"/v1/dead-letters/{id_}", f"/v1/dead-letters/{id_}/record"):
        assert client.get(path, headers={"Accept": "*/*"}).status_code in (400, 404)


def test_dead_letters_are_chosen_by_field(client: Client) -> None:
    listed = list(client.walk("/v1/dead-letters"))
    for field in ("code", "topic", "event_type", "event_id", "replayed"):
        value = next((each[field] for each in listed if each[field] is not None), None)
        if value is not None:
            chosen = [each for each in listed if each[field] == value]
            assert list(client.walk("/v1/dead-letters", **{field: value})) == chosen


def test_a_cursor_that_somebody_made_up_is_a_bad_parameter(client: Client) -> None:
    cursor = client.document("/v1/dead-letters", limit=1)["next_cursor"]
    assert client.document("/v1/dead-letters", 400, cursor=cursor, code="X")["errors"][0]["parameter"] == "cursor"
    assert client.document("/v1/breaks", 400, cursor=cursor)["errors"][0]["parameter"] == "cursor"


def test_partners_are_told_with_what_they_owe(client: Client, store: Engine) -> None:
    found = client.document("/v1/partners")["data"]
    assert [each["partner"] for each in found] == ["DE-ABC", "NL-XYZ"]
    for each in found:
        assert {"name", "currency", "fee", "funding", "payment_terms_days", "registered_at"} < set(each)
        for field, code in (("uninvoiced", "1200"), ("unpaid", "1210")):
            minor = store.balances().get(f"{code}/{each['partner']} {each['currency']}", 0)
            assert each[field] == f"{minor / 100:.2f}"
    assert any(each["uninvoiced"] != "0.00" or each["unpaid"] != "0.00" for each in found)
    assert list(client.walk("/v1/partners", limit=1)) == found
    assert [each["fee_percent"] for each in in_csv(client, "/v1/partners")] == [e["fee"]["percent"] for e in found]


def test_a_partner_registered_again_is_told_as_it_is_now(engine: Engine) -> None:
    first = aftermath.partner("DE-ABC", "ADVANCE", "2026-03-01T00:00:00Z")
    later = event("partner.registered", "DE-ABC", "2026-03-05T00:00:00Z", first["data"] | {"name": "New name"})
    engine.feed([later, first])
    with serving(engine.dsn) as client:
        (only,) = client.document("/v1/partners")["data"]
    assert (only["name"], only["registered_at"], only["owes"]) == ("New name", "2026-03-05T00:00:00Z", [])


@pytest.mark.parametrize("sessions", [False, True])
def test_leakage_is_what_the_command_prints(client: Client, store: Engine, sessions: bool) -> None:
    with up_to_date(store.dsn) as connection:
        find = leaking_sessions if sessions else leakage
        printed = [leakage_document(each) for each in find(connection)]
    assert len(printed) > 3
    for limit in (1, 2, 50):
        assert list(client.walk("/v1/leakage", sessions=sessions, limit=limit)) == printed
    assert [each["cause"] for each in in_csv(client, "/v1/leakage", sessions=sessions)] == [
        each["cause"] for each in printed
    ]


def test_leakage_of_a_span_of_time(client: Client, store: Engine) -> None:
    span = {"from": "2026-03-27T00:00:00Z", "to": "2026-03-29T00:00:00Z"}
    with up_to_date(store.dsn) as connection:
        printed = [leakage_document(each) for each in leakage(connection, "OP-1", *map(instant, span.values()))]
    assert list(client.walk("/v1/leakage", operator_id="OP-1", **span)) == printed
    assert client.document("/v1/leakage", 400, **{"from": "yesterday"})["errors"][0]["parameter"] == "from"


def test_rerating_orders_are_in_the_order_in_which_they_take_effect(client: Client) -> None:
    found = client.document("/v1/rerating-orders")["data"]
    assert [(each["operator_id"], each["ordered_at"]) for each in found] == [
        ("OP-1", "2026-03-27T09:00:00Z"),
        ("OP-1", "2026-03-28T09:00:00Z"),
        ("OP-1", "2026-03-29T09:00:00Z"),
        ("OP-NOBODY", "2026-03-20T09:00:00Z"),
    ]
    assert found[-1]["remark"] == "not followed: its operator is not known yet"
    assert list(client.walk("/v1/rerating-orders", limit=1)) == found
    assert list(client.walk("/v1/rerating-orders", operator_id="OP-NOBODY")) == found[-1:]


@pytest.mark.parametrize("path", ["breaks", "dead-letters", "partners", "leakage", "rerating-orders"])
def test_an_operator_may_not_read_what_is_of_the_platform(client: Client, path: str) -> None:
    assert client.as_("operator:OP-1").get(f"/v1/{path}").status_code == 403


def test_the_description_has_files_of_these_lists(client: Client) -> None:
    paths = client.document("/v1/openapi.json")["paths"]
    for path in ("breaks", "dead-letters", "partners", "leakage", "rerating-orders"):
        answers = paths[f"/v1/{path}"]["get"]["responses"]
        assert {"application/json", "text/csv"} < set(answers["200"]["content"])
        assert "422" in answers
