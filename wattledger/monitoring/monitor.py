"""A piece that answers probes and Prometheus while it works: its signs, what is asked beside it, and the server."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, TypeAlias

from ledger.database import Role
from projections.state_watch import Known, StateWatch
from wattledger.logs import say
from wattledger.monitoring.health import liveness, readiness
from wattledger.monitoring.sampling import Sample, Sampler
from wattledger.monitoring.signs import Signs

if TYPE_CHECKING:
    from consumers.log_ends import LogEnds
    from ledger.intake.positions import Partition
    from wattledger.settings import Settings
    from wattledger.store import Store

# The first offset of each inbound partition and the one behind its last.
Bounds: TypeAlias = "Mapping[Partition, tuple[int, int]]"


@dataclass(frozen=True, slots=True)
class Piece:
    """A kind of piece: its name, its main loops, and what it has to do with the brokers.

    One that `uses_kafka` shows how far the logs reach; one that `needs_kafka` is not ready without. The state of the
    store is read in the role `reads_as`.
    """

    name: str
    loops: Sequence[str]
    uses_kafka: bool = False
    needs_kafka: bool = False
    reads_as: Role = Role.WRITER


CONSUME = Piece("consume", ("intake",), uses_kafka=True, needs_kafka=True)
PROJECT = Piece("project", ("projections", "relay"), uses_kafka=True)
CLOCK = Piece("clock", ("clock",))
LOAD = Piece("load", ("load",), uses_kafka=True, needs_kafka=True)
LOAD = Piece("load", ("load",), uses_kafka=True, needs_kafka=True)
WEBHOOKS = Piece("webhooks", ("feed", "notice_feed", "sender", "notices", "mail"), reads_as=Role.AUDITOR)


class Monitor:
    """What is known of a piece: by itself, and from `begin` to `end` by asking the database and the brokers."""

    def __init__(self, piece: Piece) -> None:
        self.piece, self.version = piece, version("wattledger")
        self.signs = Signs(piece.loops)
        self._database: Sampler[Known] | None = None
        self._kafka: Sampler[Bounds] | None = None

    @property
    def database(self) -> Sample[Known] | None:
        """What the database answered last; None until the store is open."""
        return self._database.latest if self._database else None

    @property
    def kafka(self) -> Sample[Bounds] | None:
        """What the brokers answered last; None until the store is open, and where the piece does not use them."""
        return self._kafka.latest if self._kafka else None

    def livez(self) -> tuple[bool, str]:
        """Whether every main loop moves, and a sentence."""
        return liveness(self.signs.ages, self.database)

    def readyz(self) -> tuple[bool, str]:
        """Whether the piece can do its work and read models are up to date, and a sentence."""
        return readiness(self.database, self.kafka if self.piece.needs_kafka else None)

    def begin(self, store: "Store") -> None:
        """Ask the services of the store from here on."""
        watch = StateWatch(store.dsn, self.piece.reads_as)
        self._database = Sampler("the database", watch.read, watch.close)
        self._database.start()
        if self.piece.uses_kafka:
            self._kafka = _kafka_sampler(store)
            self._kafka.start()

    def end(self) -> None:
        """Ask no more."""
        for sampler in (self._database, self._kafka):
            if sampler is not None:
                sampler.stop()


@contextmanager
def monitored(settings: "Settings", piece: Piece) -> "Iterator[_Begin]":
    """Answers over HTTP while the block runs, where a port is set; the block begins the asking once it has its store.

    Raises ApplicationError where the port cannot be had.
    """
    monitor = Monitor(piece)
    if settings.metrics_port is None:
        yield _Begin(monitor, answers=False)
        return
    from prometheus_client import make_wsgi_app

    from wattledger.monitoring.metrics import registry_of
    from wattledger.monitoring.server import MonitoringServer

    server = MonitoringServer(
        settings.metrics_host,
        settings.metrics_port,
        monitor.livez,
        monitor.readyz,
        make_wsgi_app(registry_of(monitor)),
    )
    server.start()
    say(f"{piece.name} answers at {server.url}: /livez, /readyz, /metrics", prefix="wattledger: ")
    try:
        yield _Begin(monitor, answers=True)
    finally:
        monitor.end()
        server.stop()


class _Begin:
    """Gives a piece its signs, and begins the asking where somebody is answered."""

    def __init__(self, monitor: Monitor, *, answers: bool) -> None:
        self._monitor, self._answers = monitor, answers

    def __call__(self, store: "Store") -> Signs:
        """The signs to be told, from the moment at which the store is open."""
        for loop in self._monitor.piece.loops:
            self._monitor.signs.moves(loop)
        if self._answers:
            self._monitor.begin(store)
        return self._monitor.signs


def _kafka_sampler(store: "Store") -> Sampler[Bounds]:
    """Asks in an event loop of the sampler's own thread."""
    from consumers.log_ends import LogEnds

    asking = _Asking(LogEnds(store.kafka))
    return Sampler("Kafka", asking.read, asking.close)


class _Asking:
    def __init__(self, ends: "LogEnds") -> None:
        self._ends, self._runner = ends, asyncio.Runner()

    def read(self) -> Bounds:
        return self._runner.run(self._ends.read())

    def close(self) -> None:
        self._runner.run(self._ends.close())
        self._runner.close()
