"""A live system in processes of its own, each of which a test may kill: both servers, and the pieces on them."""

import asyncio
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, TypeAlias

import httpx
import psycopg

from consumers.publisher import Outgoing, publish
from ledger.access import keys
from ledger.access.door import Door
from ledger.access.duties import Duty
from ledger.access.seals import Seals
from tests.end_to_end.running import Home, Process
from tests.support.believed import BELIEVED
from tests.support.kafka_clients import variables
from tests.support.live import topic_values
from tests.support.made_ahead import with_servers
from tests.support.sealed import SEAL_KEY
from tests.support.surface import Client
from tests.support.waiting import wait_until
from wattledger.embedded import EmbeddedKafka, EmbeddedPostgres
from wattledger.settings import default_cache_dir

Piece: TypeAlias = Literal["consume", "project", "clock", "serve", "load"]
Victim: TypeAlias = Literal["postgres", "kafka"] | Piece

_WORDS: Mapping[Piece, Sequence[str]] = {
    "consume": ["consume"],
    "project": ["project"],
    "clock": ["payouts", "run", "--watch"],
    "serve": ["serve", "--port", "0"],
    # A park has a time of its own, which its messages tell.
    "load": ["load", "run", "--clock", "events"],
}
_LISTENS = "listening on "
_END_S = 180.0
# So much of what pieces said at last is shown of a test that failed.
_SHOWN_MAX = 20_000


class Living:
    """A store with its servers, which nobody but a test starts again, and pieces that run until they are killed."""

    def __init__(self, home: Home, postgres: EmbeddedPostgres, kafka: EmbeddedKafka, seals: Seals) -> None:
        self.home, self.postgres, self.kafka, self.seals = home, postgres, kafka, seals
        self.url = ""
        self._pieces: dict[Piece, Process] = {}

    @property
    def options(self) -> dict[str, Any]:
        """How Kafka is reached."""
        return self.kafka.client_options

    def start(self, *names: Piece) -> None:
        """Start pieces, at once; all have found their servers by then, without which they end."""
        said = self.said()
        for name in names:
            self._pieces[name] = self.home.start(*_WORDS[name])
        if "serve" in names:
            wait_until(lambda: f"{_LISTENS}http" in self.said()[len(said) :])
            self.url = self.said()[len(said) :].rpartition(_LISTENS)[2].split()[0]
        wait_until(lambda: self._beating() >= {self._pieces[name].pid for name in names if name != "serve"})

    def kill(self, victim: Victim) -> None:
        """`kill -9` of a server or a piece."""
        if victim == "postgres":
            self.postgres.kill()
        elif victim == "kafka":
            self.kafka.kill()
        else:
            process = self._pieces[victim]
            process.kill()
            process.wait()

    def revive(self, victim: Victim) -> None:
        """Start again what was killed; a server answers then."""
        if victim == "postgres":
            self.postgres.start()
        elif victim == "kafka":
            self.kafka.start()
        else:
            self.start(victim)

    def end(self) -> None:
        """Tell all pieces to end, and wait until they have."""
        for process in self._pieces.values():
            process.send_signal(signal.SIGTERM)
        for process in self._pieces.values():
            process.wait(_END_S)
        self._pieces.clear()

    def client(self, duty: Duty, acts_for: str | None = None) -> Client:
        """Somebody with a new key, at whoever serves now; a context of its own."""
        return Client(base_url=self.url, headers={"Authorization": f"Bearer {self.key(duty, acts_for)}"}, timeout=30)

    def key(self, duty: Duty, acts_for: str | None = None) -> str:
        """A new key."""
        door = Door(self.postgres.dsn, seals=self.seals)
        try:
            with door.transaction() as cursor:
                _, text = keys.create(cursor, "a test", duty, (), created_by="tests", acts_for=acts_for)
        finally:
            door.close()
        return str(text)

    def publish(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Events to Kafka, each where its type belongs."""
        asyncio.run(publish(self.options, [Outgoing.of_event(each) for each in events]))

    def rows(self, query: str, *parameters: Any) -> list[Any]:
        """The rows of a query."""
        with psycopg.connect(self.postgres.dsn) as connection:
            return connection.execute(query.encode(), parameters or None).fetchall()

    def _beating(self) -> set[int]:
        return {pid for (pid,) in self.rows("SELECT pid FROM wattledger.heartbeat")}

    def taken(self) -> int:
        """How many messages were accepted; less than any while the database is away."""
        with suppress(psycopg.OperationalError):
            return int(self.rows("SELECT count(*) FROM intake.message")[0][0])
        return -1

    def records(self, topic: str) -> list[bytes]:
        """All values that a topic holds."""
        return topic_values(self.options, topic)

    def said(self) -> str:
        """What all pieces have printed and logged so far."""
        return self.home.log.read_text() if self.home.log.exists() else ""


def answer_to(
    url: str, path: str, body: Mapping[str, Any], key: str, once: str, **headers: str
) -> httpx.Response | None:
    """What a POST answers, by a connection of its own; None where it broke."""
    given = {"Authorization": f"Bearer {key}", "Idempotency-Key": once}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    with suppress(httpx.TransportError):
        return httpx.post(url + path, json=dict(body), headers=given, timeout=20, verify=BELIEVED)
    return None


@contextmanager
def living(folder: Path, **settings: str) -> Iterator[Living]:
    """Servers on a migrated store, with no piece yet; all ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    with_servers(folder)
    with EmbeddedPostgres(folder) as postgres, EmbeddedKafka(folder, default_cache_dir()) as kafka:
        given = {"DATABASE_URL": postgres.dsn, "SECRET_KEY": SEAL_KEY, **variables(kafka.client_options)} | settings
        made = Living(Home(folder, **given), postgres, kafka, Seals.of(given["SECRET_KEY"]))
        made.home.run("migrate")
        try:
            yield made
        finally:
            made.end()
            print(made.said()[-_SHOWN_MAX:])  # noqa: T201 (shown by pytest when the test fails)
