"""The one application: resources under `/v1`, pages, probes."""

from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match, Route

from api.access.audit import Audited
from api.middleware import BodyLimit, Outermost
from api.ocpi.app import Beside, create_ocpi
from api.ocpi.surface import OcpiSurface
from api.openapi import VERSION, openapi_text
from api.pages.assets import static_routes
from api.pages.page import failed, wants_html
from api.pages.subjects import ROUTES
from api.pages.waiting import Waiting
from api.parameters import escaped_path
from api.problems import Problem, answer_problem, problem_response
from api.surface import Surface
from api.tables import MEDIA_TYPES, Form
from api.v1 import ROUTERS

_GZIP_FROM = 1_000
# What gzip makes no smaller: the packed forms of a file, and what Starlette itself leaves alone.
_PACKED = (*DEFAULT_EXCLUDED_CONTENT_TYPES, MEDIA_TYPES[Form.XLSX], "application/pdf")
_MIDDLEWARE = [
    Middleware(Outermost),
    Middleware(Audited),
    Middleware(BodyLimit),
    Middleware(GZipMiddleware, minimum_size=_GZIP_FROM, exclude_content_types=_PACKED),
]


def create_app(surface: Surface, ocpi: OcpiSurface | None = None) -> FastAPI:
    """The application on a surface; it neither starts nor ends what the surface holds.

    With the surface of `ocpi` partners are served below `/ocpi`.
    """
    app = FastAPI(
        title="WattLedger",
        version=VERSION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        # Partners have an envelope, errors and limits of their own, so that nothing of ours is around them.
        middleware=[*([Middleware(Beside, create_ocpi(ocpi))] if ocpi is not None else []), *_MIDDLEWARE],
        exception_handlers={
            Problem: answer_problem,
            RequestValidationError: _answer_invalid,
            HTTPException: _answer_http,
        },
        routes=[
            # Routes are tried one after another: those of programs first. They stand beside the others instead of
            # being included, since an included router costs each request a second look-up.
            *(route for router in ROUTERS for route in router.routes),
            Route("/livez", _probe("livez")),
            Route("/readyz", _probe("readyz")),
            Route("/metrics", _metrics),
            Route("/v1/openapi.json", _openapi),
            *static_routes(),
            *ROUTES,
        ],
        redirect_slashes=False,
    )
    app.state.surface = surface
    app.state.waiting = Waiting(surface.readers)
    return app


def _probe(name: str) -> Any:
    async def answer(request: Request) -> Response:
        well, sentence = getattr(request.app.state.surface, name)()
        return PlainTextResponse(f"{sentence}\n", 200 if well else 503, {"Cache-Control": "no-store"})

    return answer


async def _metrics(request: Request) -> Response:
    surface: Surface = request.app.state.surface
    if surface.gate is not None:
        await surface.gate.admit_to_metrics(request)
    body, media_type = surface.metrics()
    return Response(body, 200, {"Cache-Control": "no-store"}, media_type)


async def _openapi(_: Request) -> Response:
    return Response(openapi_text(), 200, {"Cache-Control": "no-store"}, "application/json")


def _methods(request: Request) -> set[str]:
    """All that is possible at a path; the router knows of the first that fits only."""
    routes = [each for each in request.app.router.routes if each.matches(request.scope)[0] is not Match.NONE]
    return {method for each in routes for method in getattr(each, "methods", None) or ()}


async def _answer_invalid(_: Request, error: Exception) -> Response:
    """Parameters that are wrong are 400; a body that is JSON and not of its shape is 422."""
    assert isinstance(error, RequestValidationError)
    found = []
    for each in error.errors():
        place, *path = each["loc"]
        detail = str(each["msg"]).removeprefix("Value error, ")
        if place == "body" and each["type"] != "json_invalid":
            found.append({"pointer": "".join(f"/{_pointer(part)}" for part in path), "detail": detail})
        elif place == "body":
            return problem_response(Problem(400, "not_json", f"the body is not JSON: {detail}; send a JSON object"))
        else:
            found.append({"parameter": str(path[0]) if path else str(place), "detail": detail})
    of_body = any("pointer" in each for each in found)
    first = found[0]
    where = first.get("pointer", first.get("parameter", "")) or "the body"
    sentence = f"{where}: {first['detail']}" + (f" (and {len(found) - 1} more)" if found[1:] else "")
    return problem_response(Problem(*((422, "refused") if of_body else (400, "bad_parameter")), sentence, found))


def _pointer(part: object) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        if wants_html(request):
            return failed(request, Problem(404, "not_found", f"There is no page {escaped_path(request)[:200]}."))
        detail = f"there is nothing at {escaped_path(request)[:200]!r}; /v1/openapi.json lists what there is"
        return problem_response(Problem(404, "not_found", detail))
    if error.status_code == 405:
        allowed = ", ".join(sorted(_methods(request)))
        detail = f"{request.method} is not possible here; use {allowed}"
        return problem_response(Problem(405, "method_not_allowed", detail, headers={"Allow": allowed}))
    return problem_response(Problem(error.status_code, "refused", str(error.detail), headers=error.headers))
