"""The pages and resources as their users start them: alone, beside a live system, and where that cannot be."""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from ledger.access import keys
from ledger.access.door import Door
from ledger.access.duties import Duty
from ledger.access.seals import Seals
from ledger.database import Role
from ledger.login import SHOWN_BY
from projections.schema import migrate
from tests.end_to_end.running import Home, Process
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff
from tests.support.library import login
from tests.support.waiting import wait_until

EVENTS = [operator(), tariff(), *session("S-1")]
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
END_S, GRACE_S = 10.0, 3.0


@contextmanager
def started(home: Home, *words: str | Path) -> Iterator[tuple[Process, str]]:
    """A command that serves, and the address that it says."""
    process = home.start(*words)
    try:
        wait_until(lambda: "listening on http" in home.log.read_text() or process.poll() is not None)
        said = home.log.read_text()
        assert "listening on http" in said, said
        yield process, said.rpartition("listening on ")[2].split()[0]
    finally:
        process.terminate()
        process.wait(END_S + GRACE_S)


def made(home: Home) -> str:
    """A key for a home's store, which is made."""
    home.run("migrate")
    return str(home.json("apikey", "create", "--role", "finance", "--name", "tests")["key"])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("serve")).made_ahead()


@pytest.fixture(scope="module")
def key(home: Home) -> str:
    return made(home)


def test_it_answers_soon_follows_where_nobody_else_does_and_ends_when_told(home: Home, key: str) -> None:
    with started(home, "serve", "--port", "0") as (process, url):
        dsn = home.dsn()
        assert dsn
        engine = Engine(dsn)
        engine.feed(EVENTS)
        engine.close()
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
            assert client.get("/livez").status_code == 200
            wait_until(lambda: client.get("/readyz").status_code == 200)
            assert 'piece="serve"' in client.get("/metrics").text
            wait_until(lambda: any(each["position"] for each in client.get("/v1/system").json()["projections"]))
            assert client.get("/v1/operators", headers={"X-Request-Id": "asked-1"}).json()["data"]
            wait_until(lambda: "request_id=asked-1" in home.log.read_text())
            (line,) = (line for line in home.log.read_text().splitlines() if "asked-1" in line)
            assert "GET /v1/operators: 200 in " in line
        told = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_S + GRACE_S) == 0
        assert time.monotonic() - told < END_S


def test_where_it_cannot_listen_it_says_what_to_do(home: Home, key: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = home.run("serve", "--port", str(port), status=1).decode()
    assert told.strip().endswith(
        f"port {port} on 127.0.0.1 is taken by another process; name another with --port (0 takes any)"
    )
    told = home.run("serve", "--host", "192.0.2.1", status=1).decode()
    assert "cannot be listened on" in told


def test_buttons_instead_of_passwords_are_for_this_machine_alone(home: Home) -> None:
    told = home.run("serve", "--host", "0.0.0.0", "--dev-login", status=1).decode()
    assert "--dev-login" in told
    assert "loopback" in told


def test_a_live_system_serves_at_another_port_where_its_own_is_taken_from_the_folder_it_is_given(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        home = Home(tmp_path, PORT=str(taken.getsockname()[1]), PROCESSES="1")
        del home.environment["WATTLEDGER_DATA_DIR"]
        with started(home, "up", "--data-dir", home.data_dir) as (process, url):
            assert f"port {taken.getsockname()[1]} on 127.0.0.1 is taken" in home.log.read_text()
            wait_until(lambda: _ready(url))
            # Its pieces have the key that is in the folder it was given.
            shown = home.json("apikey", "create", "--role", "finance", "--name", "tests", "--data-dir", home.data_dir)
            bearer = {"Authorization": f"Bearer {shown['key']}"}
            assert httpx.get(f"{url}/v1/operators", headers=bearer).status_code == 200
            process.send_signal(signal.SIGTERM)
            process.wait(END_S + GRACE_S)
            with pytest.raises(httpx.TransportError):
                httpx.get(f"{url}/livez")


def _ready(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{url}/readyz").status_code == 200
    return False


def test_a_login_of_the_roles_that_it_shows_by_is_enough_and_one_that_may_more_is_refused(
    database_url: str, tmp_path: Path
) -> None:
    migrate(database_url)
    door = Door(database_url, seals=Seals.of(KEY))
    with door.transaction() as cursor:
        _, key = keys.create(cursor, "tests", Duty.FINANCE, [], created_by="tests")
    door.close()
    with (
        login(database_url, *SHOWN_BY, inherits=False) as narrow,
        started(Home(tmp_path / "narrow", DATABASE_URL=narrow, SECRET_KEY=KEY), "serve", "--port", "0") as (_, url),
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client,
    ):
        assert client.get("/v1/operators").json()["data"] == []
        wait_until(lambda: client.get("/readyz").status_code == 200)
    with login(database_url, *SHOWN_BY, Role.WRITER) as wide:
        told = (
            Home(tmp_path / "wide", DATABASE_URL=wide, SECRET_KEY=KEY).run("serve", "--port", "0", status=1).decode()
        )
        assert "it is a member of wattledger_writer too" in told
        assert "as a superuser: CREATE ROLE NAME LOGIN NOINHERIT" in told
