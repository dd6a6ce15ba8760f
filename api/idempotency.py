"""POSTs that act once: the same `Idempotency-Key` gives the first answer again.

This is for what acts on schema `access` alone, where the answer is kept in the transaction that acts: of two requests
at once the second waits for the first, and a server that dies in between has either done both or nothing.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api.access.bodies import idempotency_key
from api.access.gate import Gate
from api.call import JSON, Call
from api.problems import Problem
from ledger.access import asked
from ledger.access.asked import Answer, Asking
from ledger.errors import AccessRefused, AskedOtherwise


@dataclass(frozen=True, slots=True)
class Done:
    """What was done: the answer, what of it is shown this once and never kept, and where the object is."""

    document: Mapping[str, Any]
    status: int = 200
    once: Mapping[str, Any] | None = None
    location: str | None = None


async def act_once(request: Request, call: Call, gate: Gate, body: Any, act: Callable[[Any], Done]) -> Response:
    """Do what is asked, once, with a cursor of the door's, and answer.

    Members that are shown `once` are null in the answer to the same request again. Raises Problem 400 without an
    Idempotency-Key, 422 where something else was asked under it and for what AccessRefused is raised for, 503.
    """
    key = idempotency_key(request)
    said = orjson.dumps([request.method, request.scope["path"], body], option=orjson.OPT_SORT_KEYS)
    asking = Asking(call.principal.name, key, hashlib.sha256(said).digest())

    def do() -> tuple[Answer, bool, Mapping[str, Any]]:
        with gate.door.transaction() as cursor:
            before = asked.take(cursor, asking)
            if before is not None:
                return before, True, {}
            done = act(cursor)
            kept = {**done.document, **dict.fromkeys(done.once or {})}
            answer = Answer(done.status, done.location, orjson.dumps(kept, option=orjson.OPT_UTC_Z))
            asked.note(cursor, asking, answer)
            return answer, False, done.once or {}

    try:
        answer, is_again, once = await gate.credentials.in_thread(do)
    except AccessRefused as refused:
        raise refused_field(refused) from refused
    except AskedOtherwise as otherwise:
        raise Problem(422, "other_body", f"Idempotency-Key: {otherwise}; send a new one") from otherwise
    content = orjson.dumps({**orjson.loads(answer.body), **once}) if once else answer.body
    headers = {"Cache-Control": "no-store"}
    if answer.location is not None:
        headers["Location"] = answer.location
    if is_again:
        headers["Idempotent-Replayed"] = "true"
    return Response(content, answer.status, headers, JSON)


def refused_field(refused: AccessRefused) -> Problem:
    """422, with the field that a refusal begins with."""
    field, _colon, detail = str(refused).partition(": ")
    return Problem(422, "refused", str(refused), [{"pointer": f"/{field}", "detail": detail}])
