"""HTTP written byte by byte, for requests that no client would send."""

import json
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_WAIT_S = 20


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer as it came; `headers` have names in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def envelope(self) -> dict[str, Any]:
        """The body as an object of JSON. Raises ValueError where it is none."""
        found = json.loads(self.body)
        if not isinstance(found, dict):
            raise TypeError(f"{self.body[:80]!r} is no object")
        return found


def exchange(url: str, request: bytes, *, method: str = "") -> Raw | None:
    """The answer to bytes that are sent to a server; None where it ends the connection without one."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname or "", place.port or 80), _WAIT_S) as connection:
        # It may be refused before all of it was sent; why is there then.
        with suppress(OSError):
            connection.sendall(request)
        try:
            return _read(connection, method)
        except ConnectionError:
            return None


def request_of(method: str, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes | None = None) -> bytes:
    """A request with as many bytes of body as its Content-Length says, unless headers say something else."""
    lines = [method.encode() + b" " + target + b" HTTP/1.1", b"Host: platform"]
    lines += [name + b": " + value for name, value in headers]
    named = {name.lower() for name, _ in headers}
    if body is not None and not named & {b"content-length", b"transfer-encoding"}:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", b""]) + (body or b"")


def chunked(body: bytes, size: int = 7) -> bytes:
    """A body in pieces."""
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in parts) + b"0\r\n\r\n"


def _read(connection: socket.socket, method: str, taken: bytes = b"") -> Raw | None:
    connection.settimeout(_WAIT_S)
    while b"\r\n\r\n" not in taken:
        more = connection.recv(65_536)
        if not more:
            return None
        taken += more
    head, _, body = taken.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
    status = int(first.split(" ")[1])
    if status == 100:
        # Go on, it says; the answer comes behind.
        return _read(connection, method, body)
    length = 0 if method == "HEAD" else int(headers.get("content-length", 0))
    while len(body) < length:
        more = connection.recv(65_536)
        if not more:
            break
        body += more
    return Raw(status, headers, body)
