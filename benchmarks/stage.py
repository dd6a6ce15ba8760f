"""The stage of a measurement: a broker and a database of its own, and topics full of events before a clock starts."""

import asyncio
import itertools
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from consumers.publisher import Outgoing, publish
from consumers.topics import ensure_topics
from wattledger.demo.load import load
from wattledger.embedded import EmbeddedKafka, EmbeddedPostgres
from wattledger.settings import default_cache_dir

MESSAGES_PER_SESSION = 10
# Real networks have many operators; the balances of this many are written side by side.
OPERATORS = 10


@dataclass(slots=True)
class Stage:
    """Running servers and how many `events` the inbound topics hold; each round asks for a database of its own."""

    server_dsn: str
    kafka: Mapping[str, Any]
    events: int
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @contextmanager
    def database(self) -> Iterator[str]:
        """The DSN of a fresh, empty database, dropped after the block so that no round works on another's pages."""
        name = f"bench_{next(self._numbers)}"
        with psycopg.connect(self.server_dsn, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
            # The URI ends with its database's name, which is replaced.
            yield f"{self.server_dsn.rpartition('/')[0]}/{name}"
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
            # The pages of a round that is over are written out before the next one begins.
            connection.execute("CHECKPOINT")

    def group(self) -> str:
        """A consumer group that nobody was in before."""
        return f"bench-group-{next(self._numbers)}"


@contextmanager
def open_stage(events: int) -> Iterator[Stage]:
    """Servers under a temporary folder, removed afterwards, and about `events` session events in the topics."""
    for noisy in ("aiokafka", "faststream", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    with TemporaryDirectory(prefix="wattledger-bench-") as folder:
        data_dir = Path(folder) / "data"
        with EmbeddedPostgres(data_dir) as postgres, EmbeddedKafka(data_dir, default_cache_dir()) as broker:
            options = {"bootstrap_servers": broker.bootstrap}
            published = asyncio.run(_fill(options, events))
            yield Stage(postgres.dsn, options, published)


async def _fill(options: Mapping[str, Any], events: int) -> int:
    await ensure_topics(options)
    sessions = max(1, events // MESSAGES_PER_SESSION)
    made = load(sessions, MESSAGES_PER_SESSION, operators=OPERATORS)
    sent, _ = await publish(options, (Outgoing(topic, key, value) for topic, key, value in made))
    return sent
