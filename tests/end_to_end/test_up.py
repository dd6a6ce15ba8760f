"""A live system ends when it is told to, and leaves nothing behind when it is killed."""

import asyncio
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import orjson
import psutil
import psycopg
import pytest

from consumers.publisher import Outgoing, publish
from contracts.messages import TOPIC_OF
from tests.end_to_end.running import Home, Process
from tests.support.events import operator, session, tariff
from tests.support.kafka_clients import variables
from tests.support.made_ahead import with_servers
from tests.support.waiting import wait_until
from wattledger.embedded import EmbeddedKafka, EmbeddedPostgres
from wattledger.embedded.server import EmbeddedServer
from wattledger.settings import default_cache_dir

PIECES = {"consume": ["consume"], "project": ["project"], "clock": ["payouts", "run", "--watch"]}
# Those of a whole live system that serves nobody.
LIVE = ["consume", "load run", "payouts run --watch", "project", "webhooks run"]
EVENTS = [operator(), tariff(), *session("S-1")]
# What is promised; the process that measures may be held up a little itself.
END_S, GRACE_S = 10.0, 3.0


def family_of(process: Process) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def pieces_among(processes: Sequence[psutil.Process]) -> list[str]:
    """The pieces that work, whoever started them; a launcher is none yet."""
    found = []
    for process in processes:
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if "wattledger.cli" in words[:4]:
            found.append(" ".join(words[words.index("wattledger.cli") + 1 :]))
    return sorted(found)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[tuple[Home, Process]]:
    """A live system of one consumer, up with all its pieces."""
    home = Home(tmp_path, PROCESSES="1")
    # Named by the option alone, which the pieces do not have.
    del home.environment["WATTLEDGER_DATA_DIR"]
    process = home.start("up", "--data-dir", home.data_dir)
    home.environment["WATTLEDGER_DATA_DIR"] = str(home.data_dir)
    try:
        wait_until(lambda: pieces_among(family_of(process)) == LIVE)
        wait_until(lambda: "reading" in home.log.read_text())
        yield home, process
    finally:
        process.kill()
        process.wait()


def test_a_live_system_that_is_killed_leaves_no_process_behind(live: tuple[Home, Process]) -> None:
    _, process = live
    family = family_of(process)
    assert len(family) > len(PIECES) + 2
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(family, timeout=END_S + GRACE_S)
    assert not pieces_among(alive)
    _, alive = psutil.wait_procs(alive, timeout=120)
    assert not alive


def test_a_live_system_is_alone_on_its_folder_starts_pieces_again_and_ends_when_told(
    live: tuple[Home, Process],
) -> None:
    home, process = live
    told = home.run("up", status=1).decode()
    assert told.startswith(
        f"wattledger: another `wattledger up` runs on {home.data_dir} (process {process.pid}): use that one, or name "
    )
    assert home.json("verify")["passed"] is True
    pieces = [each for each in family_of(process) if "wattledger.cli" in each.cmdline()[:4]]
    assert {each.environ()["WATTLEDGER_DATA_DIR"] for each in pieces} == {str(home.data_dir)}

    clock = next(each for each in family_of(process) if "--watch" in each.cmdline())
    clock.kill()
    wait_until(lambda: "clock ended with status -9; it is started again in 2 s" in home.log.read_text())
    wait_until(lambda: pieces_among(family_of(process)) == LIVE)

    process.terminate()
    assert process.wait(180) == 0, home.log.read_text()


@dataclass(frozen=True, slots=True)
class Away:
    """Both services, watched by nobody, and the pieces that work on them."""

    postgres: EmbeddedPostgres
    kafka: EmbeddedKafka
    home: Home
    pieces: Mapping[str, Process]

    def end(self) -> dict[str, int]:
        """Tell all pieces to end, and see them do so in time; their statuses."""
        began = time.monotonic()
        for process in self.pieces.values():
            process.send_signal(signal.SIGTERM)
        return {
            name: process.wait(END_S + GRACE_S - (time.monotonic() - began)) for name, process in self.pieces.items()
        }

    def have_statements_in_hand(self) -> bool:
        """Whether each piece, and not one for another, has a session of the database that waits for a lock."""
        with psycopg.connect(self.postgres.dsn) as connection:
            query = "SELECT client_port FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            waiting = {port for (port,) in connection.execute(query)}
        return all(waiting & _ports_of(process) for process in self.pieces.values())


def _ports_of(process: Process) -> set[int]:
    """The ports on this side of the connections that a process and those it started have."""
    piece = psutil.Process(process.pid)
    return {
        connection.laddr.port
        for each in (piece, *piece.children(recursive=True))
        for connection in each.net_connections()
    }


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EmbeddedPostgres, EmbeddedKafka]]:
    data = tmp_path_factory.mktemp("servers")
    with EmbeddedPostgres(with_servers(data)) as postgres, EmbeddedKafka(data, default_cache_dir()) as kafka:
        yield postgres, kafka


@pytest.fixture
def away(tmp_path: Path, servers: tuple[EmbeddedPostgres, EmbeddedKafka]) -> Iterator[Away]:
    postgres, kafka = servers
    kafka.start()
    home = Home(tmp_path, DATABASE_URL=postgres.start(), **variables(kafka.client_options))
    home.run("migrate")
    pieces = {name: home.start(*words) for name, words in PIECES.items()}

    def all_live() -> bool:
        # Who gives signs of life knows what to do when it is told to end.
        with psycopg.connect(postgres.dsn) as connection:
            living = {pid for (pid,) in connection.execute("SELECT pid FROM wattledger.heartbeat")}
        return {process.pid for process in pieces.values()} <= living

    try:
        wait_until(lambda: "reading" in home.log.read_text() and all_live())
        yield Away(postgres, kafka, home, pieces)
    finally:
        for process in pieces.values():
            process.kill()
            process.wait()


@contextmanager
def hanging(server: EmbeddedServer) -> Iterator[None]:
    """A server as it is behind a network that is cut: connections stay, and nobody answers."""
    assert server.pid is not None
    family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    try:
        for process in family:
            process.suspend()
        yield
    finally:
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def test_pieces_end_in_time_while_the_database_hangs(away: Away) -> None:
    # Each piece is caught with a statement in hand: it waits for a lock when the server goes.
    with psycopg.connect(away.postgres.dsn) as connection:
        connection.execute("LOCK intake.position, intake.session_head, projection.generation")
        records = [Outgoing(TOPIC_OF[event["type"]], b"key", orjson.dumps(event)) for event in EVENTS]
        asyncio.run(publish(away.kafka.client_options, records))
        wait_until(away.have_statements_in_hand)
        with hanging(away.postgres):
            statuses = away.end()
    assert statuses == dict.fromkeys(PIECES, 1)
    assert away.home.log.read_text().count("the work in hand did not within 8 s: it is given up") == len(PIECES)


def test_pieces_end_in_time_while_the_brokers_hang(away: Away) -> None:
    with hanging(away.kafka):
        statuses = away.end()
    assert statuses["clock"] == statuses["project"] == 0


def test_pieces_end_in_order_while_both_are_away(away: Away) -> None:
    away.postgres.kill()
    away.kafka.kill()
    wait_until(lambda: "trying again" in away.home.log.read_text())
    assert away.end() == dict.fromkeys(PIECES, 0), away.home.log.read_text()
