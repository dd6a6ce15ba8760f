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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from ledger.patience import until
from wattledger.embedded.kafka import EmbeddedKafka
from wattledger.embedded.postgres import EmbeddedPostgres
from wattledger.embedded.server import EmbeddedServer
from wattledger.errors import ServiceError
from wattledger.settings import Settings

__all__ = ["EmbeddedKafka", "EmbeddedPostgres", "Services", "services"]

_log = logging.getLogger(__name__)
_WATCH_SECONDS = 0.2
_FAILURES_MAX = 5


@dataclass(frozen=True, slots=True)
class Services:
    """Where the database and the brokers are, and the embedded servers when they are ours."""

    dsn: str
    bootstrap: str
    postgres: EmbeddedPostgres | None = None
    kafka: EmbeddedKafka | None = None


@contextlib.contextmanager
def services(settings: Settings, data_dir: Path, *, with_kafka: bool = True) -> Iterator[Services]:
    """Gives the configured database and brokers, or starts embedded ones under `data_dir`, both at once.

    While the block runs, an embedded server that ends (or is killed) is started again on the same port. A second
    process with the same `data_dir` shares the servers of the first and takes them over when that one ends. They are
    stopped with the block, on SIGTERM and SIGINT too, and by the operating system should this process be killed.

    Without Kafka no broker is started, and `bootstrap` is empty unless one is configured.

    Raises:
        ServiceError: a server cannot be started.
    """
    postgres = EmbeddedPostgres(data_dir) if settings.database_url is None else None
    embeds_kafka = with_kafka and settings.kafka_bootstrap is None
    kafka = EmbeddedKafka(data_dir, settings.cache_dir) if embeds_kafka else None
    servers: list[EmbeddedServer] = [server for server in (kafka, postgres) if server is not None]
    with _sigterm_unwinds(), contextlib.ExitStack() as stack:
        for server in servers:
            stack.callback(server.stop)
        _start_together(servers)
        stack.enter_context(_watched(servers))
        yield Services(
            dsn=postgres.dsn if postgres is not None else str(settings.database_url),
            bootstrap=kafka.bootstrap if kafka is not None else settings.kafka_bootstrap or "",
            postgres=postgres,
            kafka=kafka,
        )


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
    failures = 0
    while failures < _FAILURES_MAX and not ended.wait(_WATCH_SECONDS):
        began = time.monotonic()
        try:
            if server.ensure_running():
                _log.warning("%s had ended; started again in %.1f s", server.name, time.monotonic() - began)
            failures = 0
        except ServiceError as fault:
            if not ended.is_set():
                failures += 1
                _log.error("%s (try %d of %d)", fault, failures, _FAILURES_MAX)


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
