"""A platform for packages of others: two operators, and sessions that two partners pay."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any

import httpx
import pytest

from api.ocpi.pushing.answers import Answers
from api.ocpi.pushing.modules import sources
from ledger.access.door import Door
from projections.freshness import up_to_date
from projections.roaming.feed import make_all_visible
from tests.conftest import Stores
from tests.ocpi.conftest import OTHER, Platform, pushing, serving_ocpi
from tests.ocpi.test_cdrs import ABC, XYZ, of
from tests.ocpi.test_locations import location, status
from tests.support.broker import Broker
from tests.support.engine import Engine
from tests.support.events import operator, tariff
from tests.support.events import partner as registered

CDRS, TIMEOUT_S = 3, 180


@pytest.fixture(scope="module")
def network(stores: Stores) -> Iterator[tuple[Engine, Platform]]:
    """Two operators with a location each, tariffs, and three sessions that each of two partners pays."""
    with stores() as dsn, closing(Engine(dsn)) as engine, ExitStack() as ending:
        second = operator("OP-2", bank_account=OTHER, party_id="TWO", name="Second")
        engine.feed([operator(), tariff(), second, tariff("OP-2", "T-2"), registered()])
        other = registered()
        other |= {"id": "FR-XYZ", "data": other["data"] | {"country_code": "FR", "party_id": "XYZ"}}
        engine.feed([other, location(), location("LOC-2", "OP-2")])
        for number in range(1, CDRS + 1):
            for party, evse_uid in ((ABC, "LOC-1-E1"), (XYZ, "LOC-1-E2")):
                begin, *rest = of(party, number, f"2026-03-0{number + 1}")
                # At a connector that is published: of another nobody knows the standard.
                engine.feed([begin | {"data": begin["data"] | {"evse_uid": evse_uid}}, *rest])
        engine.advance("2026-03-10T00:00:00Z")
        make_all_visible(dsn)
        with up_to_date(dsn):
            pass
        yield engine, ending.enter_context(serving_ocpi(dsn))


@contextmanager
def pushing_all(network: tuple[Engine, Platform]) -> Iterator[Broker]:
    """Push everything for as long as the block runs; the broker has what the book is told of it."""
    engine, platform = network
    broker, door = Broker(), Door(engine.dsn, 2)
    answers = Answers(door, broker)
    answers.start()
    try:
        with pushing(platform, engine.dsn, partial(sources, answers)):
            yield broker
    finally:
        answers.close()
        door.close()


def told(engine: Engine, evse_uid: str, value: str, hour: int = 10) -> None:
    """A status of some hour, made visible."""
    engine.feed([status(evse_uid, value, f"2026-03-10T{hour}:00:00Z")])
    make_all_visible(engine.dsn)


def accepted(broker: Broker, party: str) -> int:
    """How many CDRs the book was told that a partner accepted."""
    return sum(each["data"]["partner"] == party for each in broker.events("roaming.cdr_accepted"))


def pulled(emsp: str, module: str) -> list[str]:
    """The ids of a list that a package pulled."""
    answer = httpx.post(f"{emsp}/pull/{module}", timeout=TIMEOUT_S)
    assert answer.status_code == httpx.codes.OK, answer.text
    return list(answer.json())


def kept(emsp: str, module: str) -> Any:
    """What a package keeps of a module."""
    return httpx.get(f"{emsp}/kept", timeout=TIMEOUT_S).json().get(module, [])


def statuses(locations: list[Any]) -> list[str]:
    """The statuses of the EVSEs of the first operator's location, whatever the case of its id."""
    return sorted(
        str(evse["status"]) for each in locations if str(each["id"]).upper() == "LOC-1" for evse in each["evses"]
    )
