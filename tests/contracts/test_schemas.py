"""The documents others build on: JSON Schemas and AsyncAPI."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from contracts.asyncapi import KEY_OF_TOPIC
from contracts.authorizations import QUESTION_MODEL_OF, QUESTION_TOPIC_OF
from contracts.inbound import INBOUND_MODEL_OF
from contracts.messages import TOPIC_OF
from contracts.outgoing import OUTBOUND_MODEL_OF, OUTBOUND_TOPIC_OF
from contracts.schemas import ASYNCAPI_FILE, OCPI_MODELS, event_schemas, write_schemas
from contracts.upcasters import STEPS
from tests.contracts.builders import ABSENT, changed
from tests.contracts.test_acceptance import GOOD
from tests.contracts.test_refusals import BAD

SCHEMAS = {(type_, version): schema for type_, version, schema in event_schemas()}

# The calendar, catalogues of codes, rules across fields and rules of sign inside money are beyond a schema.
BEYOND_A_SCHEMA = {
    ("data.commission.schedule.0", "{'when': {'channel': 'CARD'}}"),
    ("data.commission.schedule.1.per_session", "0.001"),
    ("data.commission.schedule.2.percent", "3"),
    ("data.commission.schedule.2.tiers.steps.0.from", "1"),
    ("data.commission.schedule.2.tiers.steps.1.from", "0.00"),
    ("data.commission.schedule.2.tiers.steps.1.from", "5000.001"),
    ("data.commission.schedule.2.tiers.steps.1", str({"from": "9", "percent": 1, "per_kwh": "1"})),
    ("data.splits.0.operator_id", "OP-1"),
    ("data.splits.1.base", "NET"),
    ("data.splits", str([{"operator_id": f"P-{n}", "role": "host", "percent": 60} for n in (1, 2)])),
    ("data.part", "4"),
    ("data.items.1.gross.amount", "1.001"),
    ("data.started_at", "2026-02-30T10:00:00Z"),
    ("data.started_at", "2026-03-01T25:00:00Z"),
    ("data.started_at", "2026-03-01T10:00:00+25:00"),
    ("data.started_at", "0001-01-01T00:00:00+01:00"),
    ("data.started_at", "9999-12-31T23:59:59-01:00"),
    ("data.expired_at", "2026-03-01T10:29:59Z"),
    ("data.started_before", "2026-03-01T00:00:00Z"),
    ("data.register_wh", "1207000.0"),
    ("data.register_wh", "5\n"),
    ("data.reason", "nul \x00 inside"),
    ("data.amount.amount", "7.111"),
    ("data.amount.amount", "7.110"),
    ("data.amount.amount", "-7.11"),
    ("data.amount.amount", "1200.5"),
    ("data.amount.amount", "0.00"),
    ("data.amount.amount", "0"),
    ("data.fee.amount", "-0.15"),
    ("data.fee.currency", "USD"),
    ("data.items.1.gross.amount", "-1"),
    ("data.items.1.fee.currency", "GBP"),
    ("data.country_code", "ZZ"),
    ("data.payout.holiday_calendar", "ATLANTIS"),
    ("data.payout.holiday_calendar", "DE-XX"),
    ("data.bank_account.routing_code", "021000012"),
    ("data.bank_account.routing_code", "21000021"),
    ("data.bank_account.routing_code", "000000000"),
    ("data.time_zone", "Europe/Atlantis"),
    ("data.time_zone", "../etc/passwd"),
    ("data.commission.per_session", "0.105"),
    ("data.payout.minimum", "1.001"),
    ("data.fee.per_session", "0.001"),
    ("data.tariff.elements.0.restrictions.end_date", "2026-02-30"),
    ("data.tariff.min_price.excl_vat", "51"),
    ("data.tariff.min_price.before_taxes", "101"),
    ("data.tariff.min_price.after_taxes", "122"),
    ("data.tariff.elements.0.price_components.0.vat", str(ABSENT)),
    ("data.tariff.elements.0.restrictions.min_kwh", "80.5"),
    ("data.tariff.elements.0.restrictions.min_current", "96"),
    ("data.tariff.elements.0.restrictions.min_power", "150.0"),
    ("data.tariff.elements.0.restrictions.min_duration", "86401"),
    ("data.tariff.elements.0.restrictions.start_date", "2027-01-01"),
    ("data.tariff.start_date_time", "2027-01-01T00:00:00Z"),
    ("data.location.time_zone", "Europe/Atlantis"),
    # Circuits make a tree, and an EVSE is in one of them.
    ("data.circuits", "[]"),
    ("data.circuits.1.circuit_id", "main"),
    ("data.circuits.1.parent", "cellar"),
    ("data.circuits.1.parent", "garage"),
    ("data.circuits.1.max_a", str(ABSENT)),
    ("data.circuits.1.evse_uids.1.evse_uid", "EVSE-7-1"),
    # A cost has what its kind asks for, and nothing else.
    ("data.price", str(ABSENT)),
    ("data.price", "{'amount': '1', 'currency': 'EUR'}"),
    ("data.minimum_kw", "2.5"),
    ("data.amount", str(ABSENT)),
    ("data.amount", "{'amount': '1.00', 'currency': 'EUR'}"),
    ("data.amount.amount", "-850.00"),
    ("data.amount.amount", "850.001"),
    ("data.amount.amount", "1.005"),
    # One field after, or unlike, another.
    ("data.to", "2026-03-01T11:59:59Z"),
    ("data.effective_to", "2026-02-28T00:00:00Z"),
    ("data.target", "hooks.example.org"),
    ("data.target", "https://"),
    ("data.target", "https://hooks.example.org:none/"),
    ("data.target", "https://hooks.example.org/a b"),
    ("data.target", "desk"),
    ("data.target", "desk@example.org,all@example.org"),
    ("data.target", "desk@example.org\r\nBcc: all@example.org"),
    ("data.quiet.to", "22:00"),
    # A maximum of 0 reads as well as any other number.
    ("data.tariff.elements.0.restrictions.max_kwh", "0"),
    ("data.tariff.elements.0.restrictions.max_duration", "0"),
}


@pytest.fixture
def written(tmp_path: Path) -> dict[str, Any]:
    return {path.name: json.loads(path.read_bytes()) for path in write_schemas(tmp_path / "schemas")}


def test_there_is_one_schema_for_each_type_and_version(written: dict[str, Any]) -> None:
    types = {*INBOUND_MODEL_OF, *QUESTION_MODEL_OF, *OUTBOUND_MODEL_OF}
    assert len(written) == len(types) + len(STEPS) + len(OCPI_MODELS) + 1
    assert {f"{type_}.v1.schema.json" for type_ in types} <= set(written)


def test_schemas_have_stable_identities(written: dict[str, Any]) -> None:
    schema = written["charging.session.ended.v0.schema.json"]
    assert schema["$id"] == "urn:wattledger:schema:charging.session.ended:0"
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    first = [path.read_bytes() for path in write_schemas(tmp_path)]
    assert [path.read_bytes() for path in write_schemas(tmp_path)] == first


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [bad[:3] for bad in BAD if (bad[1], str(bad[2])) not in BEYOND_A_SCHEMA and bad[1] != "type"],
    ids=lambda part: str(part)[:40],
)
def test_what_is_refused_does_not_match_its_schema_either(name: str, path: str, value: object) -> None:
    type_ = name.partition("/")[0]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMAS[type_, 1]).validate(changed(name, path, value))


@pytest.mark.parametrize(("name", "path", "value"), GOOD, ids=lambda part: str(part)[:40])
def test_what_is_accepted_matches_its_schema(name: str, path: str, value: object) -> None:
    jsonschema.Draft202012Validator(SCHEMAS[name.partition("/")[0], 1]).validate(changed(name, path, value))


def test_the_asyncapi_document_has_every_topic_with_its_key(written: dict[str, Any]) -> None:
    document = written[ASYNCAPI_FILE]
    assert document["asyncapi"].startswith("3.")
    topics = {*TOPIC_OF.values(), *QUESTION_TOPIC_OF.values(), *OUTBOUND_TOPIC_OF.values()}
    assert set(document["channels"]) == set(KEY_OF_TOPIC) == topics
    actions = {operation["channel"]["$ref"]: operation["action"] for operation in document["operations"].values()}
    assert actions["#/channels/payments"] == "receive"
    assert actions["#/channels/settlement.cdrs"] == "send"


def test_every_incoming_event_is_documented_in_both_bindings(written: dict[str, Any]) -> None:
    messages = written[ASYNCAPI_FILE]["components"]["messages"]
    for type_ in (*INBOUND_MODEL_OF, *QUESTION_MODEL_OF):
        assert messages[type_]["contentType"] == "application/cloudevents+json"
        assert messages[f"{type_}.binary"]["headers"]["properties"]["ce_type"] == {"const": type_}


def references(node: Any) -> list[str]:
    """Every `$ref` of a document."""
    if isinstance(node, list):
        return [reference for item in node for reference in references(item)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + [reference for item in node.values() for reference in references(item)]


def resolve(document: Any, pointer: str) -> Any:
    for step in pointer.strip("/").split("/"):
        document = document[step] if step else document
    return document


def test_every_reference_of_the_asyncapi_document_leads_somewhere(written: dict[str, Any]) -> None:
    found = references(written[ASYNCAPI_FILE])
    assert found
    for reference in found:
        file, _, pointer = reference.partition("#")
        target = written[file.removeprefix("./")] if file else written[ASYNCAPI_FILE]
        assert resolve(target, pointer)
