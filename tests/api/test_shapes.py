"""Answers have the shape that the description says: all fields that it names, and none that it does not."""

from collections.abc import Iterator, Mapping
from itertools import islice, product
from string import Formatter
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from api.openapi import openapi_document, operations
from tests.support.surface import Client

ASKED = [(path, method) for path, method, _ in operations(openapi_document()) if method == "get"]

# Of each resource; as many as there are sessions.
ADDRESSES = 60


def closed(schema: Any) -> Any:
    """A schema whose objects have no fields but those that it names."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    found = {name: closed(value) for name, value in schema.items()}
    is_open = "properties" not in schema or "type" not in schema or "additionalProperties" in schema
    return found if is_open else found | {"additionalProperties": False}


def asked(path: str, known: Mapping[str, list[str]], required: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Addresses of a resource with values that the store has."""
    names = [name for _, name, _, _ in Formatter().parse(path) if name]
    for values in product(*(known.get(name, ["nothing"]) for name in [*names, *required])):
        given = dict(zip([*names, *required], values, strict=True))
        yield path.format(**given), {name: given[name] for name in required}


@pytest.mark.parametrize(("path", "method"), ASKED)
def test_answers_have_their_shape(path: str, method: str, told: Client, known: Mapping[str, list[str]]) -> None:
    document = openapi_document()
    operation = document["paths"][path][method]
    content = operation["responses"]["200"]["content"]
    if "application/json" not in content:
        return
    whole = {**closed(content["application/json"]["schema"]), "components": closed(document["components"])}
    validator = Draft202012Validator(whole)
    required = (
        [each["name"] for each in operation["parameters"] if each["in"] == "query" and each["required"]]
        if "parameters" in operation
        else []
    )
    found = set()
    roles = ("admin",) if "api-keys" in path or "webhook" in path else ("auditor", "operator:OP-1,OP-2")
    for (address, parameters), role in product(islice(asked(path, known, required), ADDRESSES), roles):
        answer = told.get(address, params=parameters, headers={"Authorization": f"Bearer {role}"})
        if answer.status_code == 200:
            for error in validator.iter_errors(answer.json()):
                place = ".".join("[]" if isinstance(each, int) else each for each in error.absolute_path)
                found.add(f"{place}: {error.message[:200]}")
    assert not found, "\n".join(sorted(found))
