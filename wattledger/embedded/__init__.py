"""Embedded services: a real PostgreSQL and a real Kafka for those who configured none.

Here belongs how servers are found, started, watched and ended, and nothing of what is in them. `wattledger.opening`,
fixtures of tests and benchmarks import it. Read `server` first, then `postgres`; the reasons are in
docs/decisions/embedded-services.md.
"""

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path
from types import FrameType
from typing import Any

from ledger.patience import AGAIN_S, until
from wattledger.embedded.account import services_account
from wattledger.embedded.folder import make_private
from wattledger.embedded.kafka import EmbeddedKafka
from wattledger.embedded.postgres import EmbeddedPostgres
from wattledger.embedded.server import EmbeddedServer
from wattledger.errors import ServiceError
from wattledger.room import room_in
from wattledger.settings import Settings

__all__ = ["EmbeddedKafka", "EmbeddedPostgres", "Services", "brokers_aside", "make_data_dir", "services"]

_log = logging.getLogger(__name__)
_WATCH_SECONDS = 0.2
# A server that cannot be started is tried again for as long as it is wanted.
_PAUSE_SECONDS_MAX = 5.0


@dataclass(frozen=True, slots=True)
class Services:
    """Where the database and the brokers are, and the embedded servers when they are ours.

    `settings` are those that were given, with what lets clients in at an embedded Kafka.
    """

    dsn: str
    bootstrap: str
    settings: Settings
    postgres: EmbeddedPostgres | None = None
    kafka: EmbeddedKafka | None = None

    @property
    def kafka_options(self) -> dict[str, Any]:
        """What clients of the brokers need."""
        return {"bootstrap_servers": self.bootstrap, **self.settings.kafka_client_options()}


def make_data_dir(data_dir: Path) -> None:
    """Makes the data directory where it is missing: others do not look into it.

    Raises:
        ServiceError: it cannot be made.
    """
    try:
        make_private(data_dir.absolute(), services_account())
    except OSError as error:
        raise ServiceError(
            f"the data directory {data_dir} cannot be made ({error.strerror}); choose another with --data-dir"
        ) from error


@contextlib.contextmanager
def services(
    settings: Settings, data_dir: Path, *, with_kafka: bool = True, with_postgres: bool = True
) -> Iterator[Services]:
    """Gives the configured database and brokers, or starts embedded ones under `data_dir`, both at once.

    While the block runs, an embedded server that ends (or is killed) is started again on the same port. A second
    process with the same `data_dir` shares the servers of the first and takes them over when that one ends. They are
    stopped with the block, on SIGTERM and SIGINT too, and by the operating system should this process be killed.

    Without Kafka no broker is started, and `bootstrap` is empty unless one is configured; the same holds for `dsn`
    without PostgreSQL.

    Raises:
        ServiceError: a server cannot be started.
    """
    postgres = EmbeddedPostgres(data_dir) if with_postgres and settings.database_url is None else None
    embeds_kafka = with_kafka and settings.kafka_bootstrap is None
    kafka = EmbeddedKafka(data_dir, settings.cache_dir) if embeds_kafka else None
    servers: list[EmbeddedServer] = [server for server in (kafka, postgres) if server is not None]
    with _sigterm_unwinds(), contextlib.ExitStack() as stack:
        for server in servers:
            stack.callback(server.stop)
        _start_together(servers)
        stack.enter_context(_watched(servers))
        if servers:
            stack.enter_context(room_in(data_dir))
        yield Services(
            dsn=postgres.dsn if postgres is not None else settings.database_url or "",
            bootstrap=kafka.bootstrap if kafka is not None else settings.kafka_bootstrap or "",
            settings=settings if kafka is None else settings.let_in(kafka.login),
            postgres=postgres,
            kafka=kafka,
        )


@contextlib.contextmanager
def brokers_aside(settings: Settings) -> Iterator[Callable[[], dict[str, Any] | None]]:
    """Gives clients' options: of the configured brokers, or of embedded ones that start while the block runs already.

    None until those are up, and for as long as they cannot be started, which is told in the log. They are shared with
    other processes of the data directory, watched, and stopped with the block, as by `services`.
    """
    if settings.kafka_bootstrap is not None:
        options = {"bootstrap_servers": settings.kafka_bootstrap, **settings.kafka_client_options()}
        yield lambda: options
        return
    server = EmbeddedKafka(settings.data_dir, settings.cache_dir)
    up, ended = threading.Event(), threading.Event()

    def run() -> None:
        try:
            server.start()
        except ServiceError as fault:
            if not ended.is_set():
                _log.error("%s; actions are not possible, reads go on", fault)
            return
        up.set()
        _watch(server, ended)

    thread = threading.Thread(target=run, daemon=True, name="Kafka aside")
    thread.start()
    try:
        yield lambda: server.client_options if up.is_set() else None
    finally:
        ended.set()
        server.cancel()
        thread.join()
        server.stop()


def _start_together(servers: list[EmbeddedServer]) -> None:
    """Starts all; an interrupt here is answered at once, since the waiting threads do not hold the process up."""
    faults: list[ServiceError] = []

    def start(server: EmbeddedServer) -> None:
        try:
            server.start()
        except ServiceError as fault:
            faults.append(fault)

    threads = [threading.Thread(target=start, args=(server,), daemon=True, name=server.name) for server in servers]
    for thread in threads:
        thread.start()
    until(lambda: faults or not any(thread.is_alive() for thread in threads), 0.01)
    if faults:
        raise faults[0]


@contextlib.contextmanager
def _watched(servers: list[EmbeddedServer]) -> Iterator[None]:
    ended = threading.Event()
    threads = [threading.Thread(target=_watch, args=(server, ended), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for server in servers:
            server.cancel()
        for thread in threads:
            thread.join()


def _watch(server: EmbeddedServer, ended: threading.Event) -> None:
    pause_s, told_at = _WATCH_SECONDS, -inf
    while not ended.wait(pause_s):
        began = time.monotonic()
        try:
            if server.ensure_running():
                _log.warning("%s had ended; started again in %.1f s", server.name, time.monotonic() - began)
            pause_s, told_at = _WATCH_SECONDS, -inf
        except ServiceError as fault:
            pause_s = min(2 * pause_s, _PAUSE_SECONDS_MAX)
            if not ended.is_set() and time.monotonic() - told_at > AGAIN_S:
                told_at = time.monotonic()
                _log.error("%s; trying again", fault)


@contextlib.contextmanager
def _sigterm_unwinds() -> Iterator[None]:
    """Lets SIGTERM leave the block in order, where nobody else handles it."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
