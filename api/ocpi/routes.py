"""How a module declares a path: which methods it has, and what answers each; with and without a slash at the end."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.ocpi.answers import not_possible
from api.ocpi.bearing import OcpiCall, call_of
from api.ocpi.routing import route_of

_ALL = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")

Answer: TypeAlias = Callable[[OcpiCall], Awaitable[Response]]


def ocpi_route(
    path: str,
    methods: Mapping[str, Answer],
    *,
    version: str = "",
    handshake: bool = False,
    functional: bool = True,
) -> list[Route]:
    """The routes of one path below `/ocpi`. Methods it does not have are 405, once it is known who asks.

    `handshake` where a token of a handshake is enough. Calls of functional modules are routed between parties; those
    that configure a connection are not (transport_and_format § Message Routing), a handshake least of all.
    """
    allowed = ", ".join(sorted(methods))

    async def answer(request: Request) -> Response:
        call = await call_of(request, version, handshake=handshake)
        # What is read is also told about: a HEAD is a GET whose body is not sent.
        method = "GET" if request.method == "HEAD" else request.method
        if method not in methods:
            raise not_possible(request.method, allowed)
        if functional and not handshake:
            call = replace(call, routed=await route_of(call.surface, call.partner, request.headers))
        return await methods[method](call)

    # No redirect leads from one form to the other: a POST that follows one becomes a GET, or loses who it is from.
    return [Route(each, answer, methods=_ALL) for each in (path, f"{path}/")]
