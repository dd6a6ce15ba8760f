"""The eMSP's side of calls: one request, and what it was answered, kept so that every answer can be judged."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from tests.ocpi.blackbox.verdicts import Failed

_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: `envelope` is its JSON if that is an object, else {}; `sent` are the headers of the request."""

    what: str
    status: int
    headers: httpx.Headers
    body: bytes
    envelope: dict[str, Any]
    sent: Mapping[str, str]

    @property
    def code(self) -> object:
        """The `status_code` of the envelope."""
        return self.envelope.get("status_code")

    @property
    def data(self) -> Any:
        """The `data` of the envelope."""
        return self.envelope.get("data")

    def be(self, status: int, *codes: int) -> "Answer":
        """This answer, which must have an HTTP status and one of some OCPI status codes."""
        if self.status != status or self.code not in codes:
            wanted = "/".join(map(str, codes))
            raise Failed(
                f"{self.what} is answered HTTP {self.status}, status_code {self.code} where {status}, {wanted} is "
                f"due: {self.body[:160]!r}"
            )
        return self

    def done(self) -> Any:
        """The data of an answer that must be HTTP 200 with 1000."""
        return self.be(200, 1000).data


def authorization(token: str) -> str:
    """The header's value by which a token is brought."""
    return f"Token {b64encode(token.encode()).decode()}"


@dataclass
class Asking:
    """Asks over one connection pool; `answers` keeps all there was. `source` is the address that it asks from."""

    source: str | None = None
    answers: list[Answer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._client = httpx.Client(
            transport=httpx.HTTPTransport(local_address=self.source), timeout=_WAIT_S, follow_redirects=False
        )

    def close(self) -> None:
        """Close what is open."""
        self._client.close()

    def ask(
        self,
        method: str,
        url: str,
        token: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Answer:
        """The answer to a request with ids of its own; no redirect is followed. `more` is httpx's."""
        given = {"X-Request-ID": str(uuid4()), "X-Correlation-ID": str(uuid4())}
        if token is not None:
            given["Authorization"] = authorization(token)
        given |= headers or {}
        # What is to be left out is given as "".
        sent = {name: value for name, value in given.items() if value != ""}
        found = self._client.request(method, url, headers=sent, **more)
        return self._kept(f"{method} {url.partition('?')[0]}", found, sent)

    def _kept(self, what: str, found: httpx.Response, sent: Mapping[str, str]) -> Answer:
        try:
            envelope = found.json()
        except ValueError:
            envelope = {}
        if not isinstance(envelope, dict):
            envelope = {}
        answer = Answer(what, found.status_code, found.headers, found.content, envelope, sent)
        self.answers.append(answer)
        return answer
