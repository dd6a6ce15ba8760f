"""Objects are made as things happen, once there is somebody to see them."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from projections.roaming.feed import follow_roaming
from tests.conftest import Stores
from tests.ocpi.conftest import Platform, serving_ocpi
from tests.ocpi.test_locations import location, status
from tests.support.engine import Engine
from tests.support.events import operator, tariff
from tests.support.waiting import wait_until


@contextmanager
def following(dsn: str) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=follow_roaming, args=(dsn, stop), name="roaming")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def live(stores: Stores) -> Iterator[tuple[Engine, Platform]]:
    with stores() as dsn, closing(Engine(dsn)) as engine, serving_ocpi(dsn) as platform:
        engine.feed([operator(), tariff(), location()])
        with following(dsn):
            yield engine, platform


def test_nothing_is_made_for_nobody_and_all_for_the_first_and_what_happens_then(
    live: tuple[Engine, Platform],
) -> None:
    engine, platform = live
    assert engine.rows("SELECT FROM roaming.object") == []
    platform.invite()
    wait_until(lambda: len(engine.rows("SELECT FROM roaming.object")) == 2)
    engine.feed([status("LOC-1-E1", "CHARGING", "2026-03-02T10:00:00Z")])
    seen = "SELECT FROM roaming.object WHERE convert_from(document, 'UTF8') LIKE '%CHARGING%'"
    wait_until(lambda: bool(engine.rows(seen)))
