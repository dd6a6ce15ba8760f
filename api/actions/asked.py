"""What an action brings besides its body: the key by which it acts once, what it decides upon, whether it waits."""

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, Final

import orjson
from fastapi import Depends, Header
from starlette.requests import Request

from api.access.bodies import idempotency_key, refuse_other_bodies
from api.problems import bad_parameter

WAIT_S_MAX: Final = 10
_WAIT: Final = re.compile(r"(?:^|[,;\s])wait=(\d{1,4})(?:$|[,;\s])")


@dataclass(frozen=True, slots=True)
class Asked:
    """How an action was asked for: its Idempotency-Key, a digest of path and body, `If-Match`, seconds to wait.

    `body` is what was sent, by which the same key with another one is told.
    """

    key: str
    sha256: bytes
    if_match: str | None = None
    wait_s: int = 0


async def asked(
    request: Request,
    _json: Annotated[None, Depends(refuse_other_bodies)],
    _once: Annotated[
        str | None,
        Header(alias="Idempotency-Key", description="1 to 255 printable characters, new for each action"),
    ] = None,
    if_match: Annotated[
        str | None, Header(alias="If-Match", description="The tag of what is decided, as it was read")
    ] = None,
    prefer: Annotated[
        str | None, Header(description="`wait=N`: answer once the action is taken or refused, within N s (1..10)")
    ] = None,
) -> Asked:
    """A dependency of every action."""
    key = idempotency_key(request)
    return Asked(key, _digest(request, await request.body()), if_match, _seconds(prefer))


ASKED: Any = Depends(asked)


def _digest(request: Request, body: bytes) -> bytes:
    """A digest of what is asked, however it is spaced and its names are ordered."""
    # What is no JSON is refused by its model.
    with suppress(orjson.JSONDecodeError, orjson.JSONEncodeError):
        body = orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(b"%s\n%s\n%s" % (request.method.encode(), request.scope["path"].encode(), body)).digest()


def _seconds(prefer: str | None) -> int:
    """The seconds of `Prefer: wait=N` (RFC 7240); other preferences are not ours."""
    found = _WAIT.search(prefer or "")
    if found is None:
        return 0
    if not 1 <= int(found[1]) <= WAIT_S_MAX:
        raise bad_parameter("Prefer", f"wait={found[1]}: it waits for 1 to {WAIT_S_MAX} s")
    return int(found[1])
