"""The HTTP server: uvicorn on a socket that is taken first, ended by whoever started it."""

import asyncio
import contextlib
import errno
import logging
import resource
import socket
import threading
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from api.connections import Connection, end_overdue
from api.request_ids import name_requests_in_logs

# Requests that run are finished within this, and connections that are idle are closed at once.
GRACE_S = 8
# A client that was answered and asks nothing more is waited for so long.
_KEEP_ALIVE_S = 15
_BACKLOG = 2_048
# How often connections are asked whether their clients have taken too long.
_LOOK_S = 0.25
# Beside the connections of clients, for the database's, files, and what libraries open.
_OTHER_FILES = 256


class PortTaken(OSError):
    """Another process listens there."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens, 0 being any port that is free. Raises PortTaken, and OSError for an address not ours."""
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(_BACKLOG)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(error.errno, f"port {port} on {host} is taken by another process") from error
        raise
    return found


def url_of(listening: socket.socket) -> str:
    """Where a socket is found."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(
    application: ASGIApp,
    listening: socket.socket,
    ready: Callable[[], None],
    stop: threading.Event,
    moves: Callable[[], None] = lambda: None,
    connection: type[Connection] = Connection,
) -> None:
    """Answer requests until `stop` is set; `ready` is called when the first may come. Requests that run are finished.

    `moves` is called every moment that the loop goes round, `connection` says what clients may take. May be called
    from any thread: signals are the caller's.
    """
    _allow_files(connection.bounds.connections + _OTHER_FILES)
    # That it started is said by who started it.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    name_requests_in_logs()
    config = uvicorn.Config(
        application,
        loop="uvloop",
        http=connection,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        backlog=_BACKLOG,
    )
    server = _Server(config, ready)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_until(server, listening, stop, moves))


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        """Signals are the caller's."""
        yield


def _allow_files(wanted: int) -> None:
    """Let this process have so many files open, as far as it may say so itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )


async def _until(
    server: uvicorn.Server, listening: socket.socket, stop: threading.Event, moves: Callable[[], None]
) -> None:
    async def watch() -> None:
        while not stop.is_set():
            moves()
            await asyncio.sleep(0.1)
        server.should_exit = True

    async def look() -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_LOOK_S)
            end_overdue(server.server_state.connections, loop.time())

    beside = [asyncio.create_task(watch()), asyncio.create_task(look())]
    try:
        await server.serve([listening])
    finally:
        for each in beside:
            each.cancel()
