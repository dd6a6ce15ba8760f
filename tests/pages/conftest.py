"""One browser for all tests of pages, and the gallery of components on a socket."""

import threading
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, Page

from api.server import listen, serve, url_of
from ledger.access.duties import Duty
from projections.schema import migrate
from tests.access.meeting import PASSWORD, add_person
from tests.pages.gallery import application
from tests.support.browser import chromium, context_of
from tests.support.events import captured, ended, operator, started, tariff
from tests.support.live import Live, live
from tests.support.made_ahead import with_kafka
from tests.support.surface import Client
from wattledger.embedded import EmbeddedKafka
from wattledger.settings import default_cache_dir

_numbers = count(1)
_systems = count(1)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Ended with this folder: while it is there, nothing else runs an event loop on the main thread."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def gallery() -> Iterator[str]:
    """Where the gallery is."""
    stop, ready = threading.Event(), threading.Event()
    with listen("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=serve, args=(application(), listening, ready.set, stop))
        thread.start()
        try:
            assert ready.wait(180)
            yield url_of(listening)
        finally:
            stop.set()
            thread.join()


@pytest.fixture(scope="package")
def system(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A live system whose pages people decide on, with nothing told yet."""
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        # A process that takes tests over from another one comes back to this package, and makes a system anew.
        name = f"decided_on_pages_{next(_systems)}"
        connection.execute(f"CREATE DATABASE {name}".encode())
    dsn = f"{postgres_dsn.rpartition('/')[0]}/{name}"
    migrate(dsn)
    folder = with_kafka(tmp_path_factory.mktemp("broker"))
    with (
        EmbeddedKafka(folder, default_cache_dir()) as broker,
        live(dsn, broker, "decided on pages") as made,
    ):
        yield made


@pytest.fixture(scope="package")
def people(system: Live, browser: Browser) -> Iterator[Callable[..., Page]]:
    """Gives the page of somebody's browser, signed in; each person has one."""
    found: dict[str, Page] = {}

    def person(name: str, duty: Duty, *operators: str) -> Page:
        if name not in found:
            add_person(system.gate.door, name, duty, *operators)
            context = context_of(browser, base_url=str(system.client.base_url), locale="en-GB")
            found[name] = context.new_page()
            found[name].goto("/login")
            found[name].fill("#name", name)
            found[name].fill("#password", PASSWORD)
            found[name].keyboard.press("Enter")
            found[name].wait_for_url(lambda url: "/login" not in url)
        return found[name]

    yield person
    for page in found.values():
        page.context.close()


@pytest.fixture(scope="package")
def anna(people: Callable[..., Page]) -> Page:
    """An approver."""
    return people("Anna", Duty.APPROVER)


@pytest.fixture(scope="package")
def ben(people: Callable[..., Page]) -> Page:
    """Another approver."""
    return people("Ben", Duty.APPROVER)


@pytest.fixture(scope="package")
def fred(people: Callable[..., Page]) -> Page:
    """Somebody of finance."""
    return people("Fred", Duty.FINANCE)


@pytest.fixture(scope="package")
def reads(system: Live) -> Client:
    """Who sees all and does nothing."""
    return system.as_(Duty.AUDITOR)


@pytest.fixture
def earning(system: Live) -> Callable[..., str]:
    """Makes an operator with 10.89 EUR of a session on 2 March, by these terms."""

    def make(**terms: Any) -> str:
        name = f"OP-PAGE-{next(_numbers)}"
        system.tell(
            operator(name, **terms),
            tariff(name, f"T-{name}"),
            started(f"S-{name}", operator_id=name, tariff_id=f"T-{name}"),
            ended(f"S-{name}"),
            captured(f"S-{name}"),
        )
        return name

    return make


@pytest.fixture
def waiting(system: Live, reads: Client, earning: Callable[..., str]) -> Callable[..., dict[str, Any]]:
    """Makes an operator whose payout waits for the approval of so many people."""

    def make(approvals: int = 1) -> dict[str, Any]:
        name = earning(payout_requires_approval=True, payout_approvals=[{"from": "0", "approvals": approvals}])
        system.advance("2026-03-03T06:00:00Z")
        return dict(system.seen(f"/v1/payouts?operator_id={name}", reads, lambda each: each["data"])["data"][0])

    return make
