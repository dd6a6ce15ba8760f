"""The application below `/ocpi`: its routes, and what is done with every request, whoever answers it."""

import logging
import time
from uuid import uuid4

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.middleware import bounded, keep_slashes_within
from api.ocpi import credentials, hubs, modules, versions
from api.ocpi.answers import Code, OcpiFault, away, failed, nothing_there
from api.ocpi.charge_tokens import receiver
from api.ocpi.routing import swapped
from api.ocpi.surface import OcpiSurface
from api.ocpi.versions import CONFIGURES
from api.request_ids import noted_path, take_request_id
from ledger.errors import MachineryFault

PREFIX = "/ocpi"
HEAD_MAX = 8 << 10
_ANSWERED = "%s %s: %d in %.1f ms"

_log = logging.getLogger(__name__)


def create_ocpi(surface: OcpiSurface) -> ASGIApp:
    """The application on a surface; it neither starts nor ends what the surface holds."""
    app = Starlette(
        routes=[
            *versions.routes(),
            *credentials.routes(),
            *hubs.routes(),
            *modules.routes(),
            *receiver.routes(),
        ],
        exception_handlers={OcpiFault: _answer_fault, HTTPException: _answer_http, Exception: _answer_any},
    )
    app.router.redirect_slashes = False
    app.state.ocpi = surface
    return _Enveloped(app)


class Beside:
    """Passes what is below `/ocpi` on to the application of OCPI, and all else to the other one."""

    def __init__(self, app: ASGIApp, ocpi: ASGIApp) -> None:
        self._app, self._ocpi = app, ocpi

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (scope["path"] == PREFIX or scope["path"].startswith(f"{PREFIX}/")):
            within = {**scope, "root_path": scope.get("root_path", "") + PREFIX}
            await self._ocpi(within, receive, send)
            return
        await self._app(scope, receive, send)


class _Enveloped:
    """Gives answers the ids of their requests, refuses what is too large, and answers what nobody caught."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        keep_slashes_within(scope)
        headers, begun, status = Headers(scope=scope), time.perf_counter(), 0
        # In logs stands what may stand there; what comes back is what was given.
        noted = take_request_id(headers.get("x-request-id"))
        id_, correlation = decent(headers.get("x-request-id"), noted), decent(headers.get("x-correlation-id"))

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                told = MutableHeaders(scope=message)
                told["X-Request-ID"], told["X-Correlation-ID"] = id_, correlation
                told["X-Content-Type-Options"] = "nosniff"
                told.update(swapped(headers) if _is_routed(scope["path"]) else {})
            await send(message)

        try:
            await self._bounded(scope, headers, receive, answer)
        except ClientDisconnect:
            _log.info("%s %s: the partner hung up", scope["method"], noted_path(scope))
        except Exception as error:
            if not isinstance(error, MachineryFault):
                _log.exception("%s %s failed", scope["method"], noted_path(scope))
            # Behind routes the answer was given before this was raised.
            if not status:
                await _fault_of_ours(error)(scope, receive, answer)
        _log.info(_ANSWERED, scope["method"], noted_path(scope), status, 1_000 * (time.perf_counter() - begun))

    async def _bounded(self, scope: Scope, headers: Headers, receive: Receive, answer: Send) -> None:
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > HEAD_MAX:
            await failed(OcpiFault(Code.CLIENT, "the URL has more than 8 KiB", 414))(scope, receive, answer)
            return
        if sum(len(name) + len(value) + 4 for name, value in scope["headers"]) > HEAD_MAX:
            await failed(OcpiFault(Code.CLIENT, "the headers have more than 8 KiB", 431))(scope, receive, answer)
            return
        try:
            take = bounded(scope, receive, _TOO_LARGE)
        except OcpiFault as fault:
            await failed(fault)(scope, receive, answer)
            return
        await self._app(scope, take, answer)


_TOO_LARGE = OcpiFault(Code.CLIENT, "the body has more than 1 MiB (1,048,576 bytes)", 413)


def _is_routed(path: str) -> bool:
    """Whether a path is of a functional module, below a version; those that configure a connection have no route."""
    _, _, module = path.removeprefix(f"{PREFIX}/").partition("/")
    return bool(module) and module.split("/")[0] not in CONFIGURES


def decent(given: str | None, otherwise: str = "") -> str:
    """An id that comes back: as it was given where that is printable, another one where there was none."""
    if given and given.isascii() and given.isprintable() and len(given) <= 100:
        return given
    return otherwise or str(uuid4())


def _fault_of_ours(error: Exception) -> Response:
    known = isinstance(error, MachineryFault)
    return failed(away() if known else OcpiFault(Code.SERVER, "a fault of ours; try again"))


async def _answer_any(_: Request, error: Exception) -> Response:
    return _fault_of_ours(error)


async def _answer_fault(_: Request, fault: Exception) -> Response:
    assert isinstance(fault, OcpiFault)
    return failed(fault)


async def _answer_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return failed(nothing_there("there is nothing at this path; the versions say what there is"))
    return failed(OcpiFault(Code.CLIENT, "this is not possible", error.status_code, error.headers))
