"""A partner that asks for what changed since it last asked ends with exactly our state, whatever happens."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from itertools import count
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import projections.roaming.feed as feed_module
from ledger.database import Role, connect
from projections.roaming.feed import make_all_visible
from projections.roaming.objects import Seen, make_visible
from tests.conftest import Stores
from tests.ocpi.conftest import OTHER, Platform, serving_ocpi
from tests.ocpi.test_cdrs import ABC, of
from tests.ocpi.test_locations import given as given_to
from tests.ocpi.test_locations import location, status
from tests.support.believed import BELIEVED
from tests.support.engine import Engine
from tests.support.events import corrected, operator, tariff
from tests.support.events import partner as registered
from tests.support.partner import TestPartner, partner

MODULES = ("tariffs", "locations", "sessions", "cdrs")
LOCATIONS, VALUES = 5, ("AVAILABLE", "CHARGING", "BLOCKED")
_numbers = count(1)
Mirror = dict[tuple[str, ...], dict[str, Any]]


class Killed(Exception):
    """The feed ends where it stands."""


class Puller:
    """A partner that pulls by what it saw and when it asked, two objects a page, and nothing else."""

    def __init__(self, platform: Platform, token: str) -> None:
        # One client for all: each takes a while to make.
        headers = TestPartner("DE-ABC").authorization(token)
        self.platform = platform
        self._client = httpx.Client(
            base_url=f"{platform.url}/ocpi/2.2.1/", headers=headers, timeout=120, verify=BELIEVED
        )
        self.mirror: Mirror = {}
        self._asked: dict[str, str] = {}

    def close(self) -> None:
        """End its connections."""
        self._client.close()

    def pull(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Ask for what changed since it last asked; `meanwhile` happens between pages."""
        for module in MODULES:
            begun = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            since = self._asked.get(module, "2020-01-01T00:00:00Z")
            for found in self.pages(module, {"date_from": since, "limit": 2}, meanwhile):
                self.mirror[_name(module, found)] = found
            self._asked[module] = begun

    def all_there_is(self) -> Mirror:
        """The whole lists, while nothing happens."""
        since = {"date_from": "2020-01-01T00:00:00Z", "limit": 100}
        return {_name(module, each): each for module in MODULES for each in self.pages(module, since)}

    def pages(
        self, module: str, query: dict[str, Any], meanwhile: Callable[[], None] = lambda: None
    ) -> Iterator[dict[str, Any]]:
        """All objects from page to page, by the links alone; `meanwhile` happens between them."""
        answer = self._client.get(module, params=query)
        while True:
            assert answer.json()["status_code"] == 1000, answer.text
            yield from answer.json()["data"]
            if "link" not in answer.headers:
                return
            meanwhile()
            answer = self._client.get(answer.headers["link"].partition(">")[0].removeprefix("<"))


def _name(module: str, found: dict[str, Any]) -> tuple[str, ...]:
    return module, found["country_code"], found["party_id"], found["id"].casefold()


class World:
    """Events of a network that grows, each of which may come late, and of which some concern many objects."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.sessions: list[str] = []

    def status(self, draw: Any) -> list[Any]:
        place, evse = draw(st.integers(1, LOCATIONS)), draw(st.integers(1, 2))
        at = f"2026-03-0{draw(st.integers(1, 9))}T10:00:{next(_numbers) % 60:02}Z"
        return [status(f"LOC-{place}-E{evse}", draw(st.sampled_from(VALUES)), at, location_id=f"LOC-{place}")]

    def place(self, draw: Any) -> list[Any]:
        number = draw(st.integers(1, LOCATIONS))
        return [location(f"LOC-{number}", time=_later(), address=f"Keizersgracht {next(_numbers)}")]

    def price(self, draw: Any) -> list[Any]:
        return [tariff(time=_later(), price=draw(st.sampled_from([0.4, 0.5, 0.6])))]

    def own(self, draw: Any) -> list[Any]:
        return [given_to("DE-ABC", draw(st.sampled_from(["T-1", f"T-{next(_numbers)}"]))) | {"time": _later()}]

    def session(self, draw: Any) -> list[Any]:
        number = next(_numbers)
        events = of(ABC, number, day=f"2026-04-{draw(st.integers(10, 20))}")
        self.sessions.append(events[0]["data"]["session_id"])
        return list(draw(st.permutations(events)))

    def correction(self, draw: Any) -> list[Any]:
        if not self.sessions:
            return []
        return [corrected(self.sessions[-1], "2026-05-01T00:00:00Z", 11_000 + next(_numbers))]

    def renamed(self, _: Any) -> list[Any]:
        return [operator(name=f"Operator {next(_numbers)}") | {"type": "operator.changed", "time": _later()}]


KINDS = ("status", "place", "price", "own", "session", "correction", "renamed")


def _later() -> str:
    number = next(_numbers)
    return f"2026-03-{1 + number // 1_440 % 28:02}T{number // 60 % 24:02}:{number % 60:02}:00Z"


@pytest.fixture(scope="module")
def seen(stores: Stores) -> Iterator[tuple[World, Puller]]:
    with stores() as dsn, closing(Engine(dsn)) as engine, serving_ocpi(dsn) as platform, partner() as abc:
        second = operator("OP-2", bank_account=OTHER, party_id="TWO", name="Second")
        elsewhere = [location(f"FAR-{number}", "OP-2") for number in range(1, 8)]
        here = [location(f"LOC-{number}") for number in range(1, LOCATIONS + 1)]
        engine.feed([operator(), second, tariff(), registered(), *here, *elsewhere])
        make_all_visible(dsn)
        with closing(Puller(platform, platform.connected(abc))) as puller:
            yield World(engine), puller


def _made_until(world: World, monkeypatch: pytest.MonkeyPatch, calls: int | None, *, before: bool) -> None:
    """The feed catches up, or is killed at one of its transactions, before it has stored anything or behind that."""
    store, left = feed_module._store, count(0)

    def killed(*given: Any, **more: Any) -> int:
        mine = next(left)
        if mine == calls and before:
            raise Killed
        found = store(*given, **more)
        if mine == calls:
            raise Killed
        return found

    with monkeypatch.context() as patched, suppress(Killed):
        patched.setattr(feed_module, "_store", killed)
        make_all_visible(world.engine.dsn)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_pulls_end_with_our_state_through_any_order_and_any_kill(
    seen: tuple[World, Puller], data: st.DataObject
) -> None:
    world, puller = seen

    def happens() -> None:
        events = getattr(world, data.draw(st.sampled_from(KINDS)))(data.draw)
        if events:
            world.engine.feed(events)
        if data.draw(st.booleans()):
            world.engine.advance("2026-06-01T00:00:00Z")

    def made() -> None:
        kill = data.draw(st.none() | st.integers(0, 4))
        with pytest.MonkeyPatch.context() as patch:
            _made_until(world, patch, kill, before=data.draw(st.booleans()))

    def meanwhile() -> None:
        if data.draw(st.integers(0, 3)) == 0:
            happens()
            made()

    for step in data.draw(st.lists(st.sampled_from(["happens", "happens", "made", "pull"]), max_size=10)):
        if step == "pull":
            puller.pull(meanwhile)
        else:
            (happens if step == "happens" else made)()
    make_all_visible(world.engine.dsn)
    puller.pull()
    assert puller.mirror == puller.all_there_is()


def test_a_page_skips_nothing_where_objects_of_its_own_take_the_place_of_everybodys(
    seen: tuple[World, Puller],
) -> None:
    world, puller = seen
    with partner("FR-XYZ") as xyz, closing(Puller(puller.platform, puller.platform.connected(xyz))) as puller:
        pages = count(1)

        def meanwhile() -> None:
            if next(pages) == 3:
                world.engine.feed([given_to("FR-XYZ", "T-OF-XYZ")])
                make_all_visible(world.engine.dsn)

        crawled = {each["id"] for each in puller.pages("locations", {"limit": 2}, meanwhile)}
        assert crawled == {key[3].upper() for key in puller.all_there_is() if key[0] == "locations"}


def test_the_moment_of_a_change_is_never_before_it(seen: tuple[World, Puller]) -> None:
    """Who asks between the two would not see it, and never again."""
    world, _ = seen
    with connect(world.engine.dsn, Role.PROJECTOR) as connection, connection.cursor() as cursor:
        for number in range(30):
            before = cursor.execute("SELECT clock_timestamp()").fetchall()
            make_visible(cursor, "locations", [Seen("", "OP-9", "L", {"id": "L", "name": str(number)})])
            newest = cursor.execute("SELECT max(last_updated) FROM roaming.object WHERE operator_id = 'OP-9'")
            assert newest.fetchall() >= before
            connection.commit()
        cursor.execute("DELETE FROM roaming.object WHERE operator_id = 'OP-9'")


def test_pulls_beside_a_writer_that_never_rests(seen: tuple[World, Puller]) -> None:
    world, puller = seen
    over = threading.Event()

    def write() -> None:
        for number in range(12):
            place = number % LOCATIONS + 1
            at = f"2026-03-21T10:00:{number:02}Z"
            world.engine.feed([status(f"LOC-{place}-E1", VALUES[number % 3], at, location_id=f"LOC-{place}")])
            if number % 6 == 0:
                world.engine.feed(of(ABC, next(_numbers), day="2026-04-21"))
                world.engine.advance("2026-06-02T00:00:00Z")
            make_all_visible(world.engine.dsn)
        over.set()

    thread = threading.Thread(target=write, name="writer")
    thread.start()
    pulls = 0
    while not over.is_set():
        puller.pull()
        pulls += 1
    thread.join()
    puller.pull()
    assert pulls > 1
    assert puller.mirror == puller.all_there_is()
