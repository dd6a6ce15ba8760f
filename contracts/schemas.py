"""JSON Schemas (2020-12), one per event type and version, generated from the models that check the events."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from contracts.asyncapi import asyncapi_document
from contracts.envelope import Event, schema_uri
from contracts.inbound import INBOUND_MODEL_OF
from contracts.outgoing import OUTBOUND_MODEL_OF
from contracts.upcasters import CURRENT_VERSION, STEPS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ASYNCAPI_FILE = "asyncapi.json"


def schema_file(type_: str, version: int) -> str:
    """The file name of a type's schema."""
    return f"{type_}.v{version}.schema.json"


def event_schemas() -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Type, version and JSON Schema of every event, in and out, old versions included."""
    for type_, model in {**INBOUND_MODEL_OF, **OUTBOUND_MODEL_OF}.items():
        yield type_, CURRENT_VERSION, event_schema(model, type_, CURRENT_VERSION)
    for (type_, version), step in STEPS.items():
        yield type_, version, event_schema(step.model, type_, version)


def event_schema(model: type[Event], type_: str, version: int) -> dict[str, Any]:
    """The JSON Schema of one structured event, known by a stable URN."""
    generated = model.model_json_schema()
    generated["properties"]["type"] = {"const": type_}
    return {
        "$schema": DIALECT,
        "$id": schema_uri(type_, version),
        **generated,
        "title": f"{type_}, version {version}",
    }


def write_schemas(directory: Path) -> list[Path]:
    """Write every event's JSON Schema and the AsyncAPI document, which refers to them; returns what was written."""
    directory.mkdir(parents=True, exist_ok=True)
    documents = {schema_file(type_, version): schema for type_, version, schema in event_schemas()}
    current = {type_: schema_file(type_, CURRENT_VERSION) for type_, version, _ in event_schemas() if version}
    documents[ASYNCAPI_FILE] = asyncapi_document(current)
    return [_write(directory / name, document) for name, document in sorted(documents.items())]


def _write(path: Path, document: dict[str, Any]) -> Path:
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return path
