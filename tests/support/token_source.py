"""The sender interface for tokens of a partner of the tests: its list, and its word on who may charge."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.server import listen, serve, url_of
from tests.support.partner import TestPartner, enveloped


@dataclass(frozen=True)
class Heard:
    """A question as it came."""

    uid: str
    type: str | None
    body: Any
    headers: dict[str, str]


@dataclass
class TokenSource:
    """`tokens` are listed in pages of `page_max`; `says` has what is answered about a uid, or how.

    A uid that it does not know is 404 with 2004. Where `holds` is given no question is
    answered before it is set, and no page before `holds_pages`.
    `links` makes the header of what follows, None for none. `token_c` is what the partner is known by.
    """

    url: str = ""
    token_c: str = ""
    tokens: list[Any] = field(default_factory=list)
    page_max: int = 2
    says: dict[str, Any] = field(default_factory=dict)
    heard: list[Heard] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    holds: threading.Event | None = None
    holds_pages: threading.Event | None = None
    links: Callable[[str], str | None] = lambda url: f'<{url}>; rel="next"'
    total: bool = True
    fails_at: int | None = None

    def offered_by(self, partner: TestPartner) -> None:
        """Have a partner list this among its interfaces, in both versions."""
        for version in partner.versions:
            endpoints = [
                {"identifier": "credentials", "role": "RECEIVER", "url": f"{partner.url}/{version}/credentials"},
                {"identifier": "tokens", "role": "SENDER", "url": f"{self.url}/tokens/"},
            ]
            details = {"version": version, "endpoints": endpoints}
            partner.broken[f"/{version}"] = lambda _, details=details: enveloped(details)  # type: ignore[misc]

    async def listed(self, request: Request) -> Response:
        """A page."""
        offset = int(request.query_params.get("offset", 0))
        self.pages.append(str(request.url))
        if self.holds_pages is not None:
            await asyncio.to_thread(self.holds_pages.wait, 20)
        if self.fails_at is not None and offset >= self.fails_at:
            return enveloped(code=3000, status=503)
        page = self.tokens[offset : offset + self.page_max]
        answer = enveloped(page)
        if self.total:
            answer.headers["X-Total-Count"] = str(len(self.tokens))
        following = offset + len(page)
        link = self.links(f"{self.url}/tokens/?offset={following}&limit={self.page_max}")
        if following < len(self.tokens) and link is not None:
            answer.headers["Link"] = link
        return answer

    async def asked(self, request: Request) -> Response:
        """A question."""
        text = await request.body()
        uid = str(request.path_params["uid"])
        self.heard.append(
            Heard(uid, request.query_params.get("type"), json.loads(text) if text else None, dict(request.headers))
        )
        if self.holds is not None:
            await asyncio.to_thread(self.holds.wait, 20)
        found = self.says.get(uid)
        if found is None:
            return enveloped(code=2004, status=404)
        return found if isinstance(found, Response) else enveloped(found)


@contextmanager
def token_source(**more: Any) -> Iterator[TokenSource]:
    """One that listens, for as long as the block runs."""
    made = TokenSource(**more)
    routes = [
        Route("/tokens/", made.listed, methods=["GET"]),
        Route("/tokens/{uid}/authorize", made.asked, methods=["POST"]),
    ]
    stop, ready = threading.Event(), threading.Event()
    with listen("127.0.0.1", 0) as listening:
        made.url = url_of(listening)
        thread = threading.Thread(
            target=serve, args=(Starlette(routes=routes), listening, ready.set, stop), name="tokens"
        )
        thread.start()
        try:
            assert ready.wait(180)
            yield made
        finally:
            for held in (made.holds, made.holds_pages):
                if held is not None:
                    held.set()
            stop.set()
            thread.join()
