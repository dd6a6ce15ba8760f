"""Connections of clients that may mean harm: how long each may take, and how much of it is held meanwhile.

uvicorn waits for ever for the head of a request, for its body and for a client that does not read, and holds a head
of any size. Here each of these has an end, so that no number of such clients keeps others from being answered.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import Any, ClassVar, Final, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.ocpi.refusals import refusal
from api.problems import Problem, problem_response
from api.request_ids import take_request_id

_LINE_BYTES = 300


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a client may take: seconds, bytes, places in a queue.

    A head (request line and headers) arrives within `head_s` of its first byte, or of the connection, and has at
    most `head_bytes`; a body arrives within `body_s`. Of an answer something is read every `stalled_s`, and the rest
    of it within `closing_s` once the connection is to end; so long, too, is a body that was refused thrown away, so
    that its client reads why. `pipelined` requests may wait behind one that is answered. Of more than `connections`
    the one that has been idle for longest ends.
    """

    head_s: float = 10
    body_s: float = 30
    stalled_s: float = 60
    closing_s: float = 5
    head_bytes: int = 32 << 10
    pipelined: int = 32
    connections: int = 2_000


class Connection(HttpToolsProtocol):
    """uvicorn's own with Bounds; `end_if_overdue` is asked now and then by who runs the server."""

    bounds: ClassVar[Bounds] = Bounds()

    # What we wait for from the client: until when, and whether it is a head.
    _deadline: float = inf
    _in_head: bool = False
    _head_bytes: int = 0
    # How what came last begins: with a line that says where it goes to, where a request begins there.
    _newest: bytes = b""
    # Until when something of an answer must have been read.
    _read_by: float = inf
    _idle_since: float = 0
    # Whether it was answered without the application, and what it still sends is thrown away.
    _refused: bool = False

    def connection_made(self, transport: Any) -> None:
        """A connection more; another one, or this one, ends where there are too many."""
        super().connection_made(transport)
        now = self.loop.time()
        self._deadline, self._idle_since = now + self.bounds.head_s, now
        if len(self.connections) > self.bounds.connections:
            _one_idle(cast("Iterable[Connection]", self.connections), self)._leave()

    def data_received(self, data: bytes) -> None:
        """Bytes of a request; a head that has grown too large is answered and no more read."""
        if self._refused or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        self._newest = data[:_LINE_BYTES]
        super().data_received(data)
        if self._refused or self.transport.is_closing():
            return
        if self._in_head and self._head_bytes > self.bounds.head_bytes:
            self._refuse(_HEAD_TOO_LARGE)
        elif self._deadline == inf and self.is_idle:
            # Empty lines, which no request begins with, end the wait that uvicorn has for the next one.
            self._deadline = self.loop.time() + self.bounds.head_s

    def on_message_begin(self) -> None:
        """The first byte of a head."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self._deadline = self.loop.time() + self.bounds.head_s

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; those behind a body are nobody's."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The end of a head."""
        self._in_head = False
        self._deadline = self.loop.time() + self.bounds.body_s
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > self.bounds.head_bytes:
            self._refuse(_HEAD_TOO_LARGE)
        elif len(self.pipeline) >= self.bounds.pipelined:
            self.transport.abort()
        elif not self._refused and not self.transport.is_closing():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of a body, of a request that was taken."""
        if not self._refused and not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The end of a request: nothing more is owed to us."""
        if not self._refused and not self.transport.is_closing():
            self._deadline = inf
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """The end of an answer; a body that still comes is thrown away for a moment, and then the connection ends."""
        super().on_response_complete()
        self._idle_since = self.loop.time()
        if self._deadline < inf and not self._in_head:
            self._deadline = self._idle_since + self.bounds.closing_s

    def pause_writing(self) -> None:
        """The client does not read as fast as it is answered."""
        super().pause_writing()
        self._read_by = self.loop.time() + self.bounds.stalled_s

    def resume_writing(self) -> None:
        """The client has read."""
        super().resume_writing()
        self._read_by = inf

    @property
    def is_idle(self) -> bool:
        """Whether no request of it is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def end_if_overdue(self, now: float) -> None:
        """End the connection where its client has taken too long; `now` is the loop's time."""
        if self.transport.is_closing():
            self._read_by = min(self._read_by, now + self.bounds.closing_s)
        if now > self._read_by:
            self.transport.abort()
        # Who is not read from cannot be late.
        elif now > self._deadline and not self.flow.read_paused and not self.transport.is_closing():
            self._leave(_TOO_SLOW if self._in_head or not self.is_idle else None)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP; uvicorn's sentence is for a log and nobody's fault is shown."""
        self._refuse(_NO_HTTP)

    def _leave(self, problem: Problem | None = None) -> None:
        """End the connection, and say why where nothing has been said yet."""
        if problem is None or self._refused:
            self.transport.close()
        else:
            self._refuse(problem)

    def _refuse(self, problem: Problem) -> None:
        """Answer without the application, and end as soon as the client has read it."""
        if self._refused or self.transport.is_closing():
            return
        if not self.is_idle:
            if self.cycle.response_started:
                # Behind half an answer nothing can be said.
                self.transport.abort()
                return
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._refused = True
        self._unset_keepalive_if_required()
        # Before the first byte of a request there are none; an address that is none is not read to its end.
        given = getattr(self, "headers", None) or []
        target = getattr(self, "url", None) or next(iter(self._newest.split(b" ", 2)[1:]), b"")
        self.transport.write(_answer(problem, self.server_state.default_headers, target, given))
        # Closing with bytes that were not read would take the answer back on its way.
        self.transport.write_eof()
        self._deadline = self.loop.time() + self.bounds.closing_s


def _answer(
    problem: Problem, headers: list[tuple[bytes, bytes]], target: bytes, given: list[tuple[bytes, bytes]]
) -> bytes:
    id_ = take_request_id(None)
    response = refusal(problem, target, given, id_)
    own = [(b"connection", b"close")]
    if response is None:
        response = problem_response(problem)
        own.append((b"x-request-id", id_.encode()))
    lines = [b"%s: %s\r\n" % header for header in (*headers, *response.raw_headers, *own)]
    return b"".join([STATUS_LINE[response.status_code], *lines, b"\r\n", bytes(response.body)])


def end_overdue(connections: Iterable[object], now: float) -> None:
    """Ask each connection of a server whether it is to end."""
    for each in list(connections):
        if isinstance(each, Connection):
            each.end_if_overdue(now)


def _one_idle(connections: Iterable[Connection], newest: Connection) -> Connection:
    """The connection that has been idle for longest; the newest where all others are being answered."""
    idle = [each for each in connections if each is not newest and each.is_idle and not each.transport.is_closing()]
    return min(idle, key=lambda each: each._idle_since, default=newest)


_HEAD_TOO_LARGE: Final = Problem(
    431,
    "head_too_large",
    "the address and the headers have more than 32 KiB together; send less",
)
_TOO_SLOW: Final = Problem(408, "too_slow", "the request did not arrive in time; send it again, without pauses")
_NO_HTTP: Final = Problem(
    400, "no_http", "this is no HTTP/1.1 request; check the method, the address and the headers"
)
