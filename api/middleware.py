"""What is done with every request, whoever answers it: its id, the limit of its body, the log, what nobody caught.

No answer is taken by a browser for anything else than its media type says.
"""

import logging
import re
import time
from urllib.parse import quote, unquote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.parameters import SLASH_WITHIN
from api.problems import Problem, problem_response
from api.request_ids import noted_path, request_id, take_request_id

BODY_MAX = 1 << 20
# A slow answer is a warning in the log; what machines ask each moment is told when debugging alone.
_SLOW_S = 1.0
_OF_MACHINES = ("/livez", "/readyz", "/metrics", "/static/")
# Method, path, status (0 for none) and milliseconds; never the query or a body, where anything may stand.
_ANSWERED = "%s %s: %d in %.1f ms"

# In a path a slash that belongs to an identifier is written so; it would be taken for the end of a part of the path.
_SLASH = re.compile("%2f", re.IGNORECASE)

_log = logging.getLogger(__name__)


class Outermost:
    """Gives a request its id, answers what nobody caught with a problem, and logs what went wrong or was slow."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        keep_slashes_within(scope)
        id_ = take_request_id(Headers(scope=scope).get("x-request-id"))
        begun, status = time.perf_counter(), 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = id_
                headers.setdefault("X-Content-Type-Options", "nosniff")
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except ClientDisconnect:
            _log.info("%s %s: the client hung up", scope["method"], noted_path(scope))
        except Exception:
            _log.exception("%s %s failed", scope["method"], noted_path(scope))
            if status:
                raise
            await problem_response(
                Problem(500, "internal", f"this failed by a fault of ours; tell us the request id {request_id()}")
            )(scope, receive, answer)
        seconds = time.perf_counter() - begun
        _log.log(
            _level(scope["path"], seconds), _ANSWERED, scope["method"], noted_path(scope), status, 1_000 * seconds
        )


def keep_slashes_within(scope: Scope) -> None:
    """Have an escaped slash of a path stay within its part of it, as SLASH_WITHIN."""
    if b"%2f" in scope.get("raw_path", b"").lower():
        scope["path"] = unquote(_SLASH.sub(quote(SLASH_WITHIN), scope["raw_path"].decode("ascii", "replace")))


def _level(path: str, seconds: float) -> int:
    if seconds > _SLOW_S:
        return logging.WARNING
    return logging.DEBUG if path.startswith(_OF_MACHINES) else logging.INFO


def bounded(scope: Scope, receive: Receive, too_large: Exception) -> Receive:
    """Receives a body of up to BODY_MAX; raises `too_large`, at once where its Content-Length says so already."""
    stated, taken = Headers(scope=scope).get("content-length", "0"), 0
    if stated.isdecimal() and int(stated) > BODY_MAX:
        raise too_large

    async def take() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > BODY_MAX:
            raise too_large
        return message

    return take


class BodyLimit:
    """Refuses a body above 1 MiB with 413, whatever its Content-Length says."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def answer(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, bounded(scope, receive, _TOO_LARGE), answer)
        except Problem as problem:
            if begun:
                raise
            await problem_response(problem)(scope, receive, send)


_TOO_LARGE = Problem(413, "body_too_large", "the body has more than 1 MiB (1,048,576 bytes); send less at once")
