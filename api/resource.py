"""How a resource is declared, and what its page of the OpenAPI document says of answers that are none of its own."""

import re
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from api.asking import handler_of
from api.parameters import declared
from api.problems import MEDIA_TYPE
from api.shapes import shape_of
from api.tables import MEDIA_TYPES

# What each status says of a request that got it.
SENTENCES = {
    400: "A parameter is unknown or wrong; `errors` names it.",
    401: "No credential, or none that is good (any more).",
    403: "The role may not.",
    404: "There is no such object, or it is another operator's.",
    406: "The resource is not given in a form that `Accept` asks for.",
    409: "The object's state, or its content hash, is another one.",
    412: "The object has changed since it was read: `If-Match` names another state.",
    413: "The body has more than 1 MiB.",
    415: "The body is not JSON.",
    422: "Well-formed and refused; `errors` says where.",
    428: "A decision needs `If-Match`, with the tag of what is decided.",
    429: "Too many requests; `Retry-After` says when to try again.",
    503: "The database (or, for actions, Kafka) does not answer; nothing was done.",
}
_OF_EVERY_READ = (400, 401, 403, 406, 429, 503)


class ProblemShape(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(title="Problem")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[dict[str, str]] | None = None


class AsOfShape(BaseModel):
    """What an answer shows: up to which effective time, as known when (null: everything), read at which position."""

    model_config = ConfigDict(title="AsOf")

    effective_at: str | None
    known_at: str | None
    position: int


class Resource(APIRoute):
    """A route that knows which query parameters it reads, and in which media types it answers."""

    def __init__(self, path: str, endpoint: Any, **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.known_parameters = declared(self.dependant)
        self.media_types = tuple(self.responses.get(200, {}).get("content", ("application/json",)))

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers; FastAPI's own where there is a body."""
        return handler_of(self.dependant) or super().get_route_handler()


def resources(subject: str) -> APIRouter:
    """A router for the resources of a subject."""
    return APIRouter(prefix="/v1", tags=[subject], route_class=Resource, generate_unique_id_function=_operation_id)


def _operation_id(route: APIRoute) -> str:
    """`payouts_one_lines` for `/v1/payouts/{payout_id}/lines`; with the method where that is not GET."""
    parts = ["one" if part.startswith("{") else part for part in route.path.split("/")[2:]]
    methods = sorted(method.lower() for method in route.methods or () if method != "GET")
    return re.sub(r"\W", "_", "_".join([*methods, *parts]))


def answers(
    example: Any,
    *more: int,
    description: str = "As asked.",
    etag: bool = False,
    files: bool = False,
) -> dict[int | str, Any]:
    """`responses` of a resource: its own answer with an example, and the problems that it may end with.

    `more` are the statuses besides those that every read may end with; `etag` adds 304; `files` are the forms that a
    list may be asked for as a file in.
    """
    if isinstance(example, Mapping) and "next_cursor" in example:
        example = {**example, "as_of": _AS_OF_NOW}
    content: dict[str, Any] = {"application/json": {"schema": shape_of(example), "example": example}}
    if files:
        content |= {each.partition(";")[0]: {"schema": _BYTES} for each in MEDIA_TYPES.values()}
        more = (*more, 422)
    return _answers({"description": description, "content": content}, more, etag=etag)


def answers_file(
    media_type: str, *more: int, description: str, etag: bool = False, example: Any = None
) -> dict[int | str, Any]:
    """`responses` of a resource that is a document: bytes, or an object of which an example is given."""
    content = {"schema": _BYTES} if example is None else {"schema": _OBJECT, "example": example}
    return _answers({"description": description, "content": {media_type: content}}, more, etag=etag)


def _answers(own: dict[str, Any], more: Iterable[int], *, etag: bool) -> dict[int | str, Any]:
    found: dict[int | str, Any] = {200: own}
    if etag:
        found[304] = {"description": "As it was: `If-None-Match` has its tag."}
    for status in sorted({*_OF_EVERY_READ, *more}):
        found[status] = {"description": SENTENCES[status], "content": {MEDIA_TYPE: {"schema": _PROBLEM}}}
    return found


_AS_OF_NOW: Mapping[str, Any] = {"effective_at": None, "known_at": None, "position": 13_204}
_OBJECT: Mapping[str, Any] = {"type": "object"}
_BYTES: Mapping[str, Any] = {"type": "string", "format": "binary"}
_PROBLEM: Mapping[str, Any] = {"$ref": "#/components/schemas/Problem"}
