"""Bodies of requests as JSON, read strictly: what is ambiguous or hostile is refused before anybody looks at it."""

import json
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from starlette.requests import Request

from api.ocpi.answers import Code, OcpiFault, not_json

_DEPTH_MAX = 32
_JSON = "application/json"
# What hides brackets; one that does not end hides all that follows it.
_TEXTS = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_ALIKE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(each for each in range(256) if each not in b"[]{}")


async def body_of(request: Request) -> Any:
    """What a request sent.

    Raises OcpiFault: 415 for another type, 400 for what is no JSON in UTF-8, for NaN, a key that is there twice, and
    for more than 32 levels. A body without a type is taken for JSON.
    """
    media_type = request.headers.get("content-type", _JSON).partition(";")[0].strip().lower()
    if media_type != _JSON:
        raise OcpiFault(Code.CLIENT, f"{media_type[:60]!r} is not understood; send application/json", 415)
    return parsed(await request.body())


def parsed(body: bytes) -> Any:
    """The JSON of a body; raises as `body_of` does."""
    _refuse_deep(body)
    try:
        # Of bytes the reader would guess the encoding; JSON between systems is UTF-8 (RFC 8259, section 8.1).
        return json.loads(body.decode(), object_pairs_hook=_object, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise not_json(f"the body is not JSON: {_said(error)}") from None


def _said(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return str(error) if isinstance(error, _Refused | json.JSONDecodeError) else "a number in it is too long"


class _Refused(ValueError):
    """What JSON leaves open and we do not."""


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Refused(f"{key[:60]!r} is there twice in one object")
        found[key] = value
    return found


def _no_number(text: str) -> NoReturn:
    raise _Refused(f"{text} is no number of JSON")


def _refuse_deep(body: bytes) -> None:
    """Refuse what is deeper than a reader should go, before one that goes down into each level reads it.

    Of all brackets outside of strings the innermost pairs are taken away, level by level.
    """
    if body.count(b"[") + body.count(b"{") <= _DEPTH_MAX:
        return
    brackets = _TEXTS.sub(b"", body).translate(_ALIKE, _NO_BRACKETS)
    for _ in range(_DEPTH_MAX):
        brackets = brackets.replace(b"[]", b"")
    if b"[]" in brackets:
        raise not_json(f"the body has more than {_DEPTH_MAX} levels")
