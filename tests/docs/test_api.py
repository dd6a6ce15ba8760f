"""Every line of docs/api.md is run by curl against the demo, and answers what it says, in the shape it should."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import psycopg
import pytest
from jsonschema import Draft202012Validator

from api.openapi import openapi_document, operations
from ledger.access import deliveries, keys, webhooks
from ledger.access.duties import Duty
from projections.export import export
from projections.freshness import ON_DEMAND
from projections.runner import catch_up
from tests.docs.pages import ROOT, block
from tests.projections.builders import PLATFORM
from tests.support.live import acting

PAGE = ROOT / "docs" / "api.md"
PEOPLE = (
    ("finance", Duty.FINANCE, "Fred"),
    ("approver", Duty.APPROVER, "Anna"),
    ("acme-bank", Duty.PROCESSOR, None),
)
LINES = [line for line in block(PAGE, "bash") if line.startswith("curl ")]
_ADDRESS = re.compile(r'"\$URL(/[^"?]*)(?:\?[^"]*)?"')
_STATUS = re.compile(r"# (\d{3})$")


@pytest.fixture(scope="module")
def variables(
    network_url: str, kafka_options: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, str]]:
    """The variables of the page, with the demo served, and a broker that takes what is decided."""
    if shutil.which("curl") is None:
        pytest.skip("there is no curl on this machine: apt-get install curl")
    catch_up(network_url, ON_DEMAND)
    export(network_url, tmp_path_factory.mktemp("files"), PLATFORM)
    with acting(network_url, kafka_options) as (client, gate):
        made = {"JSON": "Content-Type: application/json"}
        for name, duty, somebody in PEOPLE:
            with gate.door.transaction() as cursor:
                made[duty.name] = str(keys.create(cursor, name, duty, [], created_by="docs", acts_for=somebody)[1])
        for name, duty in {"KEY": Duty.AUDITOR, "ADMIN": Duty.ADMIN, "ID": Duty.FINANCE}.items():
            with gate.door.transaction() as cursor:
                key, text = keys.create(cursor, name, duty, [], created_by="docs")
            made[name] = key.id if name == "ID" else str(text)
        with gate.door.transaction() as cursor:
            sealed = gate.settings.seal.sealed("whsec_secret")
            hook = webhooks.add(cursor, "https://8.8.8.8/hook", ["payout.paid"], sealed, created_by="docs")
            sent = deliveries.put_test(cursor, hook, uuid4(), b"{}", datetime.now(UTC))
            made |= {"HOOK": hook.id, "SENT": sent.id}
        with psycopg.connect(network_url) as connection:
            (letter,) = connection.execute("SELECT deadletter_id FROM intake.deadletter LIMIT 1").fetchone() or ("",)
            (cause,) = connection.execute("SELECT cause FROM book.entry LIMIT 1").fetchone() or ("",)
        folder = tmp_path_factory.mktemp("answers")
        url = str(client.base_url).rstrip("/")
        yield {**made, "LETTER": str(letter), "EVENT": str(cause), "URL": url, "FOLDER": str(folder)}


def asked(line: str, variables: Mapping[str, str]) -> tuple[int, str, bytes]:
    """Status, media type and body of an answer."""
    body = Path(variables["FOLDER"]) / "body"
    command = line.replace(
        "curl ", f"curl --silent --output {body} --write-out '%{{http_code}} %{{content_type}}' ", 1
    )
    done = subprocess.run(
        ["bash", "-c", command],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    status, _, media_type = done.stdout.partition(" ")
    return int(status), media_type.partition(";")[0], body.read_bytes()


def operation_of(line: str) -> tuple[str, str] | None:
    """Which operation of the description a line asks for; None for what is none, such as probes."""
    found = _ADDRESS.search(line)
    assert found, line
    method = "delete" if "-X DELETE" in line else "post" if "--data " in line else "get"
    asked_for = found[1]
    for path, declared, _ in operations(openapi_document()):
        if method == declared and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), asked_for):
            return path, method
    return None


@pytest.mark.parametrize("line", LINES)
def test_a_line_answers_what_the_page_says(line: str, variables: Mapping[str, str]) -> None:
    status, media_type, body = asked(line, variables)
    wanted = _STATUS.search(line)
    assert status == (int(wanted[1]) if wanted else 200), body[:500]
    if status >= 400:
        assert media_type == "application/problem+json"
        return
    if (operation := operation_of(line)) is None:
        return
    path, method = operation
    content = openapi_document()["paths"][path][method]["responses"][str(status)].get("content", {})
    assert media_type in content or not content
    if media_type == "application/json":
        whole: dict[str, Any] = {
            **content[media_type]["schema"],
            "components": openapi_document()["components"],
        }
        assert list(Draft202012Validator(whole).iter_errors(orjson.loads(body))) == []


def test_every_operation_has_its_line() -> None:
    shown = {operation_of(line) for line in LINES}
    assert {(path, method) for path, method, _ in operations(openapi_document())} - shown == set()
