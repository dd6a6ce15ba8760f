"""One request to a resource: who asks, what for, and how it is read and answered."""

import asyncio
import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from api.access.principal import Principal
from api.access.roles import Right, asks, may
from api.parameters import AsOf, PageRequest, as_of, refuse_unknown_parameters
from api.problems import Problem, bad_parameter, unavailable
from api.surface import Surface
from api.tables import MEDIA_TYPES, Form
from ledger.errors import MachineryFault
from projections.errors import MomentAhead, NotReadYet
from projections.reading import Snapshot

T = TypeVar("T")

JSON = "application/json"
# Reads wait for the database and not for each other: more threads than the pools have connections help nobody.
_THREADS = 12
# How often a request that waits for the database looks whether it is still there, and how long it waits for one that
# has said nothing at all meanwhile: who asks is told so within two seconds.
_LOOK_S = 0.25
_SILENT_S_MAX = 1.25

# What a client says that it does not take at all.
_UNWANTED = re.compile(r";\s*q=0(\.0*)?\s*(;|$)", re.IGNORECASE)

_threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="read")


@dataclass(slots=True)
class Call:
    """A request that may be answered: its principal has the right to it, and its parameters are known ones."""

    request: Request
    surface: Surface
    principal: Principal
    as_of: AsOf

    async def read(self, ask: Callable[[Snapshot], T]) -> T:
        """What is found in one snapshot as of `known_at`, by the database role of who asks; 503 when it is away."""
        readers, scope, known_at = self.surface.readers, self.principal.scope, self.as_of.known_at
        if readers.away:
            raise unavailable("the database does not answer")
        context, begun = copy_context(), time.monotonic()
        work = asyncio.get_running_loop().run_in_executor(
            _threads, lambda: context.run(readers.read, scope, ask, known_at)
        )
        try:
            while True:
                done, _ = await asyncio.wait({work}, timeout=_LOOK_S)
                if done:
                    return work.result()
                is_silent = time.monotonic() > begun + _SILENT_S_MAX and not readers.has_answered_since(begun)
                if readers.away or is_silent:
                    work.cancel()
                    raise MachineryFault("the database does not answer")
        except MachineryFault as fault:
            raise unavailable(str(fault)) from fault
        except NotReadYet as behind:
            raise unavailable(f"the read models are behind: {behind}") from behind
        except MomentAhead as ahead:
            raise bad_parameter("known_at", str(ahead)) from ahead

    async def answer(self, ask: Callable[[Snapshot], Mapping[str, Any] | None], missing: Problem) -> Response:
        """One object with its strong ETag and what it is as of; `missing` where `ask` finds none."""

        def read(snapshot: Snapshot) -> tuple[Mapping[str, Any] | None, int]:
            return ask(snapshot), snapshot.known

        found, position = await self.read(read)
        if found is None:
            raise missing
        return self.document(found, position)

    async def answer_list(
        self, page: PageRequest, ask: Callable[[Snapshot], tuple[Sequence[Mapping[str, Any]], str | None]]
    ) -> Response:
        """A part of a list: `data`, `next_cursor` and `as_of`; `ask` gives the objects and the cursor behind them."""

        def read(snapshot: Snapshot) -> tuple[Sequence[Mapping[str, Any]], str | None, int]:
            data, next_cursor = ask(snapshot)
            return data, next_cursor, snapshot.known

        data, next_cursor, position = await self.read(read)
        body = {"data": data, "next_cursor": next_cursor, "as_of": self.as_of.document(position)}
        return self.json(body)

    def document(self, found: Mapping[str, Any], position: int) -> Response:
        """An object as the answer, 304 where the asker has it already; its tag does not depend on the position."""
        plain = orjson.dumps(found, option=orjson.OPT_UTC_Z)
        tag = _tag(plain)
        headers = {"ETag": tag}
        if tag in tags_of(self.request.headers.get("if-none-match")):
            return Response(status_code=304, headers=self._headers() | headers)
        stated = orjson.dumps(self.as_of.document(position))
        body = b'%s,"as_of":%s}' % (plain[:-1], stated) if len(plain) > 2 else b'{"as_of":%s}' % stated
        return Response(body, 200, self._headers() | headers, JSON)

    def json(self, body: Any, status: int = 200) -> Response:
        """Anything else as JSON."""
        return Response(orjson.dumps(body, option=orjson.OPT_UTC_Z), status, self._headers(), JSON)

    def _headers(self) -> dict[str, str]:
        return {"Cache-Control": "no-store", "X-WattLedger-Lag-Ms": str(self.surface.readers.lag_ms)}


def call_for(right: Right) -> Any:
    """A dependency that gives the Call of a request by somebody who has this right; 401 and 403 otherwise."""

    async def call(
        request: Request,
        of: Annotated[AsOf, Depends(as_of)],
    ) -> Call:
        surface, principal = await admitted(request, right)
        return Call(request, surface, principal, of)

    return Depends(asks(right, call))


def plain_call_for(right: Right) -> Any:
    """The same for a resource that has no axes of time."""

    async def call(request: Request) -> Call:
        surface, principal = await admitted(request, right)
        return Call(request, surface, principal, AsOf())

    return Depends(asks(right, call))


async def admitted(request: Request, right: Right) -> tuple[Surface, Principal]:
    """Who asks, if they may, and asks in a way that can be answered."""
    surface: Surface = request.app.state.surface
    principal = await surface.authenticate(request)
    request.state.principal = principal
    if not may(principal.duty, right):
        raise Problem(
            403,
            "role_may_not",
            f"a principal with role {principal.duty.value} may not do this; it needs the right {right.value!r}: "
            "ask an administrator for another role",
        )
    refuse_unknown_parameters(request)
    _refuse_other_media(request)
    return surface, principal


def _refuse_other_media(request: Request) -> None:
    accepted = request.headers.get("accept")
    if not accepted:
        return
    wanted = {part.partition(";")[0].strip().lower() for part in accepted.split(",") if not _UNWANTED.search(part)}
    given = _media_types(request)
    ranges = {"*/*"} | {f"{each.partition('/')[0]}/*" for each in given}
    if not wanted & (given | ranges | {"application/problem+json"}):
        raise Problem(
            406,
            "not_acceptable",
            f"Accept: this resource is given as {', '.join(sorted(given))}; ask for one of these",
        )


def _media_types(request: Request) -> set[str]:
    """In what a resource will be given: a file in the form that is asked for, else as it always is."""
    types: tuple[str, ...] = getattr(request.scope["route"], "media_types", (JSON,))
    if len(types) == 1:
        return set(types)
    form = request.query_params.get("format")
    return {MEDIA_TYPES[Form(form)].partition(";")[0] if form in set(Form) else JSON}


def tag_of(found: Mapping[str, Any]) -> str:
    """The strong tag of an object, as `Call.document` gives it."""
    return _tag(orjson.dumps(found, option=orjson.OPT_UTC_Z))


def _tag(plain: bytes) -> str:
    return f'"{hashlib.sha256(plain).hexdigest()[:32]}"'


def tags_of(header: str | None) -> set[str]:
    """The strong tags of If-None-Match; weak comparison, as RFC 9110 has it for this header."""
    return {tag.strip().removeprefix("W/") for tag in header.split(",")} if header else set()
