"""The OpenAPI 3.1 document of the resources: made from what they declare, and from nothing else."""

import sys
from collections.abc import Iterator, Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, TypeAlias

import orjson
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from api.problems import MEDIA_TYPE
from api.resource import SENTENCES, AsOfShape, ProblemShape
from api.v1 import ROUTERS

Document: TypeAlias = dict[str, Any]

VERSION: Final = "1.0.0"
FILE: Final = "openapi.json"
_ABOUT: Final = """\
Give a key as `Authorization: Bearer wl_ID_SECRET`. Resources take `effective_at` and `known_at` where a figure has
both axes of time. Lists have `limit` and `cursor`, newest first unless said; with `format=csv` or `xlsx` they are
files with all rows. Amounts are decimal texts, times are RFC 3339 in UTC. Errors are RFC 9457 problem details.
"""
_CODES: Final[Mapping[int, tuple[str, str]]] = {
    400: ("bad_parameter", "limit: Input should be less than or equal to 200"),
    401: ("no_credential", "there is no credential: give a key as Authorization: Bearer wl_ID_SECRET"),
    403: ("role_may_not", "a principal with role operator may not do this: ask an administrator for another role"),
    404: ("not_found", "there is no payout 'nobody' that you may see; check the id"),
    406: ("not_acceptable", "Accept: this resource is given as application/json; ask for one of these"),
    409: ("conflict", "the object is in another state than was expected; read it again"),
    412: ("changed", "If-Match: what is decided has changed since it was read; read it again"),
    413: ("body_too_large", "the body has more than 1 MiB (1,048,576 bytes); send less at once"),
    415: ("not_json", "send the body as application/json"),
    422: ("refused", "/elements: Field required"),
    428: ("no_condition", "If-Match: is missing: send the ETag of what is decided, as it was read"),
    429: ("too_many_requests", "too many requests at once; try again in a second"),
    503: ("unavailable", "the database does not answer; nothing was lost, try again in a few seconds"),
}


@cache
def openapi_document() -> Document:
    """The document, made once; nobody changes it."""
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    # FastAPI leaves fields out whose value is null.
    examples = {(route.path, method.lower()): _example(route) for route in routes for method in route.methods or ()}
    document = get_openapi(
        title="WattLedger",
        version=VERSION,
        summary="What operators are owed and paid, and why: balances, payouts, sessions and the book behind them.",
        description=_ABOUT,
        routes=routes,
    )
    components = document.setdefault("components", {})
    components.setdefault("schemas", {}).update(
        Problem=ProblemShape.model_json_schema(), AsOf=AsOfShape.model_json_schema()
    )
    components["responses"] = {_name(status): _problem(status) for status in SENTENCES}
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "bearerFormat": "wl_ID_SECRET"},
    }
    document["security"] = [{"key": []}]
    for path, method, operation in operations(document):
        operation["responses"] = dict(_answers(operation["responses"]))
        if example := examples[path, method]:
            operation["responses"]["200"]["content"]["application/json"]["example"] = example
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    return document


def _example(route: APIRoute) -> Any:
    return route.responses.get(200, {}).get("content", {}).get("application/json", {}).get("example")


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Path, method and description of each operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def openapi_text() -> bytes:
    """The document as it is served and committed."""
    return orjson.dumps(openapi_document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def write_openapi(directory: Path) -> Path:
    """Write the document into a folder; returns its file."""
    path = directory / FILE
    path.write_bytes(openapi_text())
    return path


def promises(document: Document) -> set[str]:
    """What programs rely on, a line each: paths, methods, parameters, statuses, forms, fields and their types."""
    found = set()
    for path, method, operation in operations(document):
        name = f"{method.upper()} {path}"
        found.add(name)
        for parameter in operation.get("parameters", ()):
            found.add(f"{name}: takes {parameter['name']} in {parameter['in']}")
            if not parameter.get("required"):
                found.add(f"{name}: may be asked without {parameter['name']}")
        for status, answer in operation["responses"].items():
            for form, content in resolved(document, answer).get("content", {"": {}}).items():
                found.add(f"{name}: may answer {status} {form}".rstrip())
                fields = _fields(document, content.get("schema", {}), "")
                found |= {f"{name}: {status} has {field}" for field in fields}
    return found


def _fields(document: Document, schema: Document, place: str) -> Iterator[str]:
    schema = resolved(document, schema)
    kinds = [resolved(document, each) for each in schema.get("anyOf", (schema,))]
    types = sorted(str(each["type"]) for each in kinds if "type" in each)
    if place and types:
        yield f"{place}: {' or '.join(types)}"
    for each in kinds:
        for name, field in each.get("properties", {}).items():
            yield from _fields(document, field, f"{place}.{name}".removeprefix("."))
        if "items" in each:
            yield from _fields(document, each["items"], f"{place}[]")


def resolved(document: Document, part: Document) -> Document:
    """A part of the document, or what it refers to."""
    if "$ref" not in part:
        return part
    found: Any = document
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return dict(found)


def _answers(declared: Document) -> Iterator[tuple[str, Document]]:
    """Problems are the same everywhere, and are named instead of said again."""
    for status, answer in sorted(declared.items()):
        if MEDIA_TYPE in answer.get("content", {}):
            yield status, {"$ref": f"#/components/responses/{_name(int(status))}"}
        # FastAPI's own; what is really refused is declared as a problem.
        elif status != "422":
            yield status, answer


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.replace(" ", "").replace("-", "")


def main(directory: Path) -> int:
    """Write the document over the one that stands in a folder, unless that promises more; 1 then, and says what."""
    standing = directory / FILE
    before = promises(orjson.loads(standing.read_bytes())) if standing.exists() else set()
    gone = sorted(before - promises(openapi_document()))
    if gone:
        sys.stderr.write("".join(f"{each}: not any more; what was promised once is kept\n" for each in gone))
        return 1
    write_openapi(directory)
    return 0


def _problem(status: int) -> Document:
    code, detail = _CODES[status]
    example: Document = {
        "type": f"/problems/{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": "5f0c7a9e3b1d4c60a1e2f3b4c5d6e7f8",
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": SENTENCES[status], "content": {MEDIA_TYPE: {"schema": schema, "example": example}}}


if __name__ == "__main__":
    sys.exit(main(Path("docs")))
