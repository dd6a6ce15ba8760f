"""JSON Schemas (2020-12), one per event type and version and one per OCPI object, generated from the models."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from contracts.asyncapi import asyncapi_document
from contracts.authorizations import QUESTION_MODEL_OF
from contracts.envelope import SCHEMA_NAMESPACE, Event, schema_uri
from contracts.inbound import INBOUND_MODEL_OF
from contracts.ocpi import cdr as cdr_2_2_1
from contracts.ocpi import cdr_2_3_0, tariff_2_3_0
from contracts.ocpi import tariff as tariff_2_2_1
from contracts.outgoing import OUTBOUND_MODEL_OF
from contracts.upcasters import CURRENT_VERSION, STEPS
from contracts.values import Wire

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ASYNCAPI_FILE = "asyncapi.json"

OCPI_MODELS: Mapping[tuple[str, str], type[Wire]] = {
    ("cdr", "2.2.1"): cdr_2_2_1.Cdr,
    ("cdr", "2.3.0"): cdr_2_3_0.Cdr,
    ("tariff", "2.2.1"): tariff_2_2_1.Tariff,
    ("tariff", "2.3.0"): tariff_2_3_0.Tariff,
}


def schema_file(type_: str, version: int) -> str:
    """The file name of a type's schema."""
    return f"{type_}.v{version}.schema.json"


def event_schemas() -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Type, version and JSON Schema of every event, in and out, old versions included."""
    for type_, model in {**INBOUND_MODEL_OF, **QUESTION_MODEL_OF, **OUTBOUND_MODEL_OF}.items():
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


def ocpi_schema(module: str, version: str) -> dict[str, Any]:
    """The JSON Schema of an OCPI object in one version of OCPI, for example of a `cdr` in 2.3.0."""
    generated = OCPI_MODELS[module, version].model_json_schema()
    identity = {"$schema": DIALECT, "$id": f"{SCHEMA_NAMESPACE}:ocpi.{module}:{version}"}
    return {**identity, **generated, "title": f"OCPI {version} {module}"}


def write_schemas(directory: Path) -> list[Path]:
    """Write every JSON Schema and the AsyncAPI document, which refers to the events; returns what was written."""
    directory.mkdir(parents=True, exist_ok=True)
    documents = {schema_file(type_, version): schema for type_, version, schema in event_schemas()}
    for module, version in OCPI_MODELS:
        documents[f"ocpi.{module}.{version}.schema.json"] = ocpi_schema(module, version)
    current = {type_: schema_file(type_, CURRENT_VERSION) for type_, version, _ in event_schemas() if version}
    documents[ASYNCAPI_FILE] = asyncapi_document(current)
    return [_write(directory / name, document) for name, document in sorted(documents.items())]


def _write(path: Path, document: dict[str, Any]) -> Path:
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return path
