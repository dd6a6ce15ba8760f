"""Pushes through a hub: to all by broadcast, to one party behind it alone, and to nobody that is not there."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from projections.freshness import up_to_date
from projections.roaming.feed import make_all_visible
from tests.conftest import Stores
from tests.ocpi.conftest import Platform, pushing, serving_ocpi
from tests.ocpi.test_hubs import ABC, HUB, QQQ, XYZ, hub_of_2_2_1, tell
from tests.ocpi.test_locations import given, location, status
from tests.support.engine import Engine
from tests.support.events import operator, tariff
from tests.support.partner import Push, TestPartner, partner
from tests.support.waiting import wait_until

WITHIN_S = 180
Hubbed = tuple[Engine, Platform, TestPartner, str]


@pytest.fixture
def hubbed(stores: Stores) -> Iterator[Hubbed]:
    """An operator with a location and tariffs, a hub, and two parties behind it."""
    with stores() as dsn, closing(Engine(dsn)) as engine, ExitStack() as ending:
        engine.feed([operator(), tariff(), location()])
        make_all_visible(dsn)
        with up_to_date(dsn):
            pass
        platform = ending.enter_context(serving_ocpi(dsn))
        hub = ending.enter_context(partner(HUB))
        token = hub_of_2_2_1(platform, hub)
        tell(platform, token, ABC)
        tell(platform, token, XYZ)
        yield engine, platform, hub, token


def seen(engine: Engine, *events: Any) -> None:
    engine.feed(events)
    make_all_visible(engine.dsn)


def to(pushed: Push) -> str:
    return f"{pushed.headers['ocpi-to-country-code']}-{pushed.headers['ocpi-to-party-id']}"


def marked(engine: Engine) -> list[Any]:
    return engine.rows("SELECT connection, partner, object_id FROM roaming.mark ORDER BY 1, 2, 3")


def test_what_all_see_is_broadcast_and_what_is_one_partys_goes_to_it(hubbed: Hubbed) -> None:
    engine, platform, hub, _ = hubbed
    seen(engine, given(XYZ, "T-XYZ"), given(QQQ, "T-QQQ"))
    seen(engine, status("LOC-1-E1", "CHARGING", "2026-03-02T10:00:00Z"))
    with pushing(platform, engine.dsn):
        wait_until(lambda: not marked(engine), WITHIN_S)
    assert {(each.module, each.key[2], to(each)) for each in hub.pushed("tariffs") + hub.pushed("locations")} >= {
        ("tariffs", "t-1", HUB),
        ("tariffs", "t-xyz", XYZ),
        ("locations", "loc-1", HUB),
    }
    assert {each.key[2] for each in hub.pushed("tariffs")} == {"t-1", "t-xyz"}
    operators = {(each.headers["ocpi-from-country-code"], each.headers["ocpi-from-party-id"]) for each in hub.pushes}
    assert operators == {("NL", "GRL")}


def test_whoever_is_not_there_is_sent_nothing_until_it_comes_back(hubbed: Hubbed) -> None:
    engine, platform, hub, token = hubbed
    tell(platform, token, XYZ, "OFFLINE", "2026-03-03T00:00:00Z")
    tell(platform, token, ABC, "SUSPENDED", "2026-03-03T00:00:00Z")
    seen(engine, given(XYZ, "T-XYZ"), given(ABC, "T-ABC"))
    # Of whoever comes back it is known what changed; who is suspended never does.
    assert [mark for mark in marked(engine) if mark[1]] == [(HUB, XYZ, "loc-1"), (HUB, XYZ, "t-xyz")]
    with pushing(platform, engine.dsn):
        seen(engine, tariff(tariff_id="T-9"), location(tariff_ids=["T-9"]))
        wait_until(lambda: [mark for mark in marked(engine) if not mark[1]] == [], WITHIN_S)
        assert [to(each) for each in hub.pushed("tariffs")] == [HUB] * len(hub.pushed("tariffs"))
        tell(platform, token, XYZ, "CONNECTED", "2026-03-04T00:00:00Z")
        wait_until(lambda: not marked(engine), WITHIN_S)
    # What it sees names all that it can have, also what it was never sent itself.
    own = {(each.module, each.key[2], to(each)) for each in hub.pushes if to(each) != HUB}
    assert own == {("tariffs", "t-xyz", XYZ), ("tariffs", "t-1", XYZ), ("locations", "loc-1", XYZ)}


def test_who_connects_by_itself_is_owed_nothing_through_the_hub(hubbed: Hubbed) -> None:
    engine, platform, _, token = hubbed
    tell(platform, token, XYZ, "OFFLINE", "2026-03-03T00:00:00Z")
    seen(engine, given(XYZ, "T-XYZ"))
    assert (HUB, XYZ, "t-xyz") in marked(engine)
    with partner(XYZ) as xyz:
        platform.connected(xyz)
        assert [mark for mark in marked(engine) if mark[1] == XYZ] == []
        seen(engine, given(XYZ, "T-XY2"))
        assert [mark for mark in marked(engine) if mark[2] == "t-xy2"] == [(XYZ, "", "t-xy2")]
