"""The description of the API is what the code says, keeps what it promised, and shows every resource."""

from collections.abc import Iterator
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator

from api.asking import handler_of
from api.openapi import FILE, main, openapi_document, operations, promises
from api.v1 import ROUTERS

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / FILE
MEND = "mend docs/openapi.json: .venv/bin/python -m api.openapi"


def committed() -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(COMMITTED.read_bytes())
    return found


def test_the_committed_description_is_what_the_code_says() -> None:
    assert committed() == openapi_document(), MEND


def test_nothing_that_was_promised_is_gone() -> None:
    assert promises(committed()) - promises(openapi_document()) == set()


def _without(document: dict[str, Any], *path: str) -> dict[str, Any]:
    """A copy of a document with one part less."""
    copy: dict[str, Any] = orjson.loads(orjson.dumps(document))
    part = copy
    for name in path[:-1]:
        part = part[name]
    del part[path[-1]]
    return copy


OPERATORS = ("paths", "/v1/operators", "get")
OPERATOR = (*OPERATORS, "responses", "200", "content", "application/json", "schema", "properties", "data", "items")


@pytest.mark.parametrize(
    "path",
    [
        ("paths", "/v1/me"),
        ("paths", "/v1/me", "get"),
        (*OPERATORS, "responses", "503"),
        (*OPERATORS, "responses", "200", "content", "application/json"),
        (*OPERATOR, "properties", "currency"),
        (*OPERATOR, "properties", "commission", "properties", "percent"),
        ("components", "schemas", "AsOf", "properties", "position"),
        ("components", "responses", "NotFound", "content", "application/problem+json"),
    ],
)
def test_a_removal_is_noticed(path: tuple[str, ...]) -> None:
    assert promises(openapi_document()) - promises(_without(openapi_document(), *path))


def test_a_parameter_that_goes_or_becomes_required_is_noticed() -> None:
    document: dict[str, Any] = orjson.loads(orjson.dumps(openapi_document()))
    parameters = document["paths"]["/v1/operators"]["get"]["parameters"]
    limit = next(each for each in parameters if each["name"] == "limit")
    limit["required"] = True
    assert promises(openapi_document()) - promises(document)
    parameters.remove(limit)
    assert promises(openapi_document()) - promises(document)


def test_the_file_is_not_written_over_one_that_promises_more(tmp_path: Path) -> None:
    assert main(tmp_path) == 0
    more = orjson.loads((tmp_path / FILE).read_bytes())
    more["paths"]["/v1/gone"] = more["paths"]["/v1/me"]
    (tmp_path / FILE).write_bytes(orjson.dumps(more))
    assert main(tmp_path) == 1
    assert orjson.loads((tmp_path / FILE).read_bytes()) == more


def answers_with_examples() -> Iterator[tuple[str, dict[str, Any], Any]]:
    for path, method, operation in operations(openapi_document()):
        for form, content in operation["responses"].get("200", {}).get("content", {}).items():
            if form == "application/json":
                yield f"{method} {path}", content["schema"], content["example"]


def test_every_operation_is_described_and_its_examples_are_of_its_shape() -> None:
    document = openapi_document()
    for path, method, operation in operations(document):
        name = f"{method} {path}"
        assert operation["summary"], name
        assert {"400", "401", "403", "429", "503"} <= set(operation["responses"]), name
        assert all(each.get("description") for each in operation.get("parameters", ()) if each["in"] == "query"), name
    for name, schema, example in answers_with_examples():
        whole = {**schema, "components": document["components"]}
        assert list(Draft202012Validator(whole).iter_errors(example)) == [], name


def test_names_of_operations_are_unique() -> None:
    names = [operation["operationId"] for _, _, operation in operations(openapi_document())]
    assert len(names) == len(set(names))


def _called(dependant: Dependant) -> Iterator[Any]:
    for each in dependant.dependencies:
        yield each.call
        yield from _called(each)


def test_what_reads_parameters_waits_for_nothing() -> None:
    """What is no coroutine is handed to a thread, each by itself, which takes longer than most reads."""
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    slow = {call.__name__ for route in routes for call in _called(route.dependant) if not iscoroutinefunction(call)}
    assert slow == set()


def test_what_is_read_is_asked_for_in_the_quick_way() -> None:
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    reads = [route for route in routes if "GET" in (route.methods or ())]
    assert [route.path for route in reads if handler_of(route.dependant) is None] == []
