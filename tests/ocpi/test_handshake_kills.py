"""Whoever dies in the middle of a handshake: there is the pair of before or the new one afterwards, never half."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from threading import Event
from typing import Any

import httpx
import psycopg
import pytest
from starlette.requests import Request
from starlette.responses import Response

from api.ocpi import credentials
from api.server import listen
from ledger.access import ocpi_partners
from tests.conftest import Stores
from tests.end_to_end.running import Inside, Process
from tests.ocpi.conftest import KEY, Platform
from tests.support.believed import BELIEVED
from tests.support.engine import Engine
from tests.support.events import operator
from tests.support.partner import TestPartner, enveloped, partner
from tests.support.waiting import wait_until

CREDENTIALS = "/2.2.1/credentials"
_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"


class Served:
    """`wattledger serve` in a process of its own, which partners of a test may kill."""

    def __init__(self, home: Inside, dsn: str, port: int) -> None:
        self.home, self.dsn, self.port = home, dsn, port
        self.process: Process | None = None

    def start(self) -> None:
        """Serve, or go on where it was killed."""
        said = len(self.log())
        self.process = self.home.start("serve", "--port", str(self.port))
        wait_until(lambda: "listening on http" in self.log()[said:])

    def log(self) -> str:
        """What it said."""
        return self.home.log.read_text() if self.home.log.exists() else ""

    def kill(self) -> None:
        """`kill -9`."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def lose_the_database(self) -> None:
        """All its connections break off."""
        with psycopg.connect(self.dsn) as connection:
            name = connection.info.dbname
            connection.execute(_OTHERS, (name,))

    def ask(self, method: str, path: str, token: str, body: Any = None) -> dict[str, Any] | None:
        """What a partner is answered; None where the connection broke."""
        headers = TestPartner("DE-ABC").authorization(token)
        url = f"http://127.0.0.1:{self.port}/ocpi{path}"
        with suppress(httpx.TransportError):
            return dict(httpx.request(method, url, headers=headers, json=body, timeout=20, verify=BELIEVED).json())
        return None

    def has_left(self, token: str) -> bool:
        """Whether a partner that says that it leaves has left."""
        answer = self.ask("DELETE", CREDENTIALS, token)
        return answer is not None and answer["status_code"] in (1000, 2000)

    def answer(self, method: str, path: str, token: str, body: Any = None) -> dict[str, Any]:
        """As `ask`, once there is an answer; the database is waited for."""
        found: list[dict[str, Any]] = []

        def is_answered() -> bool:
            found.append(self.ask(method, path, token, body) or {"status_code": 3000})
            return bool(found[-1]["status_code"] != 3000)

        wait_until(is_answered)
        return found[-1]

    def code(self, path: str, token: str) -> int:
        """The status code of a GET."""
        return int(self.answer("GET", path, token)["status_code"])


@pytest.fixture(scope="module")
def alone(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
    with stores() as dsn:
        with closing(Engine(dsn)) as engine:
            engine.feed([operator()])
        url = f"http://127.0.0.1:{port}"
        settings = {"PUBLIC_URL": url, "ALLOW_PRIVATE_TARGETS": "true", "SECRET_KEY": KEY, "DATABASE_URL": dsn}
        # Nothing of this goes through Kafka.
        home = Inside(tmp_path_factory.mktemp("kills"), KAFKA_BOOTSTRAP="127.0.0.1:1", **settings)
        made = Served(home, dsn, port)
        made.start()
        try:
            yield made
        finally:
            made.kill()


@contextmanager
def dying(abc: TestPartner, path: str, dies: Callable[[], Any]) -> Iterator[None]:
    """Somebody dies while the partner is asked for a path, and the partner answers as ever."""

    def answer(request: Request) -> Response:
        del abc.broken[path]
        dies()
        if path == "/versions":
            return enveloped([{"version": each, "url": f"{abc.url}/{each}"} for each in abc.versions])
        return enveloped(code=2000, status=503)

    abc.broken[path] = answer
    yield
    assert path not in abc.broken


def test_serve_and_its_database_die_while_a_partner_registers_renews_and_leaves(alone: Served) -> None:
    with partner() as abc:
        token_a = alone.home.json("ocpi", "invite", "DE-ABC")["token_a"]
        abc.tokens |= {"token-b", "token-b2"}
        first, second = abc.credentials("token-b"), abc.credentials("token-b2")

        def killed() -> None:
            alone.kill()
            alone.start()

        with dying(abc, "/versions", killed):
            assert alone.ask("POST", CREDENTIALS, token_a, first) is None
        assert alone.code("/versions", token_a) == 1000
        token_c = alone.answer("POST", CREDENTIALS, token_a, first)["data"]["token"]
        # Of the database the handshake may not even take notice.
        with dying(abc, "/versions", alone.lose_the_database):
            answer = alone.ask("PUT", CREDENTIALS, token_c, second)
        kept = answer["data"]["token"] if answer and answer["status_code"] == 1000 else token_c
        assert alone.code("/2.2.1/cdrs", kept) == 1000
        token_d = alone.answer("PUT", CREDENTIALS, kept, second)["data"]["token"]
        assert (alone.code("/2.2.1/cdrs", token_d), alone.code("/2.2.1/cdrs", kept)) == (1000, 2000)
        # It leaves while the database goes: once more does it.
        alone.lose_the_database()
        wait_until(lambda: alone.has_left(token_d))
        assert alone.home.json("ocpi", "show", "DE-ABC")["state"] == "LEFT"


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_partner_that_never_read_the_answer_begins_again_by_what_it_has(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    with partner() as abc:
        before = platform.connected(abc) if method == "PUT" else platform.invite()
        abc.tokens |= {"token-b", "token-b2"}
        body = abc.credentials("token-b2")

        def dies(*_: Any, **__: Any) -> Response:
            raise RuntimeError("ended between what it stored and its answer")

        with monkeypatch.context() as patched:
            patched.setattr(credentials, "done", dies)
            assert platform.ask(method, CREDENTIALS, before, json=body).json()["status_code"] == 3000
        assert platform.partner().state == "CONNECTED"
        assert platform.ask("GET", "/versions", before).status_code == 200
        # Token A opens no more than it did before, and that for a while.
        assert platform.ask("GET", "/2.2.1/cdrs", before).status_code == (401 if method == "POST" else 200)
        answer = platform.ask(method, CREDENTIALS, before, json=body).json()
        assert answer["status_code"] == 1000
        after = answer["data"]["token"]
        assert platform.ask("GET", "/2.2.1/cdrs", after).status_code == 200
        assert platform.ask("GET", "/versions", before).status_code == 401
        wait_until(lambda: _of_before(platform) == [(None, None)])
        wait_until(lambda: platform.surface.retired == set())


def test_the_token_of_before_is_dead_while_the_store_learns_of_it(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    retired, is_read = platform.surface.retired, Event()
    answered, bearer = ocpi_partners.answered, ocpi_partners.bearer

    def answered_later(*given: Any) -> None:
        assert is_read.wait(60)
        answered(*given)

    def read_before(cursor: Any, token: str) -> Any:
        found = bearer(cursor, token)
        if ocpi_partners.digest_of(token) in retired:
            is_read.set()
            wait_until(lambda: retired == set())
        return found

    with partner() as abc:
        before = platform.connected(abc)
        wait_until(lambda: retired == set())
        abc.tokens.add("token-b2")
        monkeypatch.setattr(ocpi_partners, "answered", answered_later)
        monkeypatch.setattr(ocpi_partners, "bearer", read_before)
        assert platform.ask("PUT", CREDENTIALS, before, json=abc.credentials("token-b2")).status_code == 200
        assert platform.ask("GET", "/versions", before).status_code == 401
        is_read.set()
        wait_until(lambda: retired == set())
        assert platform.ask("GET", "/versions", before).status_code == 401


def test_token_a_is_dead_a_while_after_who_registered_by_it_hung_up(platform: Platform) -> None:
    with partner() as abc:
        token_a = platform.invite()
        platform.surface.retired.clear()
        abc.tokens.add("token-b")
        assert platform.ask("POST", CREDENTIALS, token_a, json=abc.credentials("token-b")).status_code == 200
        wait_until(lambda: platform.surface.retired == set())
        with platform.surface.door.transaction() as cursor:
            cursor.execute("UPDATE access.ocpi_partner SET invite_sha256 = %s", (ocpi_partners.digest_of(token_a),))
            ocpi_partners.keep_previous(cursor, "DE-ABC", token_a, timedelta(seconds=60))
        assert platform.ask("GET", "/versions", token_a).status_code == 200
        assert platform.ask("GET", "/2.2.1/cdrs", token_a).status_code == 401
        with platform.surface.door.transaction() as cursor:
            ocpi_partners.keep_previous(cursor, "DE-ABC", token_a, timedelta(0))
        assert platform.ask("GET", "/versions", token_a).status_code == 401
        assert platform.ask("POST", CREDENTIALS, token_a, json=abc.credentials("token-b")).status_code == 401


def _of_before(platform: Platform) -> list[Any]:
    with platform.surface.door.transaction() as cursor:
        return list(cursor.execute("SELECT invite_sha256, previous_sha256 FROM access.ocpi_partner").fetchall())


def test_a_command_dies_while_it_renews(alone: Served) -> None:
    """Before the partner took our credentials and behind that; it is let in by what it has, and renews by itself."""
    with partner("FR-XYZ") as xyz:
        xyz.tokens.add("their-a")
        begin = ("invite", "FR-XYZ", "--versions-url", xyz.versions_url, "--their-token", "their-a", "--json")
        _command_dies(alone, xyz, "/2.3.0/credentials", *begin)
        assert alone.home.json("ocpi", "show", "FR-XYZ")["state"] == "INVITED"
        alone.home.run("ocpi", *begin)
        token = xyz.given["token"]
        assert alone.code("/2.2.1/cdrs", token) == 1000
        _command_dies(alone, xyz, "/2.3.0/credentials", "renew", "FR-XYZ")
        assert alone.code("/2.2.1/cdrs", token) == 1000
        # The partner had it all, and we did not: by what it was given it is let in, and renews.
        xyz.given = Fatal(xyz.given)
        _command_dies(alone, xyz, "", "renew", "FR-XYZ")
        token = xyz.given["token"]
        assert alone.code("/2.2.1/cdrs", token) == 1000
        xyz.tokens.add("their-new")
        renewed = alone.answer("PUT", "/2.3.0/credentials", token, xyz.credentials("their-new"))
        assert alone.code("/2.2.1/cdrs", renewed["data"]["token"]) == 1000


class Fatal(dict[str, Any]):
    """What a partner was given; who gives it anything dies of it."""

    victim: Process

    def update(self, *given: Any, **more: Any) -> None:
        super().update(*given, **more)
        self.victim.kill()
        self.victim.wait()


def _command_dies(alone: Served, xyz: TestPartner, path: str, *words: str) -> None:
    """A command of ours is killed while the partner is asked for a path, or has taken what it was given."""
    started: list[Process] = []

    def answer(_: Request) -> Response:
        started[0].kill()
        return enveloped(code=2000, status=503)

    xyz.broken |= {path: answer} if path else {}
    started.append(alone.home.start("ocpi", *words))
    if isinstance(xyz.given, Fatal):
        xyz.given.victim = started[0]
    started[0].wait(60)
    assert started[0].returncode < 0
    xyz.broken.clear()
