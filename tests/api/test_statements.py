"""Statements over HTTP: as they were issued in each form, to their operator alone, in the shape that is promised."""

import csv
import hashlib
from collections.abc import Iterator
from decimal import Decimal
from io import StringIO
from typing import Any

import psycopg
import pytest
from jsonschema import Draft202012Validator

from api.openapi import openapi_document
from tests.api.test_payout_documents import read_pdf
from tests.api.test_shapes import closed
from tests.support.surface import Client, serving

NUMBER = "OP-NL-000001"


@pytest.fixture(scope="module")
def client(network_url: str) -> Iterator[Client]:
    with serving(network_url) as client:
        yield client


def test_an_operator_has_its_statements_and_each_is_what_the_list_says(client: Client) -> None:
    (listed,) = client.document("/v1/operators/OP-NL/statements")["data"]
    assert (listed["number"], listed["month"], listed["currency"]) == (NUMBER, "2026-03", "EUR")
    said = client.document(f"/v1/statements/{NUMBER}")
    assert {name: said[name] for name in listed} == listed
    added = sum(Decimal(said[name]) for name in ("opening", "moved", "moved_late"))
    assert added == Decimal(said["closing"])
    assert sum(Decimal(each["amount"]) for each in said["movements"]) == Decimal(said["moved"])
    assert client.document("/v1/operators/OP-NL/statements?month=2026-04")["data"] == []
    assert client.document("/v1/operators/OP-NL/statements?currency=SEK")["data"] == []
    for month in ("2026-13", "2026-3", "March", "0000-01"):
        refused = client.document(f"/v1/operators/OP-NL/statements?month={month}", 400)
        assert refused["errors"][0]["parameter"] == "month"
    for unknown in ("/v1/operators/nobody/statements", "/v1/statements/OP-NL-000009", "/v1/statements/x/difference"):
        client.document(unknown, 404)


def test_a_statement_says_what_the_live_one_said_of_its_month_when_it_was_issued(client: Client) -> None:
    operators = [each["operator_id"] for each in client.document("/v1/operators")["data"]]
    assert len(operators) == 7
    for operator_id in operators:
        (listed,) = client.document(f"/v1/operators/{operator_id}/statements")["data"]
        said = client.document(f"/v1/statements/{listed['number']}")
        asked = {name: said[name] for name in ("currency", "from", "to", "known_at")}
        live = client.document(f"/v1/operators/{operator_id}/statement", **asked)
        assert (live["opening"], live["closing"]) == (said["opening"], said["closing"])
        found: dict[tuple[str, bool], tuple[int, Decimal]] = {}
        for line in live["lines"]:
            if amount := Decimal(line["amount"]):
                key = line["kind"], line["reverses"] is not None
                entries, before = found.get(key, (0, Decimal(0)))
                found[key] = entries + 1, before + amount
        stated = {
            (each["kind"], each["mirror"]): (each["entries"], Decimal(each["amount"])) for each in said["movements"]
        }
        assert stated == found, operator_id


def test_the_document_is_byte_for_byte_what_is_kept(client: Client, network_url: str) -> None:
    with psycopg.connect(network_url) as connection:
        query = "SELECT content, encode(content_sha256, 'hex') FROM intake.statement WHERE number = %s"
        content, digest = connection.execute(query, (NUMBER,)).fetchone() or (b"", "")
    answer = client.get(f"/v1/statements/{NUMBER}/statement.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == f'inline; filename="statement-{NUMBER}.json"'
    assert answer.content == bytes(content)
    assert hashlib.sha256(answer.content).hexdigest() == digest
    assert client.document(f"/v1/statements/{NUMBER}")["content_sha256"] == digest
    again = client.get(f"/v1/statements/{NUMBER}/statement.json", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_statement_as_a_list_adds_up(client: Client) -> None:
    answer = client.get(f"/v1/statements/{NUMBER}/statement.csv")
    rows = list(csv.DictReader(StringIO(answer.text)))
    *others, closing = rows
    assert (closing["section"], closing["kind"]) == ("BALANCE", "closing")
    assert sum(Decimal(row["amount"]) for row in others if row["amount"]) == Decimal(closing["amount"])
    assert {row["section"] for row in rows} == {"STATEMENT", "BALANCE", "MOVEMENT"}


def test_a_statement_for_people_is_a_tagged_document_that_says_the_same(client: Client) -> None:
    said = client.document(f"/v1/statements/{NUMBER}")
    answer = client.get(f"/v1/statements/{NUMBER}/statement.pdf")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert client.get(f"/v1/statements/{NUMBER}/statement.pdf").content == answer.content
    reader, text = read_pdf(answer.content)
    root: Any = reader.trailer["/Root"]
    assert b"pdfuaid" in root["/Metadata"].get_object().get_data()
    assert reader.metadata
    assert reader.metadata.title == f"Statement {NUMBER}"
    # Where a reader of PDF sees blanks within a line is its own affair.
    together = text.replace(" ", "").replace("\u200b", "")
    for each in (NUMBER, said["operator_name"], said["content_sha256"], "March 2026", "Opening", "Closing"):
        assert each.replace(" ", "") in together, each
    for amount in (said["closing"], *(each["amount"] for each in said["movements"])):
        assert f"{Decimal(amount):,}".replace("-", "\u2212") in together


def test_an_operator_gets_its_own_statements_alone(client: Client) -> None:
    operator = client.as_("operator:OP-NL")
    mine = operator.get(f"/v1/statements/{NUMBER}/statement.pdf")
    assert mine.content == client.get(f"/v1/statements/{NUMBER}/statement.pdf").content
    for part in ("", "/difference", "/statement.pdf", "/statement.csv", "/statement.json"):
        refused = operator.document(f"/v1/statements/OP-DE-000001{part}", 404)
        unknown = operator.document(f"/v1/statements/OP-XX-000001{part}", 404)
        assert refused["detail"].replace("OP-DE", "OP-XX") == unknown["detail"]
    operator.document("/v1/operators/OP-DE/statements", 404)
    assert client.as_("processor").get(f"/v1/statements/{NUMBER}").status_code == 403


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/v1/operators/{operator_id}/statements", "/v1/operators/OP-NL/statements"),
        ("/v1/statements/{number}", f"/v1/statements/{NUMBER}"),
        ("/v1/statements/{number}/difference", f"/v1/statements/{NUMBER}/difference"),
    ],
)
def test_answers_have_the_shape_that_is_promised(client: Client, path: str, address: str) -> None:
    document = openapi_document()
    schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    whole = {**closed(schema), "components": closed(document["components"])}
    assert list(Draft202012Validator(whole).iter_errors(client.document(address))) == []
