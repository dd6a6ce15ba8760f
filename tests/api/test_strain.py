"""What clients that mean harm do to others: nothing; and what everybody is told while the database is away."""

import resource
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import ClassVar

import httpx
import psutil
import psycopg
import pytest

from api.connections import Bounds, Connection
from ledger.patience import until
from projections.schema import migrate
from tests.support.believed import BELIEVED
from tests.support.made_ahead import with_postgres
from tests.support.surface import Client, serving
from wattledger.embedded import EmbeddedPostgres

IDLE = 1_000


class Hasty(Connection):
    """The server's connections with bounds that a test can wait for."""

    bounds: ClassVar[Bounds] = Bounds(head_s=0.5, body_s=0.5, stalled_s=0.5, closing_s=0.5, connections=IDLE + 100)


@pytest.fixture(scope="module")
def store(postgres_dsn: str) -> str:
    migrate(postgres_dsn)
    return postgres_dsn


@pytest.fixture(scope="module")
def client(store: str) -> Iterator[Client]:
    with serving(store) as client:
        yield client


@pytest.fixture(scope="module")
def hasty(store: str) -> Iterator[Client]:
    with serving(store, connection=Hasty) as client:
        yield client


@contextmanager
def raw(client: Client) -> Iterator[socket.socket]:
    """A connection on which a test says what it likes."""
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=90) as connection:
        yield connection


def told(client: Client, said: bytes) -> bytes:
    """All that is answered to some bytes, until the server ends the connection."""
    with raw(client) as connection:
        connection.sendall(said)
        return rest(connection)


def rest(connection: socket.socket) -> bytes:
    """All that comes until the other side ends."""
    found = bytearray()
    try:
        while part := connection.recv(1 << 16):
            found += part
    except ConnectionError:
        pass
    return bytes(found)


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


GET_ME = b"GET /v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer finance\r\n"


def well(client: Client) -> None:
    """Others are answered, before any bound of a connection that strains the server ends that one."""
    me, finance = client.base_url.join("/v1/me"), {"Authorization": "Bearer finance"}
    assert httpx.get(me, headers=finance, timeout=120, verify=BELIEVED).status_code == 200


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20, 400, id="TLS"),
        pytest.param(b"HELO mail.example\r\n\r\n", 400, id="another protocol"),
        pytest.param(b"GET /v1/me HTTP/9.9\r\n\r\n", 400, id="version"),
        pytest.param(b"GET /\xff\xfe HTTP/1.1\r\n\r\n", 400, id="bytes in the path"),
        pytest.param(GET_ME + b"Na me: x\r\n\r\n", 400, id="name of a header"),
        pytest.param(GET_ME + b"X: a\x00b\r\n\r\n", 400, id="NUL in a header"),
        pytest.param(GET_ME + b"Content-Length: -1\r\n\r\n", 400, id="length"),
        pytest.param(
            GET_ME + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, id="two lengths"
        ),
        pytest.param(GET_ME + b"X-Long: " + b"x" * 33_000 + b"\r\n\r\n", 431, id="header"),
        pytest.param(GET_ME + b"X-More: 1\r\n" * 5_000 + b"\r\n", 431, id="headers"),
        pytest.param(b"GET /v1/" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n", 431, id="path"),
        pytest.param(b"GET /v1/me?" + b"x" * 3_000_000, 431, id="a query without an end"),
        pytest.param(b"CONNECT db.internal:5432 HTTP/1.1\r\n\r\n", 400, id="tunnel"),
    ],
)
def test_what_is_no_decent_request_is_answered_and_ended(client: Client, said: bytes, answered: int) -> None:
    answer = told(client, said)
    assert status(answer) == answered
    assert b"application/problem+json" in answer
    well(client)


@pytest.mark.parametrize(
    ("path", "answered"),
    [
        ("/v1/operators/%00", 400),
        ("/v1/operators/%ff%fe%80", 404),
        ("/v1/operators/%2e%2e%2f%2e%2e%2fetc%2fpasswd", 404),
        ("/v1/operators/" + "x" * 5_000, 400),
        ("/v1/operators/%F0%9F%94%8C", 404),
        ("//v1//me", 404),
        ("/v1/me/", 404),
        ("/v1/operators?limit=5&limit=6", 400),
        ("/v1/operators?%00=1", 400),
        ("/v1/operators?cursor=%00", 400),
        ("/v1/operators?limit=" + "9" * 5_000, 400),
        ("/v1/operators?limit=%D9%A3%D9%A3%D9%A3%D9%A3", 400),
        ("/v1/operators?" + "&".join(f"p{n}=" for n in range(2_000)), 400),
    ],
)
def test_junk_in_an_address_is_a_problem_of_who_asks(client: Client, path: str, answered: int) -> None:
    answer = told(client, b"GET " + path.encode() + GET_ME[10:] + b"Connection: close\r\n\r\n")
    assert status(answer) == answered, answer
    assert b"application/problem+json" in answer


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "POST", "PROPFIND"])
def test_other_methods_are_told_what_is_possible(client: Client, method: str) -> None:
    answer = client.request(method, "/v1/me")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


def test_a_body_of_more_than_a_mebibyte_is_refused_however_it_comes(client: Client, hasty: Client) -> None:
    stated = client.post("/v1/me", content=b"x" * 1_048_577)
    assert (stated.status_code, stated.json()["type"]) == (413, "/problems/body_too_large")
    head = GET_ME.replace(b"GET", b"POST")
    assert status(told(hasty, head + b"Content-Length: 99999999999\r\n\r\n" + b"x" * 5_000)) == 413
    assert client.request("GET", "/v1/me", content=b"x" * 1_048_576).status_code == 200


def test_slow_heads_and_slow_bodies_end(hasty: Client) -> None:
    for said in (
        b"",
        b"\r\n",
        b"GET /v1/me HTTP/1.1\r\nX-Slow: ",
        GET_ME + b"Content-Length: 10\r\n\r\nabc",
        GET_ME + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
    ):
        begun = time.monotonic()
        answer = told(hasty, said)
        assert time.monotonic() - begun < 60
        assert not answer or status(answer) in (200, 408), answer


def test_a_client_that_drips_is_not_waited_for(hasty: Client) -> None:
    with raw(hasty) as connection:
        connection.settimeout(0.1)
        begun = time.monotonic()
        answer = b""
        while not answer and time.monotonic() - begun < 60:
            connection.sendall(b"G" if time.monotonic() == begun else b"E")
            try:
                answer = connection.recv(1 << 16)
            except TimeoutError:
                continue
    assert status(answer) in (400, 408)


def test_a_client_that_does_not_read_is_let_go(hasty: Client) -> None:
    with raw(hasty) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.settimeout(0.2)
        assert until(lambda: is_full(connection), 0, 60)
        # It was not read from, and is gone for the server soon.
        assert until(lambda: is_ended(connection), 0.1, 60)
    well(hasty)


def is_full(connection: socket.socket) -> bool:
    """Ask for the largest thing there is, and read nothing: whether the server takes no more."""
    try:
        connection.send(b"GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
    except OSError:
        return True
    return False


def is_ended(connection: socket.socket) -> bool:
    """Whether the other side has ended a connection of which nothing is read."""
    try:
        connection.send(b"x")
    except TimeoutError:
        return False
    except OSError:
        return True
    return False


def test_pipelined_requests_are_answered_in_their_order_and_no_more_than_some(client: Client) -> None:
    some = b"".join(GET_ME + b"X-Request-Id: n%d\r\n\r\n" % number for number in range(20))
    answer = told(client, some + GET_ME + b"Connection: close\r\n\r\n")
    found = [line.rpartition(b" ")[2] for line in answer.split(b"\r\n") if line.startswith(b"x-request-id: n")]
    assert found == [b"n%d" % number for number in range(20)]
    told(client, (GET_ME + b"\r\n") * 2_000)
    well(client)


def test_an_upgrade_that_nobody_offers_is_a_plain_request(client: Client) -> None:
    for what in (b"websocket", b"h2c"):
        answer = told(client, GET_ME + b"Connection: Upgrade, close\r\nUpgrade: " + what + b"\r\n\r\n")
        assert status(answer) == 200


def test_a_thousand_idle_connections_and_as_many_that_drip_do_not_stop_others(client: Client) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4 * IDLE + 1_000)), hard))
    with ExitStack() as open_:
        for number in range(IDLE):
            connection = open_.enter_context(raw(client))
            if number % 2:
                connection.sendall(b"GET /v1/me HTTP/1.1\r\nX: ")
        for _ in range(20):
            well(client)


def test_of_too_many_connections_the_idlest_end(hasty: Client) -> None:
    most = Hasty.bounds.connections
    with ExitStack() as open_:
        first = open_.enter_context(raw(hasty))
        for _ in range(most + 50):
            open_.enter_context(raw(hasty))
        assert rest(first) == b""
        well(hasty)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(with_postgres(tmp_path_factory.mktemp("away"))) as server:
        yield server


def told_soon(client: Client) -> None:
    """Everybody who asks is told within two seconds that the database is away."""
    with ThreadPoolExecutor(20) as threads:
        begun = time.monotonic()
        answers = list(threads.map(lambda _: client.get("/v1/operators"), range(20)))
        assert time.monotonic() - begun < 2
    assert {answer.status_code for answer in answers} == {503}, [answer.text for answer in answers]
    assert all(answer.headers["retry-after"] for answer in answers)
    assert client.get("/livez").status_code == 200
    assert client.get("/v1/me").status_code == 200


def back(client: Client) -> bool:
    return client.get("/v1/operators").status_code == 200


@contextmanager
def standing_still(server: EmbeddedPostgres) -> Iterator[None]:
    """Its processes do nothing while the block runs."""
    processes = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


@pytest.mark.alone
def test_a_database_that_stands_still_is_told_within_two_seconds_and_comes_back(server: EmbeddedPostgres) -> None:
    with serving(server.dsn) as client:
        assert back(client)
        with standing_still(server):
            told_soon(client)
            told_soon(client)
        assert until(lambda: back(client), 0.1, 60)


@pytest.mark.alone
def test_who_is_told_to_end_does_not_wait_for_a_database_that_stands_still(
    server: EmbeddedPostgres, store: str
) -> None:
    with ExitStack() as stood:
        with serving(server.dsn) as client:
            assert back(client)
            stood.enter_context(standing_still(server))
            told_soon(client)
            begun = time.monotonic()
        assert time.monotonic() - begun < 10
        # The threads that waited are free for others.
        with serving(store) as client, ThreadPoolExecutor(20) as threads:
            assert all(threads.map(lambda _: back(client), range(20)))


@pytest.mark.alone
def test_a_database_that_is_killed_is_told_at_once_and_comes_back(server: EmbeddedPostgres, tmp_path: Path) -> None:
    with serving(server.dsn) as client:
        assert back(client)
        server.kill()
        told_soon(client)
        told_soon(client)
        server.start()
        assert until(lambda: back(client), 0.1, 60)


def test_who_was_asking_when_it_ends_is_answered(store: str) -> None:
    """A read that waits for a lock is finished, and who is idle does not keep the server."""
    with ExitStack() as open_, ThreadPoolExecutor() as threads, ExitStack() as served:
        locking = open_.enter_context(psycopg.connect(store))
        looking = open_.enter_context(psycopg.connect(store, autocommit=True))
        client = served.enter_context(serving(store))
        idle = open_.enter_context(raw(client))
        locking.execute("LOCK TABLE intake.catalogue")
        answer = threads.submit(httpx.get, client.base_url.join("/v1/operators"), headers=client.headers, timeout=10)
        assert until(lambda: looking.execute(WAITING).fetchone() != (0,), 0.02, 60)
        ended = threads.submit(served.close)
        assert idle.recv(1) == b""
        locking.rollback()
        assert answer.result(180).status_code == 200
        ended.result(180)


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
