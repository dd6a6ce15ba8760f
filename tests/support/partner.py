"""A roaming partner of the tests: a small eMSP on a real socket with interfaces of its own, broken on order."""

import asyncio
import json
import threading
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.server import listen, serve, url_of
from tests.support.believed import BELIEVED

NOW = "2026-03-01T00:00:00Z"
# What a request is answered in place of what the partner would say.
Answer = Callable[[Request], Response | Awaitable[Response]]


# The modules that a partner has receiver interfaces of.
RECEIVES = ("locations", "tariffs", "sessions", "cdrs")


@dataclass(frozen=True)
class Push:
    """A push that a partner took or refused: `key` are the parts of the path below the module, folded."""

    method: str
    module: str
    key: tuple[str, ...]
    body: Any
    headers: dict[str, str]
    status: int
    at: float = field(default_factory=time.time)


@dataclass
class TestPartner:
    """An eMSP: by `tokens` it lets us in, `seen` is what it was asked, and `broken` what it answers instead.

    `objects` are what it was pushed, by module and by the parts of their path, folded, and `pushes` are all pushes in
    order. `breaks` has for a module, or "" for all, what a push is answered instead: None lets it pass; `breaks_at`
    the same by the body of a CDR; `slow_s` is how long it takes to answer a push.
    """

    __test__ = False

    party: str
    url: str = ""
    encoding: str = "base64"
    versions: tuple[str, ...] = ("2.2.1", "2.3.0")
    tokens: set[str] = field(default_factory=set)
    answer_token: str = "partner-token-c"
    seen: list[tuple[str, str]] = field(default_factory=list)
    broken: dict[str, Answer] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)
    receives: tuple[str, ...] = RECEIVES
    objects: dict[str, dict[tuple[str, ...], Any]] = field(default_factory=lambda: {each: {} for each in RECEIVES})
    pushes: list[Push] = field(default_factory=list)
    breaks: dict[str, Callable[[Request], Response | None]] = field(default_factory=dict)
    slow_s: float = 0.0
    breaks_at: Callable[[Any], Response | None] = lambda _: None

    def pushed(self, module: str, *methods: str) -> list[Push]:
        """The pushes of a module that it answered by 2xx, of these methods."""
        return [
            each
            for each in self.pushes
            if each.module == module and each.status < 300 and (not methods or each.method in methods)
        ]

    @property
    def versions_url(self) -> str:
        """Where its versions are."""
        return f"{self.url}/versions"

    def credentials(self, token: str, **more: Any) -> dict[str, Any]:
        """Its credentials, with the token that we have to bring it."""
        country, party = self.party.split("-")
        role = {"role": "EMSP", "country_code": country, "party_id": party, "business_details": {"name": "A test"}}
        return {"token": token, "url": self.versions_url, "roles": [role]} | more

    def authorization(self, token: str) -> dict[str, str]:
        """The header by which it asks us."""
        return {
            "Authorization": f"Token {b64encode(token.encode()).decode() if self.encoding == 'base64' else token}"
        }


@contextmanager
def partner(party: str = "DE-ABC", **more: Any) -> Iterator[TestPartner]:
    """A partner that listens, for as long as the block runs."""
    made = TestPartner(party, **more)

    async def answer(request: Request) -> Response:
        return await _answer(made, request)

    application = Starlette(routes=[Route("/{path:path}", answer, methods=_METHODS)])
    stop, ready = threading.Event(), threading.Event()
    with listen("127.0.0.1", 0) as listening:
        made.url = url_of(listening)
        thread = threading.Thread(target=serve, args=(application, listening, ready.set, stop), name="partner")
        thread.start()
        try:
            assert ready.wait(180)
            yield made
        finally:
            stop.set()
            thread.join()


_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def enveloped(
    data: Any = None, code: int = 1000, status: int = 200, headers: dict[str, str] | None = None, message: str = ""
) -> Response:
    """An answer of OCPI."""
    body = {"status_code": code, "timestamp": NOW} | ({} if data is None else {"data": data})
    body |= {"status_message": message} if message else {}
    return JSONResponse(body, status, headers)


async def _answer(partner: TestPartner, request: Request) -> Response:
    path = request.url.path
    partner.seen.append((request.method, path))
    if path in partner.broken:
        answer = partner.broken[path](request)
        return await answer if isinstance(answer, Awaitable) else answer
    if not any(
        request.headers.get("authorization") == partner.authorization(t)["Authorization"] for t in partner.tokens
    ):
        return enveloped(code=2000, status=401)
    if path == "/versions":
        return enveloped([{"version": each, "url": f"{partner.url}/{each}"} for each in partner.versions])
    version, _, module = path[1:].partition("/")
    if version in partner.versions and not module:
        endpoints = [
            {"identifier": each, "role": "RECEIVER", "url": f"{partner.url}/{version}/{each}"}
            for each in ("credentials", *partner.receives)
        ]
        return enveloped({"version": version, "endpoints": endpoints})
    if module == "credentials":
        partner.given.update(json.loads(await request.body() or b"{}"))
        if request.method == "DELETE":
            return enveloped()
        # As OCPI asks: the versions of the other side are read by its new token before it is answered.
        async with httpx.AsyncClient(verify=BELIEVED) as client:
            found = await client.get(partner.given["url"], headers=partner.authorization(partner.given["token"]))
        if found.json()["status_code"] != 1000:
            return enveloped(code=3001)
        partner.tokens.add(partner.answer_token)
        return enveloped(partner.credentials(partner.answer_token))
    module, *key = module.split("/")
    if module in partner.receives and version in partner.versions:
        return await _pushed(partner, request, module, tuple(each.casefold() for each in key))
    return enveloped(code=2000, status=404)


async def _pushed(partner: TestPartner, request: Request, module: str, key: tuple[str, ...]) -> Response:
    body = json.loads(await request.body() or b"null")
    await asyncio.sleep(partner.slow_s)
    breaks = partner.breaks.get(module) or partner.breaks.get("")
    broken = partner.breaks_at(body) if (request.method, module) == ("POST", "cdrs") else None
    answer = broken or (breaks and breaks(request)) or _received(partner, request.method, module, key, body)
    is_done = b'"status_code":1000' in bytes(answer.body)
    status = answer.status_code if is_done else max(400, answer.status_code)
    partner.pushes.append(Push(request.method, module, key, body, dict(request.headers), status))
    return answer


def _received(partner: TestPartner, method: str, module: str, key: tuple[str, ...], body: Any) -> Response:
    """Do as OCPI says of receivers: PUT in place of what is there, PATCH what is named, DELETE, POST a CDR."""
    known = partner.objects[module]
    if method == "POST" and module == "cdrs":
        made = (str(body["id"]).casefold(),)
        known[made] = body
        return enveloped(status=201, headers={"Location": f"{partner.url}/{partner.versions[-1]}/cdrs/{made[0]}"})
    whole, part = key[:3], key[3:]
    if method == "PUT" and not part:
        known[key] = body
    elif whole not in known:
        return enveloped(code=2003 if module == "locations" else 2000, status=404)
    elif method == "GET":
        return enveloped(known[whole])
    elif method == "DELETE":
        del known[whole]
    elif not part:
        _patch(known[whole], body)
    else:
        evses = [each for each in known[whole]["evses"] if each["uid"].casefold() == part[0]]
        if not evses:
            return enveloped(code=2003, status=404)
        _patch(evses[0], body)
        known[whole]["last_updated"] = body["last_updated"]
    return enveloped()


def _patch(known: dict[str, Any], body: dict[str, Any]) -> None:
    # Periods of a session are added to those that are there.
    periods = [*known.get("charging_periods", ()), *body.get("charging_periods", ())]
    known.update(body | ({"charging_periods": periods} if periods else {}))
