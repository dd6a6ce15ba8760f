"""Both services as a command sees them: on a bare machine, for any user, gone with the command however it ends."""

import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from tests.services.observing import python_of_all_users, python_process
from wattledger.embedded import Services, services
from wattledger.embedded.jars import cached_jars
from wattledger.settings import Settings, default_cache_dir

# Starts both, says where and under which process ids, and waits for standard input or a signal to end it.
COMMAND = """
import json, pathlib, sys, time
from wattledger.embedded import services
from wattledger.settings import load_settings
settings = load_settings()
with services(settings, settings.data_dir) as ours:
    print(json.dumps([ours.dsn, ours.bootstrap, ours.postgres.pid, ours.kafka.pid]), flush=True)
    while {waits}:
        time.sleep(0.05)
print("in order", flush=True)
"""


@pytest.fixture
def bare_machine(tmp_path: Path) -> dict[str, str]:
    """An environment whose PATH has no program at all: no java, no psql, no docker."""
    (tmp_path / "bin").mkdir()
    cached_jars(default_cache_dir())
    return {
        "PATH": str(tmp_path / "bin"),
        "HOME": str(tmp_path),
        "WATTLEDGER_DATA_DIR": str(tmp_path / "data"),
        "WATTLEDGER_CACHE_DIR": str(default_cache_dir()),
    }


def announced(process: "subprocess.Popen[str]") -> tuple[str, str, list[psutil.Process]]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    dsn, bootstrap, *pids = json.loads(line)
    family = [psutil.Process(pid) for pid in pids if pid is not None]
    return dsn, bootstrap, [*family, *(child for parent in family for child in parent.children(recursive=True))]


def end(process: "subprocess.Popen[str]", number: signal.Signals) -> str:
    process.send_signal(number)
    return process.communicate(timeout=180)[0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_on_a_machine_without_java_psql_and_docker_they_start_and_end_with_the_command(
    bare_machine: dict[str, str], number: signal.Signals
) -> None:
    process = python_process(COMMAND.format(waits="True"), environment=bare_machine)
    try:
        dsn, _, family = announced(process)
        assert len(family) > 2
        with psycopg.connect(dsn) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("wattledger",)
    finally:
        end(process, number)
    _, alive = psutil.wait_procs(family, timeout=120)
    assert not alive


@pytest.fixture
def home_of_another_user() -> Iterator[tuple[Path, int]]:
    """A home outside root's folders and the account `nobody` it belongs to, with the jars in its cache."""
    if os.geteuid() != 0:
        pytest.skip("the tests run as an ordinary user already")
    user_id = pwd.getpwnam("nobody").pw_uid
    with tempfile.TemporaryDirectory(prefix="wattledger-home-", dir="/var/tmp") as folder:
        for jar in cached_jars(default_cache_dir()):
            target = Path(folder, ".cache", "wattledger", jar.parent.name, jar.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(jar, target)
        for path in (Path(folder), *Path(folder).rglob("*")):
            os.chown(path, user_id, user_id)
        yield Path(folder), user_id


def test_an_ordinary_user_runs_them_as_well_as_root(home_of_another_user: tuple[Path, int]) -> None:
    home, user_id = home_of_another_user
    python = python_of_all_users()
    if python is None:
        pytest.skip("no Python of this version, or no project, that other users may look into")
    environment = {"PATH": "", "HOME": str(home), "WATTLEDGER_DATA_DIR": str(home / "data")}
    process = python_process(COMMAND.format(waits="False"), environment=environment, user_id=user_id, python=python)
    output, errors = process.communicate(timeout=120)
    assert output.endswith("in order\n"), errors
    assert {path.stat().st_uid for path in (home / "data").rglob("*")} == {user_id}


def test_a_second_command_on_the_same_folder_shares_the_services(bare_machine: dict[str, str]) -> None:
    first = python_process(COMMAND.format(waits="True"), environment=bare_machine)
    try:
        dsn, bootstrap, family = announced(first)
        second = python_process(COMMAND.format(waits="False"), environment=bare_machine)
        output, errors = second.communicate(timeout=180)
        assert output.splitlines() == [json.dumps([dsn, bootstrap, None, None]), "in order"], errors
        with psycopg.connect(dsn) as connection:
            connection.execute("SELECT 1")
    finally:
        end(first, signal.SIGINT)
    assert not any(process.is_running() for process in family)


def until(condition: Callable[[], Any], seconds: float = 180) -> None:
    """Waits for the condition; operational errors of the database count as not yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except psycopg.OperationalError:
            pass
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_while_the_command_runs_a_killed_service_is_started_again(tmp_path: Path) -> None:
    def answers(ours: Services) -> bool:
        with psycopg.connect(ours.dsn) as connection:
            return connection.execute("SELECT count(*) FROM kept").fetchone() == (1,)

    with services(Settings(), tmp_path) as ours:
        assert ours.postgres is not None
        assert ours.kafka is not None
        with psycopg.connect(ours.dsn) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1")
        killed = [ours.postgres.pid, ours.kafka.pid]
        for pid in killed:
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
        until(lambda: answers(ours) and ours.kafka is not None and ours.kafka.pid not in killed)


def test_configured_services_are_used_and_none_is_started(tmp_path: Path) -> None:
    settings = Settings(database_url="postgresql://db.example/book", kafka_bootstrap="broker.example:9092")
    with services(settings, tmp_path) as theirs:
        assert theirs == Services("postgresql://db.example/book", "broker.example:9092", settings)
    assert not list(tmp_path.iterdir())
