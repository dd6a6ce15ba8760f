"""What partners see is rebuilt while they look and things happen: nothing changes by it or is pushed again."""

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from ledger.database import Role, connect
from projections.errors import RebuildUnderWay
from projections.rebuild import alone
from projections.roaming.feed import RoamingFeed, make_all_visible, rebuild
from tests.conftest import Stores
from tests.end_to_end.running import Inside
from tests.ocpi.conftest import Platform, serving_ocpi
from tests.ocpi.test_cdrs import ABC, of
from tests.ocpi.test_locations import location, status
from tests.support.engine import Engine
from tests.support.events import operator, tariff
from tests.support.events import partner as registered
from tests.support.partner import partner

LISTS = ("locations", "tariffs", "sessions?date_from=2020-01-01T00:00:00Z", "cdrs")
_OBJECTS = "SELECT * FROM roaming.object ORDER BY module, partner, operator_id, object_id"
_MARKS = "SELECT * FROM roaming.mark ORDER BY connection, module, object_id"


@pytest.fixture
def seen(stores: Stores) -> Iterator[tuple[Engine, Platform, str]]:
    """A platform with some of each, and a partner that is connected."""
    with stores() as dsn, closing(Engine(dsn)) as engine, serving_ocpi(dsn) as platform, partner() as abc:
        token = platform.connected(abc)
        engine.feed([operator(), tariff(), registered(), location()])
        for number in range(1, 6):
            engine.feed([*of(ABC, number), status("LOC-1-E1", "CHARGING", f"2026-03-02T1{number}:00:00Z")])
        engine.advance("2026-03-10T00:00:00Z")
        make_all_visible(dsn)
        yield engine, platform, token


def test_nothing_changes_by_a_rebuild_and_what_is_lost_comes_back(
    seen: tuple[Engine, Platform, str], tmp_path: Any
) -> None:
    engine, *_ = seen
    objects, marks = engine.rows(_OBJECTS), engine.rows(_MARKS)
    assert {row[0] for row in objects} == {"locations", "tariffs", "sessions", "cdrs"}
    assert marks
    home = Inside(tmp_path, DATABASE_URL=engine.dsn)
    (told,) = home.json("rebuild", "roaming")
    assert told == {"projection": "roaming", "position": told["position"]}
    assert told["position"] > 0
    assert engine.rows(_OBJECTS) == objects
    assert engine.rows(_MARKS) == marks
    lost = "DELETE FROM roaming.object WHERE module IN ('locations', 'cdrs') RETURNING module"
    assert len(engine.rows(lost)) == 6
    engine.rows("DELETE FROM roaming.evse_status RETURNING evse_uid")
    assert "roaming" in [each["projection"] for each in home.json("rebuild")]
    found = {row[:4]: row for row in engine.rows(_OBJECTS)}
    assert found.keys() == {row[:4] for row in objects}
    for row in objects:
        digest = 6
        assert found[row[:4]][digest] == row[digest]


def test_pages_are_whole_while_all_is_rebuilt_and_things_happen(
    seen: tuple[Engine, Platform, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small steps, so that there are many moments at which somebody looks."""
    engine, platform, token = seen
    monkeypatch.setattr("projections.roaming.feed._ANEW_MAX", 2)

    def look() -> list[list[str]]:
        answers = [platform.ask("GET", f"/2.2.1/{each}", token).json()["data"] for each in LISTS]
        return [[each["id"] for each in found] for found in answers]

    before, over = look(), threading.Event()
    assert [len(found) for found in before] == [1, 1, 5, 5]

    def again() -> None:
        rebuild(engine.dsn)
        over.set()

    thread = threading.Thread(target=again, name="rebuild")
    thread.start()
    looks, changes = [look()], 0
    while not over.is_set():
        changes += 1
        value = ("AVAILABLE", "CHARGING")[changes % 2]
        engine.feed([status("LOC-1-E2", value, f"2026-03-03T10:00:{changes % 60:02}Z")])
        with connect(engine.dsn, Role.PROJECTOR, autocommit=True) as connection:
            RoamingFeed().catch_up(connection)
        looks.append(look())
    thread.join()
    assert all(each == before for each in looks)
    assert make_all_visible(engine.dsn) == 0


def test_one_rebuild_at_a_time(seen: tuple[Engine, Platform, str]) -> None:
    engine, *_ = seen
    with alone(engine.dsn, ["roaming"]), pytest.raises(RebuildUnderWay, match="roaming is being rebuilt"):
        rebuild(engine.dsn, now=datetime.now(UTC))
    assert min(rebuild(engine.dsn).values()) > 0
