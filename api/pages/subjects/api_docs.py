"""What programs can ask, for people: made from the OpenAPI document on the server. It needs no sign-in."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, TypeAlias

import orjson
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.openapi import Document, openapi_document, operations, resolved
from api.pages.page import bare_view, failed
from api.pages.rendering import render
from api.pages.table import Column, Table
from api.problems import Problem

Row: TypeAlias = dict[str, Any]

PATH: Final = "/docs"
_JSON: Final = "application/json"
_RESOURCES: Final = (
    Column("subject", "About"),
    Column("method", "Method", "id"),
    Column("path", "Address", "id", href=lambda row: f"{PATH}/{row['name']}"),
    Column("summary", "Gives", "html"),
)
_PARAMETERS: Final = (
    Column("name", "Name", "id"),
    Column("place", "In"),
    Column("type", "Is"),
    Column("required", "Needed"),
    Column("description", "What it does", "html"),
)
_ANSWERS: Final = (
    Column("status", "Status", "id"),
    Column("description", "When", "html"),
    Column("forms", "As"),
)
_FIELDS: Final = (Column("name", "Field", "id"), Column("type", "Is"))


async def contents(request: Request) -> Response:
    """All resources by subject."""
    await _recognise(request)
    rows = [
        {
            "subject": operation["tags"][0],
            "method": method.upper(),
            "path": path,
            "summary": worded(operation["summary"]),
            "name": operation["operationId"],
        }
        for path, method, operation in operations(openapi_document())
    ]
    table = Table(_RESOURCES, rows, "Resources", kind="operation", key="name")
    return render("api_docs.html", bare_view(request), about=openapi_document()["info"], worded=worded, table=table)


def worded(text: str) -> Markup:
    """A text of the description: what stands between backticks is code."""
    parts = [escape(part) for part in text.split("`")]
    code = Markup("<code>{}</code>")
    return Markup("").join(code.format(part) if number % 2 else part for number, part in enumerate(parts))


async def one(request: Request) -> Response:
    """One resource: its parameters, what it answers, and examples."""
    await _recognise(request)
    name = request.path_params["name"]
    document = openapi_document()
    for path, method, operation in operations(document):
        if operation["operationId"] == name:
            return render("api_docs_resource.html", bare_view(request), **_about(document, path, method, operation))
    return failed(request, Problem(404, "not_found", f"There is no resource {name[:64]!r}; {PATH} lists all."))


async def _recognise(request: Request) -> None:
    """Who has signed in has the navigation here, too."""
    with suppress(Problem):
        request.state.principal = await request.app.state.surface.authenticate(request)


def _about(document: Document, path: str, method: str, operation: Document) -> Row:
    answer = operation["responses"].get("200", operation["responses"].get("201", {}))
    content = answer.get("content", {}).get(_JSON, {})
    bodies = operation.get("requestBody", {}).get("content", {})
    body = bodies.get(_JSON, {}).get("schema", {})
    return {
        "path": path,
        "method": method.upper(),
        "operation": operation,
        "worded": worded,
        "parameters": Table(
            _PARAMETERS, [_parameter(document, each) for each in operation.get("parameters", ())], "Parameters"
        ),
        "answers": Table(_ANSWERS, list(_answers(document, operation)), "Answers"),
        "fields": Table(_FIELDS, list(_fields(document, content.get("schema", {}))), "Fields of the answer"),
        "body": Table(_FIELDS, list(_fields(document, body)), "Fields of the body"),
        "example": _pretty(content["example"]) if "example" in content else None,
    }


def _parameter(document: Document, parameter: Document) -> Row:
    return {
        "name": parameter["name"],
        "place": parameter["in"],
        # A parameter that is left out is null for the code, and for nobody else.
        "type": _type(document, parameter.get("schema", {})).removesuffix(" or null"),
        "required": "yes" if parameter.get("required") else "no",
        "description": worded(parameter.get("description", "")),
    }


def _answers(document: Document, operation: Document) -> Iterator[Row]:
    for status, answer in operation["responses"].items():
        found = resolved(document, answer)
        yield {
            "status": status,
            "description": worded(found["description"]),
            "forms": ", ".join(found.get("content", ())) or "no content",
        }


def _fields(document: Document, schema: Document, place: str = "") -> Iterator[Row]:
    for kind in _kinds(document, schema):
        for name, field in kind.get("properties", {}).items():
            yield {"name": f"{place}{name}", "type": _type(document, field)}
            yield from _fields(document, field, f"{place}{name}.")
        if "items" in kind:
            yield from _fields(document, kind["items"], f"{place.removesuffix('.')}[].")


def _kinds(document: Document, schema: Document) -> list[Document]:
    found = resolved(document, schema)
    return [resolved(document, each) for each in found.get("anyOf", (found,))]


def _type(document: Document, schema: Document) -> str:
    """What a value is, in words: its types, its form, its choices, its bounds."""
    return " or ".join(_words(each) for each in _kinds(document, schema))


def _words(kind: Mapping[str, Any]) -> str:
    if "enum" in kind:
        return ", ".join(map(str, kind["enum"]))
    words = _FORMS.get(str(kind.get("format")), str(kind.get("type", "anything")))
    bounds = [words_of.format(kind[key]) for key, words_of in _BOUNDS.items() if key in kind]
    return f"{words} ({', '.join(bounds)})" if bounds else words


_FORMS: Final = {"date-time": "time", "date": "day", "binary": "bytes"}
_BOUNDS: Final = {
    "minimum": "from {}",
    "maximum": "to {}",
    "default": "by default {}",
    "maxLength": "at most {} characters",
}


def _pretty(example: Any) -> str:
    return orjson.dumps(example, option=orjson.OPT_INDENT_2).decode()


ROUTES = (
    Route(PATH, contents, methods=["GET"], name="api_docs"),
    Route(f"{PATH}/{{name}}", one, methods=["GET"], name="api_docs_resource"),
)
