"""CDRs and sessions of parties behind a hub: to the hub's connection, for the party whose token it was."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial as bound
from typing import Any

import pytest

from api.ocpi.pushing.answers import Answers
from api.ocpi.pushing.modules import sources
from ledger.access.door import Door
from projections.freshness import up_to_date
from projections.roaming.feed import make_all_visible
from tests.conftest import Stores
from tests.ocpi.conftest import Platform, pushing, serving_ocpi
from tests.ocpi.test_cdrs import of
from tests.ocpi.test_hub_pushes import to
from tests.ocpi.test_hubs import ABC, HUB, XYZ, hub_of_2_2_1, tell
from tests.support.broker import Broker
from tests.support.engine import Engine
from tests.support.events import operator, tariff
from tests.support.partner import TestPartner, partner
from tests.support.waiting import wait_until

WITHIN_S = 180
LATER = "2026-03-10T00:00:00Z"
PARTIES = {ABC: ("DE", "ABC"), XYZ: ("FR", "XYZ")}
Owing = tuple[Engine, Platform, TestPartner, str]


@pytest.fixture
def owing(stores: Stores) -> Iterator[Owing]:
    """A hub with two parties behind it, which have a CDR each, and a pusher; one of them is offline."""
    with stores() as dsn, closing(Engine(dsn)) as engine, ExitStack() as ending:
        engine.feed([operator(), tariff()])
        sessions(engine, 1)
        with up_to_date(dsn):
            pass
        platform = ending.enter_context(serving_ocpi(dsn))
        hub = ending.enter_context(partner(HUB))
        token = hub_of_2_2_1(platform, hub)
        tell(platform, token, ABC)
        tell(platform, token, XYZ, "OFFLINE")
        door = ending.enter_context(closing(Door(dsn, 2)))
        answers = Answers(door, Broker())
        answers.start()
        ending.callback(answers.close)
        ending.enter_context(pushing(platform, dsn, bound(sources, answers)))
        yield engine, platform, hub, token


def sessions(engine: Engine, number: int) -> None:
    """A session of each party, with its CDR."""
    for party in PARTIES.values():
        engine.feed(of(party, number))
    engine.advance(LATER)
    make_all_visible(engine.dsn)


def owed(engine: Engine) -> list[Any]:
    """Whose CDRs wait."""
    return engine.rows("SELECT partner FROM roaming.delivery WHERE state = 'WAITING' ORDER BY partner")


def payers(at: TestPartner) -> list[tuple[str, str]]:
    """Whose CDRs a partner was sent, and to whom."""
    return sorted((payer(each.body), to(each)) for each in at.pushed("cdrs", "POST"))


def payer(body: Any) -> str:
    token = body["cdr_token"]
    return f"{token['country_code']}-{token['party_id']}"


def test_each_goes_to_its_party_by_the_way_that_this_has(owing: Owing) -> None:
    engine, platform, hub, token = owing
    wait_until(lambda: owed(engine) == [(XYZ,)], WITHIN_S)
    assert payers(hub) == [(ABC, ABC)]
    # What is offline is not sent a session either; it gets each as it is once it is back.
    sessions(engine, 2)
    wait_until(lambda: owed(engine) == [(XYZ,)] * 2 and len(payers(hub)) == 2, WITHIN_S)
    assert {payer(each.body) for each in hub.pushed("sessions", "PUT")} == {ABC}
    tell(platform, token, XYZ, "CONNECTED", "2026-03-04T00:00:00Z")
    wait_until(lambda: not owed(engine), WITHIN_S)
    wait_until(lambda: not engine.rows("SELECT FROM roaming.mark"), WITHIN_S)
    assert payers(hub) == [(ABC, ABC)] * 2 + [(XYZ, XYZ)] * 2
    assert {(payer(each.body), to(each)) for each in hub.pushed("sessions", "PUT")} == {(ABC, ABC), (XYZ, XYZ)}
    # From now on it has a connection of its own, and what was taken is not sent again.
    with partner(XYZ) as xyz:
        platform.connected(xyz)
        sessions(engine, 3)
        wait_until(lambda: not owed(engine), WITHIN_S)
        assert payers(xyz) == [(XYZ, XYZ)]
        assert {to(each) for each in xyz.pushed("sessions")} <= {XYZ}
    assert payers(hub) == [(ABC, ABC)] * 3 + [(XYZ, XYZ)] * 2
