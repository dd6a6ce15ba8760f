"""The stage of a measurement: a broker and a database of its own, and topics full of events before a clock starts."""

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from benchmarks import end_to_end
from benchmarks.load_parts import more_sessions
from consumers.publisher import Outgoing, publish
from consumers.topics import ensure_topics, inbound_bounds
from ledger.intake.positions import Partition
from projections.schema import migrate
from wattledger.demo.load import load
from wattledger.embedded import EmbeddedKafka, EmbeddedPostgres
from wattledger.logs import silence_libraries
from wattledger.settings import default_cache_dir

MESSAGES_PER_SESSION = 10
# Real networks have many operators; the balances of this many are written side by side.
OPERATORS = 10


class Stage:
    """Running servers. Whatever costs time is made when it is first asked for: broker, topics, a filled store."""

    def __init__(self, server_dsn: str, folder: Path, wanted: int, servers: ExitStack) -> None:
        self.server_dsn = server_dsn
        self._folder, self._wanted, self._servers = folder, wanted, servers
        self._kafka: dict[str, Any] = {}
        self._events = 0
        self._filled = ""
        self._numbers = itertools.count(1)

    @property
    def wanted(self) -> int:
        """The size of the load that was asked for, in events; a measure that needs no topics goes by it."""
        return self._wanted

    @property
    def kafka(self) -> Mapping[str, Any]:
        """How clients reach the broker, whose topics are there; it is started when this is first asked for."""
        if not self._kafka:
            broker = self._servers.enter_context(EmbeddedKafka(self._folder, default_cache_dir()))
            self._kafka = broker.client_options
            asyncio.run(ensure_topics(self._kafka))
        return self._kafka

    @property
    def events(self) -> int:
        """How many session events the inbound topics hold; published when this is first asked for."""
        if not self._events:
            sessions = max(1, self._wanted // MESSAGES_PER_SESSION)
            self._events = self._publish(load(sessions, MESSAGES_PER_SESSION, operators=OPERATORS))
        return self._events

    def add_events(self, events: int, mark: str) -> int:
        """Publish about so many more events, of sessions whose names begin with `mark`, without a catalogue."""
        sent = self._publish(more_sessions(events, MESSAGES_PER_SESSION, OPERATORS, mark))
        self._events += sent
        return sent

    def ends(self) -> dict[Partition, int]:
        """The offset behind the last record of each inbound partition."""
        bounds = asyncio.run(inbound_bounds(self.kafka))
        return {home: end for home, (_, end) in bounds.items()}

    @contextmanager
    def database(self, template: str = "") -> Iterator[str]:
        """The DSN of a fresh database, dropped after the block so that no round works on another's pages.

        It is empty, or a copy of the database `template` to which nobody is connected.
        """
        source = f" TEMPLATE {template} STRATEGY FILE_COPY" if template else ""
        name = f"bench_{next(self._numbers)}"
        with psycopg.connect(self.server_dsn, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}{source}".encode())
            yield self.dsn_of(name)
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
            # The pages of a round that is over are written out before the next one begins.
            connection.execute("CHECKPOINT")

    def dsn_of(self, database: str) -> str:
        """The DSN of a database of the server."""
        # The URI ends with its database's name, which is replaced.
        return f"{self.server_dsn.rpartition('/')[0]}/{database}"

    def filled(self) -> str:
        """The database in which the engine has settled all that is in the topics; to be copied, not changed."""
        if not self._filled:
            events = self.events
            with psycopg.connect(self.server_dsn, autocommit=True) as connection:
                connection.execute("CREATE DATABASE bench_filled")
            migrate(self.dsn_of("bench_filled"))
            end_to_end.run(self.dsn_of("bench_filled"), self.kafka, self.group(), events)
            self._filled = "bench_filled"
        return self._filled

    def group(self) -> str:
        """A consumer group that nobody was in before."""
        return f"bench-group-{next(self._numbers)}"

    def _publish(self, made: Iterator[tuple[str, bytes, bytes]]) -> int:
        sent, _ = asyncio.run(publish(self.kafka, (Outgoing(topic, key, value) for topic, key, value in made)))
        return sent


@contextmanager
def open_stage(events: int) -> Iterator[Stage]:
    """A database server under a temporary folder, removed afterwards, and what else the stage is asked for.

    `events` is how many session events are to be in the topics, about, when a measure wants them there.
    """
    silence_libraries()
    with TemporaryDirectory(prefix="wattledger-bench-") as folder, ExitStack() as servers:
        data_dir = Path(folder) / "data"
        postgres = servers.enter_context(EmbeddedPostgres(data_dir))
        yield Stage(postgres.dsn, data_dir, events, servers)
