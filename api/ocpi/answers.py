"""The envelope of every answer, and the one table of what went wrong (OCPI: transport_and_format, status_codes).

A request that is authenticated, parsed and addresses something that exists is answered by HTTP 200, whatever is wrong
with what it says; never by 422.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

import orjson
from starlette.responses import Response

from domain.calendar import utc_text


class Code(IntEnum):
    """`status_code` of an answer (status_codes)."""

    DONE = 1000
    CLIENT = 2000
    INVALID = 2001
    TOO_LITTLE = 2002
    UNKNOWN_LOCATION = 2003
    UNKNOWN_TOKEN = 2004
    SERVER = 3000
    CANNOT_USE_API = 3001
    UNSUPPORTED_VERSION = 3002
    NO_ENDPOINTS = 3003


class OcpiFault(Exception):
    """Why a request is not done: HTTP status, OCPI status code, and a sentence for who reads the partner's log."""

    def __init__(self, code: Code, message: str, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.headers = code, message, status, dict(headers or {})


def invalid(message: str) -> OcpiFault:
    """JSON that is fine, and content that is not: HTTP 200 with 2001."""
    return OcpiFault(Code.INVALID, message)


def not_json(message: str) -> OcpiFault:
    """A body that is no JSON of ours to read."""
    return OcpiFault(Code.CLIENT, message, 400)


def unknown_token() -> OcpiFault:
    """Nobody that we know, or somebody where its token does not reach. The scheme is OCPI's own."""
    message = "the token is missing or unknown; send Authorization: Token and the token as it was agreed"
    return OcpiFault(Code.CLIENT, message, 401, {"WWW-Authenticate": "Token"})


def not_possible(method: str, allowed: str) -> OcpiFault:
    """A method that a module does not have, or not in the state in which the connection is."""
    return OcpiFault(Code.CLIENT, f"{method} is not possible here", 405, {"Allow": allowed})


def nothing_there(message: str, code: Code = Code.CLIENT) -> OcpiFault:
    """An object or a path that there is not."""
    return OcpiFault(code, message, 404)


def away() -> OcpiFault:
    """We cannot look anything up."""
    return OcpiFault(Code.SERVER, "try again in a moment", 503, {"Retry-After": "2"})


def done(data: Any = None, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """1000, with what was asked for; without `data` for what is only acknowledged."""
    return enveloped(None if data is None else orjson.dumps(data), status, headers)


def enveloped(data: bytes | None, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """1000, with JSON that is passed on as it is."""
    body = b'"status_code":1000,"timestamp":"%s"' % _now()
    return _response(b"{%s}" % body if data is None else b'{"data":%s,%s}' % (data, body), status, headers)


def failed(fault: OcpiFault) -> Response:
    """The answer to what was not done."""
    stated = {"status_code": int(fault.code), "status_message": fault.message, "timestamp": _now().decode()}
    return _response(orjson.dumps(stated), fault.status, fault.headers)


def _now() -> bytes:
    return utc_text(datetime.now(UTC).replace(microsecond=0)).encode()


def _response(body: bytes, status: int, headers: Mapping[str, str] | None) -> Response:
    return Response(body, status, {"Cache-Control": "no-store", **(headers or {})}, "application/json")
