"""Documents as answers: made in a thread, few at once where they are typeset, and each with its strong tag."""

import asyncio
import hashlib
from collections.abc import Callable

from starlette.responses import Response

from api.call import Call, tags_of
from api.problems import Problem
from api.typesetting import NotTypeset

# How many are typeset at once: each takes a processor for a third of a second.
_AT_ONCE_MAX = 2
_typesetting = asyncio.Semaphore(_AT_ONCE_MAX)


async def made_document(make: Callable[[], bytes]) -> bytes:
    """What `make` makes, in a thread of its own; Problem 503 where it cannot be typeset."""
    try:
        async with _typesetting:
            return await asyncio.to_thread(make)
    except NotTypeset as error:
        raise Problem(503, "not_typeset", "the document could not be made; try again in a moment") from error


def document_answer(call: Call, content: bytes, media_type: str, name: str, shown: str) -> Response:
    """A document with its strong tag; 304 where the asker has it already. `shown` is `inline` or `attachment`."""
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if tag in tags_of(call.request.headers.get("if-none-match")):
        return Response(status_code=304, headers=headers)
    headers["Content-Disposition"] = f'{shown}; filename="{name}"'
    return Response(content, 200, headers, media_type)
