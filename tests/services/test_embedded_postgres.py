"""The embedded PostgreSQL: durable, on loopback only, back after a kill, at home in any folder."""

import contextlib
import json
import os
import signal
import socket
import threading
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.services.observing import listening_addresses
from wattledger.embedded import EmbeddedPostgres
from wattledger.errors import ServiceError


def show(dsn: str, setting: str) -> str:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(f"SHOW {setting}").fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit", "data_checksums"])
def test_what_is_committed_is_on_the_disk(postgres_dsn: str, setting: str) -> None:
    assert show(postgres_dsn, setting) == "on"


def test_text_sorts_by_code_point_on_every_machine(postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn) as connection:
        rows = connection.execute("SELECT word FROM (VALUES ('b'), ('B'), ('ä'), ('a')) AS w (word) ORDER BY word")
        assert [word for (word,) in rows] == ["B", "a", "b", "ä"]


def test_a_stranger_without_the_password_is_refused(postgres_dsn: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(postgres_dsn, password="guess", connect_timeout=5)


def test_a_killed_postgresql_comes_back_on_its_port_with_all_that_was_committed(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path) as server:
        dsn = server.dsn
        with psycopg.connect(dsn) as connection:
            connection.execute("CREATE TABLE book AS SELECT generate_series(1, 1000) AS entry")
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(dsn)
        assert server.start() == dsn
        with psycopg.connect(dsn) as connection:
            assert connection.execute("SELECT sum(entry) FROM book").fetchone() == (500_500,)


def test_it_listens_on_loopback_only(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path) as server:
        assert server.pid is not None
        assert listening_addresses(server.pid) == {"127.0.0.1"}


def test_a_stopped_postgresql_leaves_no_process_and_its_port_free(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    server.start()
    assert server.pid is not None
    family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    server.stop()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive


def test_a_long_path_with_spaces_and_quotes_is_as_good_as_any(tmp_path: Path) -> None:
    folder = tmp_path / 'Ludwig\'s "books", 100 % sure' / ("long " * 30).strip()
    with EmbeddedPostgres(folder) as server:
        assert show(server.dsn, "data_directory").startswith(str(folder))


def test_a_port_that_somebody_else_took_is_replaced(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path) as server:
        port = int(server.dsn.rpartition(":")[2].partition("/")[0])
    with socket.create_server(("127.0.0.1", port)), EmbeddedPostgres(tmp_path) as server:
        assert f":{port}/" not in server.dsn
        assert show(server.dsn, "fsync") == "on"


def test_a_second_start_on_the_same_folder_shares_the_server_and_takes_it_over(tmp_path: Path) -> None:
    first, second = EmbeddedPostgres(tmp_path), EmbeddedPostgres(tmp_path)
    with contextlib.ExitStack() as second_end:
        with first:
            assert second_end.enter_context(second).dsn == first.dsn
            assert second.pid is None
            shared_dsn = first.dsn
        assert second.ensure_running()
        assert second.dsn == shared_dsn
        assert show(shared_dsn, "fsync") == "on"


def test_a_pid_file_whose_number_went_to_another_program_does_not_keep_it_from_starting(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path) as server:
        pid_file = tmp_path / "postgresql" / "data" / "postmaster.pid"
        left_behind = pid_file.read_text().replace(str(server.pid), str(os.getpid()), 1)
    pid_file.write_text(left_behind)
    with EmbeddedPostgres(tmp_path) as server:
        assert show(server.dsn, "fsync") == "on"


def test_a_folder_that_cannot_be_used_is_said_in_one_line(tmp_path: Path) -> None:
    occupied = tmp_path / "a file"
    occupied.touch()
    with pytest.raises(ServiceError, match="choose another with --data-dir") as refusal:
        EmbeddedPostgres(occupied).start()
    assert "\n" not in str(refusal.value)


def test_a_postgresql_that_is_killed_while_it_starts_is_started_again(tmp_path: Path) -> None:
    killed: list[int] = []

    def kill_at_birth() -> None:
        remembered = tmp_path / "postgresql" / "process.json"
        while not killed:
            with contextlib.suppress(OSError, ValueError, KeyError):
                os.kill(number := int(json.loads(remembered.read_text())["pid"]), signal.SIGKILL)
                killed.append(number)

    killer = threading.Thread(target=kill_at_birth, daemon=True)
    killer.start()
    with EmbeddedPostgres(tmp_path) as server:
        killer.join(timeout=30)
        server.ensure_running()
        with psycopg.connect(server.dsn) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert killed
        assert server.pid not in killed
