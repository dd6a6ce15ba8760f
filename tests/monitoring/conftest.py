"""A live system of three pieces that has taken in the demo's network, on services of its own that a test may stop."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ledger.verifications import record_verification
from tests.end_to_end.running import Inside
from tests.monitoring.scraping import PieceAt, ended, started
from tests.support.kafka_clients import variables
from tests.support.made_ahead import with_servers
from tests.support.waiting import wait_until
from wattledger.demo.network import network
from wattledger.embedded import EmbeddedKafka, EmbeddedPostgres
from wattledger.settings import default_cache_dir


@dataclass(frozen=True, slots=True)
class Live:
    """Three pieces, the services that they work on, and how many messages were published."""

    home: Inside
    postgres: EmbeddedPostgres
    kafka: EmbeddedKafka
    pieces: dict[str, PieceAt]
    messages: int

    def publish(self, lines: list[bytes]) -> None:
        """Publish lines, by the command."""
        file = self.home.folder / "more.jsonl"
        file.write_bytes(b"".join(line.rstrip(b"\n") + b"\n" for line in lines))
        self.home.run("publish", file)


@pytest.fixture(scope="package")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder: Path = tmp_path_factory.mktemp("live")
    with_servers(folder / "services")
    with (
        EmbeddedPostgres(folder / "services") as postgres,
        EmbeddedKafka(folder / "services", default_cache_dir()) as kafka,
    ):
        home = Inside(folder, DATABASE_URL=postgres.dsn, METRICS_PORT="0", **variables(kafka.client_options))
        home.run("migrate")
        pieces = started(home, ("consume", "project"))
        try:
            lines = list(network(seed=1, sessions=60))
            live = Live(home, postgres, kafka, pieces, len(lines))
            live.publish(lines)
            consumer = pieces["consume"]
            wait_until(lambda: consumer.scrape().sum("wattledger_store_messages_total") >= len(lines))
            # Runs of days that are over fire at once, so the clock comes when there is something to be paid.
            pieces |= started(home, ("clock", "load", "webhooks"))
            record_verification(postgres.dsn, 1.0, passed=True, findings=0)
            yield live
        finally:
            ended(piece.process for piece in pieces.values())
