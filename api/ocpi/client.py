"""We ask a partner: one request, its envelope read, and everything that can go wrong told in one way.

Partners are believed little: no redirects, no private addresses, answers up to 10 MiB within 10 s, and success only
where both the HTTP status and the OCPI status code say so.
"""

import asyncio
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import orjson

from api.ocpi.tokens import authorization
from api.outward.client import GuardedTransport
from api.outward.pauses import retry_after_s
from api.outward.targets import TargetRefused, Targets

CONNECT_S, TOTAL_S = 5.0, 10.0
ANSWER_MAX = 10 << 20
# Servers close connections that are idle for 5 s and more: one that is closed as we use it is an answer that is lost.
_KEEP_S = 2.0
_DONE = range(1000, 2000)
_SUCCESS = range(200, 300)
# As long as a token of ours, written in whatever way: no word that people use.
_LONG_WORD = re.compile(r"[0-9A-Za-z_=-]{40,}")
_RETRY_AFTER_S_MAX = 3_600
_TIMEOUTS = {"timeout": httpx.Timeout(TOTAL_S, connect=CONNECT_S).as_dict()}


class PartnerFault(Exception):
    """A partner that could not be asked, or did not do it; the message says which.

    `status` and `code` are what it answered, None where it answered nothing that can be read; `retry_after_s` is for
    how long it asks to be left alone, `said` its own message, and `headers` those of its answer.
    """

    def __init__(
        self,
        message: str,
        status: int | None = None,
        code: int | None = None,
        retry_after_s: float = 0.0,
        *,
        said: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.retry_after_s = status, code, retry_after_s
        self.said, self.headers = said, headers or {}

    @property
    def is_not_let_in(self) -> bool:
        """Whether our token is not known there; some packages say 403 for it."""
        return self.status in (401, 403)

    @property
    def is_too_busy(self) -> bool:
        """Whether it may do later what it does not do now."""
        return self.status in (408, 429)

    @property
    def is_elsewhere(self) -> bool:
        """Whether nothing was there: the object is not known, or the interface is not where we asked."""
        return self.status in (404, 405)

    @property
    def says_nothing(self) -> bool:
        """Whether it says nothing of what was asked: no answer, not let in, too busy, or a fault of its own."""
        return self.status is None or self.status >= 500 or self.is_not_let_in or self.is_too_busy


@dataclass(frozen=True, slots=True)
class PartnerAnswer:
    """What a partner answered: `data` of the envelope, or None; and the headers."""

    data: Any
    status: int
    code: int
    headers: Mapping[str, str]


def one_object(data: Any) -> Any:
    """An object of an answer: one that was wrapped into a list is what some packages send."""
    return data[0] if isinstance(data, list) and len(data) == 1 else data


class PartnerClient:
    """Asks as one of our tokens says, for one event loop, until it is closed."""

    def __init__(self, targets: Targets, token: str, encoding: str) -> None:
        self._transport = GuardedTransport(targets, keep_s=_KEEP_S)
        self._authorization, self._token = authorization(token, encoding), token

    async def __aenter__(self) -> "PartnerClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transport.aclose()

    async def ask(
        self, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> PartnerAnswer:
        """The answer to a request; a body of bytes is JSON already.

        Raises PartnerFault for all that is not 2xx with 1000 to 1999.
        """
        given = {
            "Authorization": self._authorization,
            "Accept": "application/json",
            "User-Agent": "WattLedger",
            "X-Request-ID": str(uuid4()),
            "X-Correlation-ID": str(uuid4()),
            **(headers or {}),
        }
        content = None
        if body is not None:
            content = body if isinstance(body, bytes) else orjson.dumps(body)
            given["Content-Type"] = "application/json"
        try:
            async with asyncio.timeout(TOTAL_S):
                status, told, text = await self._sent(method, url, content, given)
        except (TargetRefused, httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise PartnerFault(f"{method} {url} failed: {_said(error)}") from error
        return _read(method, url, status, told, text, self._token)

    async def _sent(
        self, method: str, url: str, content: bytes | None, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        # Past httpx's client, which keeps cookies that it is given and follows redirects: neither is wanted.
        request = httpx.Request(method, url, content=content, headers=headers, extensions=_TIMEOUTS)
        answer = await self._transport.handle_async_request(request)
        answer.request = request
        try:
            text = bytearray()
            async for part in answer.aiter_bytes():
                text += part
                if len(text) > ANSWER_MAX:
                    raise PartnerFault(f"{method} {url}: the answer has more than 10 MiB", answer.status_code)
            return answer.status_code, dict(answer.headers), bytes(text)
        finally:
            await answer.aclose()


def _read(method: str, url: str, status: int, headers: Mapping[str, str], text: bytes, token: str) -> PartnerAnswer:
    try:
        envelope = orjson.loads(text)
    except orjson.JSONDecodeError:
        envelope = None
    code = envelope.get("status_code") if isinstance(envelope, dict) else None
    wait_s = retry_after_s(headers.get("retry-after", ""), _RETRY_AFTER_S_MAX)
    if not isinstance(code, int):
        said = f"{method} {url}: HTTP {status}, and the answer is no envelope of OCPI"
        raise PartnerFault(said, status, retry_after_s=wait_s)
    if status not in _SUCCESS or code not in _DONE:
        said = _in_one_line(_without_tokens(str(envelope.get("status_message") or ""), token))
        message = f"{method} {url}: HTTP {status}, status_code {code} {said}".rstrip()
        raise PartnerFault(message, status, code, wait_s, said=said, headers=headers)
    return PartnerAnswer(envelope.get("data"), status, code, headers)


def _without_tokens(text: str, token: str) -> str:
    """What a partner says, for logs and for people, though it says our own token back to us, or a new one."""
    for written in (b64encode(token.encode()).decode(), token):
        text = text.replace(written, "...")
    return _LONG_WORD.sub("...", text)


def _in_one_line(text: str) -> str:
    """What a partner wrote, as it can be stored and shown: printable, and not long."""
    return " ".join("".join(each if each.isprintable() else " " for each in text[:1_000]).split())[:200]


def _said(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__
