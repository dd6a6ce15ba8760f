"""Errors as answers: RFC 9457 problem details that say what, where and what to do, and nothing of the inside."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api.request_ids import request_id

MEDIA_TYPE = "application/problem+json"
# A browser that shows a problem needs nothing for it.
_NOTHING = "default-src 'none'; frame-ancestors 'none'"


class Problem(Exception):
    """What is answered in place of what was asked for.

    `code` is the last part of `type` (`/problems/CODE`); `detail` is a sentence: what, where, what to do. `errors`
    name each wrong `parameter` (query, path, header) or `pointer` (JSON Pointer into the body).
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.errors, self.headers = tuple(errors), dict(headers or {})


def bad_parameter(parameter: str, detail: str) -> Problem:
    """400 for one parameter."""
    return Problem(400, "bad_parameter", f"{parameter}: {detail}", [{"parameter": parameter, "detail": detail}])


def not_found(what: str, id_: str) -> Problem:
    """404: unknown, or another operator's, which is the same to who asks. Ids are shown as they were asked for."""
    return Problem(404, "not_found", f"there is no {what} {id_[:64]!r} that you may see; check the id")


def unavailable(reason: str) -> Problem:
    """503: nothing was done, and it may be tried again."""
    return Problem(
        503, "unavailable", f"{reason}; nothing was lost, try again in a few seconds", headers={"Retry-After": "2"}
    )


def problem_document(problem: Problem) -> dict[str, Any]:
    """The fields of RFC 9457, with the request's id as `instance`."""
    document: dict[str, Any] = {
        "type": f"/problems/{problem.code}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "instance": request_id(),
    }
    if problem.errors:
        document["errors"] = list(problem.errors)
    return document


def problem_response(problem: Problem) -> Response:
    """The answer."""
    return Response(
        orjson.dumps(problem_document(problem)),
        problem.status,
        {"Cache-Control": "no-store", "Content-Security-Policy": _NOTHING, **problem.headers},
        MEDIA_TYPE,
    )


async def answer_problem(request: Request, error: Exception) -> Response:
    """An exception handler of Starlette for Problem."""
    if not isinstance(error, Problem):
        raise error
    return problem_response(error)
