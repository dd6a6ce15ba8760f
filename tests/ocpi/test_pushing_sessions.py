"""Sessions that run are pushed to the partner whose token it was: what is new, or all where that is too little."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from api.ocpi.pushing.modules import sources
from projections.freshness import up_to_date
from projections.roaming.feed import make_all_visible
from tests.conftest import Stores
from tests.ocpi.conftest import Platform, pushing, serving_ocpi
from tests.support.engine import Engine
from tests.support.events import corrected, ended, metered, operator, session, tariff
from tests.support.partner import Push, TestPartner, enveloped, partner
from tests.support.roaming_sessions import XYZ, at, begun, whole
from tests.support.waiting import wait_until

WITHIN_S = 180
NEVER_S = 3_600.0


@dataclass(frozen=True)
class Network:
    """A platform, and a partner of each version that is connected to it."""

    engine: Engine
    platform: Platform
    abc: TestPartner
    xyz: TestPartner

    def tell(self, *events: Any) -> None:
        """Feed events, and make visible what comes of them."""
        self.engine.feed(events)
        make_all_visible(self.engine.dsn)

    @contextmanager
    def pushing(self, interval_s: float = NEVER_S) -> Iterator[None]:
        """Push for as long as the block runs."""
        with pushing(self.platform, self.engine.dsn, partial(sources, session_push_s=interval_s)):
            yield

    def visible(self, session_id: str, party: str = "DE-ABC", version: str = "2.3.0") -> Any:
        """The session as the partner pulls it."""
        token = next(iter(self.tokens[party]))
        found = self.platform.ask("GET", f"/{version}/sessions", token, params={"date_from": at(0)}).json()["data"]
        return next(each for each in found if each["id"] == session_id)

    @property
    def tokens(self) -> dict[str, set[str]]:
        return {"DE-ABC": {self.abc.given["token"]}, "FR-XYZ": {self.xyz.given["token"]}}

    def is_settled(self) -> bool:
        """Whether nothing is marked any more."""
        return not self.engine.rows("SELECT FROM roaming.mark")


@pytest.fixture(scope="module")
def shared(stores: Stores) -> Iterator[Network]:
    with stores() as dsn, closing(Engine(dsn)) as engine, ExitStack() as ending:
        engine.feed([operator(), tariff()])
        make_all_visible(dsn)
        with up_to_date(dsn):
            pass
        platform = ending.enter_context(serving_ocpi(dsn))
        abc, xyz = (
            ending.enter_context(partner("DE-ABC")),
            ending.enter_context(partner("FR-XYZ", versions=("2.2.1",))),
        )
        for each in (abc, xyz):
            each.given["token"] = platform.connected(each)
        yield Network(engine, platform, abc, xyz)


@pytest.fixture
def network(shared: Network) -> Iterator[Network]:
    for each in (shared.abc, shared.xyz):
        each.pushes.clear()
        each.breaks.clear()
    yield shared
    assert shared.is_settled()


def of(pushes: list[Push], session_id: str) -> list[Push]:
    return [each for each in pushes if each.key[-1] == session_id.casefold()]


def wait_for(network: Network, session_id: str, *methods: str) -> list[Push]:
    """The pushes of a session once there are so many, which are of these methods."""
    wait_until(lambda: len(of(network.abc.pushes, session_id)) >= len(methods) and network.is_settled(), WITHIN_S)
    found = of(network.abc.pushes, session_id)
    assert [each.method for each in found] == list(methods)
    return found


def test_a_session_is_put_then_patched_with_what_is_new_and_put_at_its_end(network: Network) -> None:
    with network.pushing(0):
        network.tell(begun("S-1"), metered("S-1", at(10), 2_000))
        (first,) = wait_for(network, "S-1", "PUT")
        assert first.key == ("nl", "grl", "s-1")
        assert first.body == network.visible("S-1")
        names = ("from-country-code", "from-party-id", "to-country-code", "to-party-id")
        assert [first.headers[f"ocpi-{name}"] for name in names] == ["NL", "GRL", "DE", "ABC"]
        network.tell(metered("S-1", at(20), 4_000), metered("S-1", at(30), 5_000))
        _, second = wait_for(network, "S-1", "PUT", "PATCH")
        now = network.visible("S-1")
        assert second.body == {
            "kwh": 5,
            "total_cost": now["total_cost"],
            "status": "ACTIVE",
            "last_updated": now["last_updated"],
            "charging_periods": now["charging_periods"][1:],
        }
        assert network.abc.objects["sessions"]["nl", "grl", "s-1"] == now
        network.tell(ended("S-1", at(60), 6_000))
        *_, last = wait_for(network, "S-1", "PUT", "PATCH", "PUT")
        assert last.body == network.visible("S-1")
        assert last.body["status"] == "COMPLETED"
        network.tell(corrected("S-1", at(90), 7_000))
        *_, last = wait_for(network, "S-1", "PUT", "PATCH", "PUT", "PUT")
        assert (last.body["status"], last.body["kwh"]) == ("COMPLETED", 7)


def test_only_its_partner_is_told_and_each_in_its_version(network: Network) -> None:
    with network.pushing(0):
        network.tell(*whole("S-2"), *whole("S-3", token=XYZ), *session("S-4"))
        wait_until(network.is_settled, WITHIN_S)
    assert [each.key[-1] for each in network.abc.pushes] == ["s-2"]
    (push,) = network.xyz.pushes
    assert push.key[-1] == "s-3"
    assert push.body == network.visible("S-3", "FR-XYZ", "2.2.1")
    assert "excl_vat" in push.body["total_cost"]


def test_a_state_goes_out_at_once_and_what_else_changes_waits_for_its_time(network: Network) -> None:
    with network.pushing(NEVER_S):
        network.tell(begun("S-5"))
        wait_for(network, "S-5", "PUT")
        for minute in (10, 20, 30):
            network.tell(metered("S-5", at(minute), minute * 100))
        waits = (
            "SELECT FROM roaming.mark WHERE object_id = 's-5' AND not_before > clock_timestamp() + interval '1 min'"
        )
        wait_until(lambda: bool(network.engine.rows(waits)), WITHIN_S)
        network.tell(ended("S-5", at(60), 6_000))
        _, last = wait_for(network, "S-5", "PUT", "PUT")
        assert last.body["status"] == "COMPLETED"


def test_no_two_pushes_of_a_session_are_closer_than_the_interval(network: Network) -> None:
    moments: list[float] = []

    def noted(request: Request) -> None:
        moments.append(time.monotonic())

    network.abc.breaks["sessions"] = noted
    with network.pushing(1):
        network.tell(begun("S-6"))
        wait_until(lambda: bool(moments), WITHIN_S)
        for first in (1, 5, 9):
            network.tell(*(metered("S-6", at(minute), minute * 100) for minute in range(first, first + 4)))
        wait_until(network.is_settled, WITHIN_S)
    assert network.abc.objects["sessions"]["nl", "grl", "s-6"] == network.visible("S-6")
    assert all(later - earlier > 0.5 for earlier, later in pairwise(moments))
    # However slowly it is told, no reading has a push of its own.
    assert 2 <= len(moments) <= 4


def test_what_was_told_before_and_is_another_now_goes_as_a_whole(network: Network) -> None:
    with network.pushing(0):
        network.tell(begun("S-7"), metered("S-7", at(10), 1_000), metered("S-7", at(30), 3_000))
        wait_for(network, "S-7", "PUT")
        # A reading from between two that are known.
        network.tell(metered("S-7", at(20), 1_500))
        _, whole_ = wait_for(network, "S-7", "PUT", "PUT")
    assert whole_.body == network.visible("S-7")
    assert len(whole_.body["charging_periods"]) == 3


def test_after_a_lost_answer_no_period_is_told_twice(network: Network) -> None:
    """A partner that took a PATCH, and whose answer was lost: it gets the whole, so that nothing is added twice."""
    lost = {"left": 1}

    def lose(request: Request) -> Response | None:
        if request.method == "PATCH" and lost["left"]:
            lost["left"] -= 1
            return enveloped(code=3000, status=500)
        return None

    with network.pushing(0):
        network.tell(begun("S-8"), metered("S-8", at(10), 1_000))
        wait_for(network, "S-8", "PUT")
        network.abc.breaks["sessions"] = lose
        network.tell(metered("S-8", at(20), 2_000))
        wait_for(network, "S-8", "PUT", "PATCH", "PUT")
        network.tell(metered("S-8", at(30), 3_000))
        wait_for(network, "S-8", "PUT", "PATCH", "PUT", "PATCH")
    assert network.abc.objects["sessions"]["nl", "grl", "s-8"] == network.visible("S-8")


def test_who_does_not_know_the_session_gets_the_whole(network: Network) -> None:
    with network.pushing(0):
        network.tell(begun("S-9"), metered("S-9", at(10), 1_000))
        wait_for(network, "S-9", "PUT")
        del network.abc.objects["sessions"]["nl", "grl", "s-9"]
        network.tell(metered("S-9", at(20), 2_000))
        wait_for(network, "S-9", "PUT", "PATCH", "PUT")
    assert network.abc.objects["sessions"]["nl", "grl", "s-9"] == network.visible("S-9")


def test_another_pusher_begins_with_the_whole(network: Network) -> None:
    with network.pushing(0):
        network.tell(begun("S-10"), metered("S-10", at(10), 1_000))
        wait_for(network, "S-10", "PUT")
    network.tell(metered("S-10", at(20), 2_000))
    with network.pushing(0):
        wait_for(network, "S-10", "PUT", "PUT")
        network.tell(metered("S-10", at(30), 3_000))
        wait_for(network, "S-10", "PUT", "PUT", "PATCH")
    assert network.abc.objects["sessions"]["nl", "grl", "s-10"] == network.visible("S-10")


def test_what_a_partner_refuses_is_not_sent_again_until_it_changes(network: Network) -> None:
    network.abc.breaks["sessions"] = lambda _: enveloped(code=2001)
    with network.pushing(0):
        network.tell(begun("S-11"))
        wait_until(lambda: bool(of(network.abc.pushes, "S-11")) and network.is_settled(), WITHIN_S)
        assert len(of(network.abc.pushes, "S-11")) == 1
        network.abc.breaks.clear()
        network.tell(metered("S-11", at(10), 1_000))
        wait_for(network, "S-11", "PUT", "PUT")
    assert network.abc.objects["sessions"]["nl", "grl", "s-11"] == network.visible("S-11")
