"""docs/gateways.md: its program is run against real brokers, and what it says is what the engine does."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import psycopg
import pytest
from confluent_kafka import KafkaException, Producer

from consumers.topics import OUTBOUND_TOPICS
from contracts.authorizations import QUESTIONS_TOPIC
from contracts.bindings import MAX_VALUE_BYTES
from contracts.decode import Message, decode
from contracts.envelope import Event
from contracts.messages import MESSAGE_TYPES, TOPIC_OF, partition_key
from contracts.outgoing import OUTBOUND_MODEL_OF
from contracts.refusal import Refusal, RefusalCode
from contracts.topic_roles import ENGINE, ENGINE_TOPICS, ROLES, writers
from domain.book.findings import FindingKind
from projections.notifications import SESSION_KINDS
from projections.runner import catch_up
from tests.docs.kafka import arrivals, begin_at_the_ends, make_topics
from tests.docs.pages import ROOT, block, code_lines, table
from tests.docs.test_roles import roles_of_commands
from tests.end_to_end.running import Inside, documents
from tests.support.engine import Engine
from tests.support.events import ended, event, metered, operator, started, tariff
from tests.support.kafka_clients import librdkafka, variables
from tests.support.library import login
from wattledger.embedded import EmbeddedKafka
from wattledger.settings import ENV_PREFIX, Settings

PAGE = ROOT / "docs" / "gateways.md"
FORMS = table(PAGE, "| field | value | |")
READ_AT = "2026-03-02T10:30:00Z"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's program as a file."""
    path = tmp_path_factory.mktemp("gateway") / "gateway.py"
    path.write_text("\n".join(block(PAGE, "python")), "utf-8")
    return path


@pytest.fixture(scope="module")
def gateway(program: Path) -> ModuleType:
    """The page's program as a module."""
    found = spec_from_file_location("gateway", program)
    assert found is not None
    assert found.loader is not None
    module = module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def told(gateway: ModuleType) -> list[dict[str, Any]]:
    """The events of the page's session."""
    return list(gateway.session())


def tell(program: Path, kafka: EmbeddedKafka, *words: str) -> None:
    """Run the program as the page says."""
    environment = os.environ | {"KAFKA_PASSWORD": kafka.logins()["gateway"].password}
    command: list[str | Path] = [sys.executable, program, kafka.bootstrap, *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def states(dsn: str) -> list[tuple[Any, ...]]:
    """What each session came to."""
    catch_up(dsn)
    with psycopg.connect(dsn) as connection:
        query = "SELECT session_id, state, reason, energy_wh, net, gross FROM projection.sessions ORDER BY session_id"
        return connection.execute(query).fetchall()


def reading(minute: int, register_wh: int, **fields: Any) -> dict[str, Any]:
    """A reading of S-1, so many minutes after its start, with what else the meter told."""
    made = metered("S-1", f"2026-03-02T10:{minute}:00Z", register_wh)
    made["data"] |= fields
    return made


def test_the_pages_session_is_rated_in_either_binding_and_counts_once(
    program: Path, told: list[dict[str, Any]], kafka: EmbeddedKafka, database_url: str, tmp_path: Path
) -> None:
    kafka_options = kafka.client_options
    make_topics(kafka_options)
    begin_at_the_ends(database_url, kafka_options)
    catalogue = tmp_path / "catalogue.jsonl"
    catalogue.write_text("\n".join(block(PAGE, "jsonl")))

    tell(program, kafka, "binary")
    tell(program, kafka)
    with login(database_url, *roles_of_commands()["wattledger settle"]) as dsn:
        Inside(tmp_path / "home", DATABASE_URL=dsn, **variables(kafka_options)).settle(tmp_path / "out", catalogue)

    (session,) = documents(tmp_path / "out" / "sessions.jsonl")
    assert (session["session_id"], session["state"]) == ("R-2026-0042", "RATED")
    amounts = (
        f"{int(session['energy_wh']) / 1000:g} kWh, {session['net']} EUR without and {session['gross']} EUR with"
    )
    assert f"The session is RATED: {amounts} VAT." in PAGE.read_text(encoding="utf-8")
    with psycopg.connect(database_url) as connection:
        tally = connection.execute("SELECT sum(accepted), sum(duplicates), sum(dead_lettered) FROM intake.tally")
        assert tally.fetchone() == (len(told) + 2, len(told), 0)


def test_what_the_brokers_did_not_take_is_answered_to_be_sent_again(
    gateway: ModuleType, told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(gateway.SETTINGS, "message.timeout.ms", 200)
    monkeypatch.setitem(gateway.ACCESS, "sasl.password", "any")
    assert list(gateway.main("127.0.0.1:9")) == [each["id"] for each in told]


def test_what_is_refused_comes_back_as_the_page_shows_it_and_holds_up_nothing(
    gateway: ModuleType, kafka_options: dict[str, Any], database_url: str, tmp_path: Path
) -> None:
    shown = json.loads("\n".join(block(PAGE, "json")))
    make_topics(kafka_options)
    begin_at_the_ends(database_url, kafka_options)
    headers = {each["name"]: each["value"]["text"] for each in shown["headers"]}
    good = {**metered("S-9", READ_AT, 5), "source": headers["ce_source"]}
    nothing = tmp_path / "nothing.jsonl"
    nothing.touch()
    home = Inside(tmp_path / "home", DATABASE_URL=database_url, **variables(kafka_options))

    with arrivals(kafka_options, "settlement.deadletter") as letters:
        producer = Producer({**librdkafka(kafka_options), **gateway.SETTINGS})
        producer.produce("charging.sessions", key="S-9", value=shown["record"]["text"], headers=headers)
        producer.produce("charging.sessions", **gateway.record(good, False))
        assert producer.flush(60) == 0
        summary = home.settle(tmp_path / "out", nothing)
        (letter,) = letters.wait_for(1)

    with psycopg.connect(database_url) as connection:
        tally = connection.execute("SELECT sum(accepted), sum(dead_lettered) FROM intake.tally").fetchone()
    assert (tally, summary["dead_lettered"]) == ((1, 1), 0)
    value = letter.value()
    assert value is not None
    content = orjson.loads(value)
    assert letter.key() == shown["event_source"].encode()
    assert content["type"] == "settlement.deadletter.recorded"
    OUTBOUND_MODEL_OF[content["type"]].model_validate(content)
    origin = content["data"].pop("origin")
    assert origin["topic"] == shown.pop("origin")["topic"]
    assert content["data"] == shown


def test_both_bindings_are_one_message(gateway: ModuleType, told: list[dict[str, Any]]) -> None:
    for each in told:
        records = [gateway.record(each, binary) for binary in (False, True)]
        structured, binary = (
            decode(record["value"].encode(), [(name, text.encode()) for name, text in record["headers"].items()])
            for record in records
        )
        assert isinstance(structured, Message)
        assert structured == binary
        assert {record["key"] for record in records} == {partition_key(structured)}
        assert decode(records[0]["value"].encode()) == structured


def test_any_order_with_everything_twice_gives_the_same_session(engine: Engine, told: list[dict[str, Any]]) -> None:
    catalogue = [json.loads(line) for line in block(PAGE, "jsonl")]
    engine.feed([*reversed(told), *catalogue, *told], batch=3)
    assert states(engine.dsn) == [("R-2026-0042", "RATED", "", 24_000, 1440, 1728)]
    assert engine.tally() == (len(told) + 2, len(told), 0, 0)


def test_another_spelling_is_a_duplicate_and_other_content_is_a_conflict(engine: Engine) -> None:
    said = metered("S-1", READ_AT, 12500)
    again = {**said, "time": "2026-03-02T11:30:00+01:00", "traceparent": "00-1"}
    again["data"] = {
        "register_wh": "12500.00",
        "read_at": "2026-03-02T10:30:00+00:00",
        "session_id": "S-1",
        "more": 1,
    }
    other = {**said, "data": {**said["data"], "register_wh": 12501}}
    engine.feed([said])
    engine.feed([again])
    engine.feed([other])
    assert engine.tally() == (1, 1, 1, 0)
    assert engine.refusals() == ["CONFLICT"]


def test_one_session_id_of_two_gateways_is_one_session_that_contradicts_itself(engine: Engine) -> None:
    other = {**started(at="2026-03-02T12:00:00Z", evse_uid="EVSE-9"), "source": "urn:another"}
    engine.feed([operator(), tariff(), started(), other, ended()])
    assert [(state, reason) for _, state, reason, *_ in states(engine.dsn)] == [("INVALID", "TWO_STARTS")]


def test_a_session_that_names_what_is_not_published_yet_waits_until_it_is(engine: Engine) -> None:
    engine.feed([started(), ended()])
    assert [state for _, state, *_ in states(engine.dsn)] == ["SUSPENSE"]
    engine.feed([operator(), tariff()])
    assert [state for _, state, *_ in states(engine.dsn)] == ["RATED"]


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        ([started(), ended(at="2026-03-02T09:00:00Z")], "ENDS_BEFORE_START"),
        ([started(), ended(register_wh=20_000_000)], "POWER_ABOVE_CONNECTOR"),
        (
            [started(), *(reading(minute, minute, power_w=60_000) for minute in (10, 20, 30)), ended(register_wh=60)],
            "UNIT_MISMATCH",
        ),
    ],
)
def test_what_cannot_be_waits(engine: Engine, history: list[dict[str, Any]], reason: str) -> None:
    engine.feed([operator(), tariff(), *history])
    (found,) = states(engine.dsn)
    assert (found[1], found[2].partition(":")[0]) == ("SUSPENSE", reason)


def test_a_message_of_a_time_far_ahead_is_accepted(engine: Engine) -> None:
    ahead = f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%dT%H:%M:%SZ}"
    data = {"operator_id": "OP-1", "location_id": "LOC-1", "evse_uid": "EVSE-1", "status": "AVAILABLE", "at": ahead}
    engine.feed([event("charging.charger.status_changed", "EVSE-1", ahead, data)])
    assert engine.tally() == (1, 0, 0, 0)


@pytest.mark.parametrize(("field", "value", "verdict"), FORMS, ids=[f"{field}={value}" for field, value, _ in FORMS])
def test_a_form_is_taken_or_refused_as_the_page_says(field: str, value: str, verdict: str) -> None:
    sent = metered("S-1", READ_AT, 12500)
    sent["data"][field] = json.loads(value)
    found = decode(orjson.dumps(sent))
    if verdict.startswith("taken"):
        assert isinstance(found, Message)
        assert found.extra_fields == ("counted" in verdict)
    else:
        assert isinstance(found, Refusal)
        assert (found.code, found.path) == (verdict, f"data.{field}")


def test_the_table_of_the_envelope_has_its_attributes() -> None:
    named = [attribute for attribute, _ in table(PAGE, "| attribute | rule |")]
    assert set(named) | {"datacontenttype"} == {*Event.model_fields, "type", "data"}


def test_the_types_of_gateways_stand_under_their_topics_and_keys() -> None:
    rows = table(PAGE, "| topic | key | type | when |")
    assert {type_ for _, _, type_, _ in rows} <= MESSAGE_TYPES.keys()
    for topic, key, type_, _ in rows:
        assert (topic, key) == (MESSAGE_TYPES[type_].topic.name, MESSAGE_TYPES[type_].topic.keys)


def test_every_code_of_a_refusal_is_explained() -> None:
    assert [code for code, *_ in table(PAGE, "| code | means | what a gateway does |")] == [*RefusalCode]


def test_the_kinds_of_notifications_are_kinds() -> None:
    kinds = {kind for kind, _ in table(PAGE, "| kind | means |")}
    assert set(SESSION_KINDS.values()) <= kinds <= {*SESSION_KINDS.values(), *FindingKind}


def test_the_largest_value_is_the_one_that_is_read() -> None:
    words = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"1,0\d\d,\d{3}", words)) == {f"{MAX_VALUE_BYTES:,}", "1,048,588"}
    sent = metered("S-1", READ_AT, 12500)
    sent["data"]["more"] = ""
    sent["data"]["more"] = "x" * (MAX_VALUE_BYTES - len(orjson.dumps(sent)))
    assert isinstance(decode(orjson.dumps(sent)), Message)
    sent["data"]["more"] += "x"
    found = decode(orjson.dumps(sent))
    assert isinstance(found, Refusal)
    assert found.code is RefusalCode.TOO_LARGE


def properties(rows: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    """Names of librdkafka's with their values, where the page tells one."""
    found = (re.findall(r"[\w.]+", row[0].replace("`", "")) for row in rows)
    return [(name, *rest)[:2] if rest else (name, "x") for name, *rest in found]


def test_the_settings_of_the_page_are_those_of_the_program_and_the_client_knows_them(gateway: ModuleType) -> None:
    settings = properties(table(PAGE, "| librdkafka | Java | because |"))
    assert {
        name: json.dumps(value).strip('"') for name, value in gateway.SETTINGS.items() if name != "client.id"
    } == (dict(settings))
    known = [*settings, *properties(table(PAGE, "| librdkafka | Java | of the engine |"))]
    assert [name for name, value in known if not is_a_property(name, value)] == []


def is_a_property(name: str, value: str) -> bool:
    """Whether the client knows a property; it may refuse the value, such as a file that is not there."""
    try:
        Producer({name: value})
    except KafkaException as error:
        return "No such configuration property" not in str(error)
    return True


def test_the_security_settings_are_the_engines() -> None:
    rows = table(PAGE, "| librdkafka | Java | of the engine |")
    assert {name.removeprefix(ENV_PREFIX).lower() for _, _, name in rows} == {
        name for name in Settings.model_fields if name.startswith(("kafka_security", "kafka_sasl", "kafka_ssl"))
    }
    assert {line for line in code_lines(PAGE) if line.startswith(ENV_PREFIX)} == {name for _, _, name in rows}


def test_the_roles_are_those_whose_rights_the_embedded_kafka_grants() -> None:
    rows = {role: others for role, *others in table(PAGE, "| role | is | writes | reads |")}
    assert rows.pop(ENGINE) == ["our own processes", "every topic", "every topic"]
    assert rows == {
        name: [role.who, *(_in_words(topics).strip("`") for topics in (role.writes, role.reads))]
        for name, role in ROLES.items()
    }
    text = PAGE.read_text("utf-8")
    assert all(f"`{topic}`" in text for topic in ENGINE_TOPICS)
    assert {topic for topic, roles in writers().items() if not roles} == set(ENGINE_TOPICS)
    assert set(writers()) == {*TOPIC_OF.values(), *OUTBOUND_TOPICS, QUESTIONS_TOPIC}


def _in_words(topics: tuple[str, ...]) -> str:
    return ", ".join(f"`{topic}`" for topic in topics)
