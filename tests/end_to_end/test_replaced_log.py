"""A broker that is not the one which was read stops `settle` before anything is published to it."""

import asyncio
from pathlib import Path

from consumers.topics import inbound_bounds
from tests.end_to_end.running import Home
from tests.support.kafka_clients import variables
from wattledger.demo.load import load
from wattledger.embedded import EmbeddedKafka, services
from wattledger.settings import default_cache_dir


def events(path: Path, sessions: int) -> Path:
    path.write_bytes(b"".join(value + b"\n" for _, _, value in load(sessions, 4, operators=1)))
    return path


def test_nothing_is_published_to_a_log_that_is_not_the_one_that_was_read(tmp_path: Path) -> None:
    first = Home(tmp_path / "first")
    with (
        services(first.settings, first.data_dir) as running,
        EmbeddedKafka(tmp_path / "other", default_cache_dir()) as other,
    ):
        first.settle(tmp_path / "out", events(tmp_path / "few.jsonl", 20))
        second = Home(tmp_path / "second", DATABASE_URL=running.dsn, **variables(other.client_options))
        # More than were read before, so that nothing but the log's end tells the two apart.
        many = events(tmp_path / "many.jsonl", 200)
        said = second.run("settle", many, "--out", tmp_path / "out", status=1).decode()

        assert "this is not the log that was read" in " ".join(said.split())
        bounds = asyncio.run(inbound_bounds(other.client_options))
        assert {end for _, end in bounds.values()} == {0}
