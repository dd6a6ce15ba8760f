"""The application on a real socket, beside a store of the test's: what a client of it sees."""

import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from starlette.requests import Request

from api.access.gate import Gate
from api.access.principal import ROLES as PRINCIPALS_ROLES
from api.access.principal import Principal
from api.access.settings import GateSettings
from api.actions.desk import Desk
from api.app import create_app
from api.connections import Connection
from api.ocpi.surface import OcpiSurface
from api.problems import Problem
from api.server import listen, serve, url_of
from api.surface import Surface
from ledger.access.duties import Duty
from ledger.database import Role
from projections.reading import Readers
from tests.support.believed import BELIEVED
from tests.support.sealed import SEALS

# Until keys are made: the bearer is `DUTY` or `operator:OP-1,OP-2`.
ROLES = (Role.AUDITOR, Role.TENANT)


async def _named(request: Request) -> Principal:
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    duty, _, operators = given.partition(":")
    if kind != "Bearer" or duty not in list(Duty):
        raise Problem(401, "no_credential", "give a key", headers={"WWW-Authenticate": "Bearer"})
    return Principal(f"key:{duty}", Duty(duty), tuple(filter(None, operators.split(","))))


class Client(httpx.Client):
    """A client of the application; `as_` gives one of another principal, closed with this one."""

    def __init__(self, **how: Any) -> None:
        super().__init__(verify=BELIEVED, **how)

    def as_(self, bearer: str) -> "Client":
        """The same application asked by somebody else."""
        other = Client(base_url=self.base_url, headers={"Authorization": f"Bearer {bearer}"}, timeout=120)
        self.__dict__.setdefault("others", []).append(other)
        return other

    def close(self) -> None:
        """Close this client and the others that came of it."""
        for other in self.__dict__.pop("others", []):
            other.close()
        super().close()

    def document(self, path: str, status: int = 200, /, **parameters: Any) -> Any:
        """The JSON document of a GET, which must have this status."""
        answer = self.get(path, params=parameters or None)
        assert answer.status_code == status, answer.text
        return answer.json()

    def walk(self, path: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """The objects of a list, page by page."""
        cursor: dict[str, Any] = {}
        while True:
            page = self.document(path, **parameters, **cursor)
            yield from page["data"]
            if page["next_cursor"] is None:
                return
            cursor = {"cursor": page["next_cursor"]}


@contextmanager
def serving(
    dsn: str,
    authenticate: Callable[[Request], Awaitable[Principal]] = _named,
    roles: tuple[Role, ...] = ROLES,
    connection: type[Connection] = Connection,
) -> Iterator[Client]:
    """A client, as `finance`, of the application on a store, for as long as the block runs."""
    readers = Readers(dsn, roles)
    finance = {"Authorization": "Bearer finance"}
    with (
        _served(readers, lambda _: Surface(readers, authenticate), connection) as url,
        Client(base_url=url, headers=finance, timeout=120) as client,
    ):
        yield client
        client.close()


def _of_gate(url: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {"public_url": url, "people": SEALS, **settings}


@contextmanager
def guarded(dsn: str, desk: Callable[[Gate], Desk] | None = None, **settings: Any) -> Iterator[tuple[Client, Gate]]:
    """A client without a credential, and the gate of the application, with the settings of a gate.

    Actions are done at the `desk`, if there is one.
    """
    readers = Readers(dsn, PRINCIPALS_ROLES)
    made: list[Gate] = []

    def surface(url: str) -> Surface:
        made.append(Gate(dsn, GateSettings(**_of_gate(url, settings))))
        made[0].open()
        return Surface(
            readers,
            made[0].authenticate,
            made[0],
            desk=desk(made[0]) if desk else None,
            decision_keys=lambda: [("tests", True)],
        )

    with _served(readers, surface) as url, Client(base_url=url, timeout=120) as client:
        try:
            yield client, made[0]
            client.close()
        finally:
            made[0].close()


@contextmanager
def served_beside(readers: Readers, ocpi: Callable[[str], OcpiSurface]) -> Iterator[str]:
    """The application with partners below `/ocpi`, and its URL."""
    with _served(readers, lambda _: Surface(readers, _named), ocpi=ocpi) as url:
        yield url


@contextmanager
def _served(
    readers: Readers,
    surface: Callable[[str], Surface],
    connection: type[Connection] = Connection,
    ocpi: Callable[[str], OcpiSurface] | None = None,
) -> Iterator[str]:
    """The application on a socket of this machine, and its URL."""
    readers.open()
    stop, ready = threading.Event(), threading.Event()
    with listen("127.0.0.1", 0) as listening:
        url = url_of(listening)
        application = create_app(surface(url), ocpi(url) if ocpi is not None else None)
        how = {"connection": connection}
        thread = threading.Thread(
            target=serve, args=(application, listening, ready.set, stop), kwargs=how, name="server"
        )
        thread.start()
        try:
            assert ready.wait(180)
            yield url
        finally:
            stop.set()
            thread.join()
            readers.close()
