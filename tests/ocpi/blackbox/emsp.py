"""The eMSP itself: an HTTP server of its own with versions, credentials and receivers, which breaks on order."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.ocpi.blackbox.asking import authorization
from tests.ocpi.blackbox.receiving import EXISTS, Broken, Received, Store

NOW = "2026-03-01T00:00:00Z"
RECEIVES = ("locations", "tariffs", "sessions", "cdrs")
# What our cut of answers has to end: more than 10 MiB, and longer than 10 s.
_HUGE = 11 << 20
_SLOW_S = 14.0


@dataclass
class Emsp:
    """A partner: where it is, its tokens, and what was pushed to it.

    `tokens` are those by which the platform is let in. `versions` are those it offers. `broken` are ways to answer
    the next pushes of a module, used up one by one.
    """

    party: str
    versions: tuple[str, ...]
    url: str = ""
    token_a: str = ""
    token_c: str = ""
    tokens: set[str] = field(default_factory=set)
    store: Store = field(default_factory=Store)
    asked: list[str] = field(default_factory=list)
    ending: threading.Event = field(default_factory=threading.Event)

    @property
    def country(self) -> str:
        """The country of its party."""
        return self.party[:2]

    @property
    def party_id(self) -> str:
        """The id of its party, in its country."""
        return self.party[3:]

    @property
    def version(self) -> str:
        """The version that both sides have and that is the highest."""
        return max(self.versions)

    def credentials(self, token: str, path: str = "/ocpi/versions", **more: Any) -> dict[str, Any]:
        """Its object, with the token that the platform is to bring."""
        role = {
            "role": "EMSP",
            "country_code": self.country,
            "party_id": self.party_id,
            "business_details": {"name": f"Black box {self.party}"},
        }
        return {"token": token, "url": self.url + path, "roles": [role]} | more


@contextmanager
def listening(party: str, versions: tuple[str, ...]) -> Iterator[Emsp]:
    """An eMSP that listens for as long as the block runs."""
    emsp = Emsp(party, versions)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(emsp))
    server.daemon_threads = True
    emsp.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name=party)
    thread.start()
    try:
        yield emsp
    finally:
        emsp.ending.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _handler_of(emsp: Emsp) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        partner = emsp

    return Handler


class _Handler(BaseHTTPRequestHandler):
    """One connection of the platform."""

    partner: Emsp
    protocol_version = "HTTP/1.1"
    timeout = 60
    # Head and body of an answer leave at once and not when the other side has acknowledged the first.
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path).rstrip("/")
        self.partner.asked.append(f"{self.command} {path}")
        if self._faulty(path):
            return
        if not any(self.headers.get("Authorization") == authorization(each) for each in self.partner.tokens):
            self._send(401, {"status_code": 2000, "status_message": "no token of ours"})
        elif path == "/ocpi/versions":
            self._done(
                [{"version": each, "url": f"{self.partner.url}/ocpi/{each}"} for each in self.partner.versions]
            )
        elif path.removeprefix("/ocpi/") in self.partner.versions:
            self._done(self._details(path.removeprefix("/ocpi/")))
        else:
            self._pushed(path, body)

    def _faulty(self, path: str) -> bool:
        """Versions that a handshake must not be done with."""
        if path == "/moved/versions":
            self._send(302, {"status_code": 1000}, {"Location": f"{self.partner.url}/ocpi/versions"})
        elif path == "/html/versions":
            self._raw(200, b"<html>", {"Content-Type": "text/html"})
        elif path == "/old/versions":
            self._done([{"version": "2.1.1", "url": f"{self.partner.url}/old/2.1.1"}])
        elif path == "/bare/versions":
            self._done([{"version": each, "url": f"{self.partner.url}/bare/details"} for each in ("2.2.1", "2.3.0")])
        elif path == "/bare/details":
            self._done({"version": "2.2.1", "endpoints": []})
        elif path == "/huge/versions":
            self._raw(200, b'{"data":"' + b"x" * _HUGE + b'","status_code":1000}', {})
        elif path == "/slow/versions":
            self.partner.ending.wait(_SLOW_S)
            self._done([])
        elif path == "/refusing/versions":
            self._send(401, {"status_code": 2000})
        else:
            return False
        return True

    @property
    def _slash(self) -> str:
        """What ends the URLs of interfaces: a slash for a partner of the newer version, and none for others."""
        return "/" if self.partner.version == "2.3.0" else ""

    def _details(self, version: str) -> dict[str, Any]:
        base = f"{self.partner.url}/ocpi/{version}"
        endpoints = [{"identifier": "credentials", "role": "SENDER", "url": f"{base}/credentials"}]
        endpoints += [
            {"identifier": each, "role": "RECEIVER", "url": f"{base}/{each}{self._slash}"} for each in RECEIVES
        ]
        endpoints.append({"identifier": "tokens", "role": "SENDER", "url": f"{base}/tokens"})
        return {"version": version, "endpoints": endpoints}

    def _pushed(self, path: str, body: bytes) -> None:
        version, module, *names = [*path.split("/")[2:], "", ""]
        names = [each for each in names if each]
        if version not in self.partner.versions or module not in (*RECEIVES, "tokens"):
            self._send(404, {"status_code": 2000})
        elif module == "tokens":
            self._done([], {"X-Total-Count": "0", "X-Limit": "100"})
        elif not names and not self.path.endswith(module + self._slash):
            # What many do whose interface is in the other form.
            self._send(307, {"status_code": 2000}, {"Location": f"{self.path.rstrip('/')}{self._slash}"})
        else:
            now, headers = time.monotonic(), dict(self.headers)
            self._received(Received(now, version, self.command, module, tuple(names), body, headers))

    def _received(self, received: Received) -> None:
        store = self.partner.store
        how = store.next_fault(received.module, received.method) if received.method != "GET" else None
        if how in (None, Broken.LOST):
            answer = store.take(received, how)
            self._hang_up() if how else self._taken(received, *answer)
            return
        store.refused(received, how)
        if how is Broken.LATE:
            self.partner.ending.wait(_SLOW_S)
        if how in (Broken.LATE, Broken.DROPPED):
            self._hang_up()
            return
        status, code = how.answer
        self._send(status, {"status_code": code, "status_message": "as ordered"})

    def _taken(self, received: Received, status: int, code: int, data: Any) -> None:
        headers, envelope = {}, {"status_code": code}
        if received.module == "cdrs" and status == 201:
            headers["Location"] = f"{self.partner.url}/ocpi/{received.version}/cdrs/{data}"
        elif data is not None:
            envelope["status_message" if data is EXISTS else "data"] = data
        self._send(status, envelope, headers)

    def _done(self, data: Any, headers: dict[str, str] | None = None) -> None:
        self._send(200, {"data": data, "status_code": 1000}, headers)

    def _send(self, status: int, envelope: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self._raw(status, json.dumps(envelope | {"timestamp": NOW}).encode(), headers or {})

    def _raw(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        try:
            self.send_response(status)
            for name, value in ({"Content-Type": "application/json"} | headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            # The other side has had enough.
            self.close_connection = True

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
