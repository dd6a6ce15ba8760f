"""What changed is pushed to those that it concerns, as it is now, whatever a partner does meanwhile."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from time import monotonic
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from ledger.access import ocpi_partners
from projections.roaming.feed import make_all_visible
from tests.conftest import Stores
from tests.ocpi.conftest import OTHER, Platform, pushing, serving_ocpi
from tests.ocpi.test_locations import CONNECTOR, given, location, status
from tests.support.engine import Engine
from tests.support.events import operator, tariff
from tests.support.partner import TestPartner, enveloped, partner
from tests.support.waiting import wait_until

WITHIN_S = 180


@dataclass
class Network:
    """A platform, and two partners that are connected to it."""

    engine: Engine
    platform: Platform
    abc: TestPartner
    xyz: TestPartner
    hours: int = 0
    number: int = 0

    def tell(self, *events: Any) -> None:
        """Feed events, and make visible what comes of them."""
        self.engine.feed(events)
        make_all_visible(self.engine.dsn)

    def charges(self, id_: str, value: str = "CHARGING") -> None:
        """The first EVSE of a location has another status."""
        self.hours += 1
        day, hour = divmod(self.hours, 24)
        self.tell(status(f"{id_}-E1", value, f"2026-03-{day + 2:02}T{hour:02}:00:00Z", location_id=id_))

    def new_location(self, **fields: Any) -> str:
        """The id of a location that both partners were sent, and nothing else is left to send."""
        self.number += 1
        id_ = f"LOC-{self.number}"
        self.tell(location(id_, **fields))
        self.settle()
        for each in (self.abc, self.xyz):
            each.pushes.clear()
        return id_

    def marks(self, connection: str = "DE-ABC") -> list[Any]:
        """The objects that wait for a connection, and of which parts alone."""
        query = "SELECT module, object_id, parts FROM roaming.mark WHERE connection = %s ORDER BY 1, 2"
        return self.engine.rows(query, connection)

    def pushing(self) -> AbstractContextManager[None]:
        """Push for as long as the block runs."""
        return pushing(self.platform, self.engine.dsn)

    def settle(self) -> None:
        """Push until nothing is marked any more."""
        with self.pushing():
            wait_until(lambda: not self.engine.rows("SELECT FROM roaming.mark"), WITHIN_S)

    def failures(self, party: str = "DE-ABC") -> dict[str, int]:
        """How many pushes came to what."""
        query = "SELECT cause, sum(number)::int FROM roaming.push_tally WHERE connection = %s GROUP BY cause"
        return {cause: number for cause, number in self.engine.rows(query, party) if cause}

    def asked(self, path: str, token: str) -> Any:
        """What a partner finds when it asks."""
        return self.platform.ask("GET", f"/2.2.1/{path}", token).json().get("data")


@pytest.fixture(scope="module")
def stored(stores: Stores) -> Iterator[Network]:
    """The store of this module, and its partners."""
    with stores() as dsn, closing(Engine(dsn)) as engine, ExitStack() as ending:
        second = operator("OP-2", bank_account=OTHER, party_id="TWO", name="Second")
        engine.feed([operator(), second, tariff(), given("DE-ABC", "T-ABC")])
        platform = ending.enter_context(serving_ocpi(dsn))
        abc, xyz = (ending.enter_context(partner(party)) for party in ("DE-ABC", "FR-XYZ"))
        for each in (abc, xyz):
            platform.invite(each.party)
        make_all_visible(dsn)
        yield Network(engine, platform, abc, xyz)


@pytest.fixture
def network(stored: Network) -> Network:
    """The network with both partners connected anew, and nothing to send."""
    for each in (stored.abc, stored.xyz):
        with stored.platform.surface.door.transaction() as cursor:
            ocpi_partners.leave(cursor, each.party)
        each.breaks.clear()
        each.slow_s, each.versions = 0.0, ("2.2.1", "2.3.0")
        stored.platform.connected(each)
        each.pushes.clear()
        for objects in each.objects.values():
            objects.clear()
    return stored


def key_of(id_: str, *more: str) -> tuple[str, ...]:
    return ("nl", "grl", id_.lower(), *(each.lower() for each in more))


def statuses(partner_: TestPartner, id_: str) -> list[str]:
    found = partner_.objects["locations"].get(key_of(id_), {})
    return [each["status"] for each in found.get("evses", ())]


def sent(partner_: TestPartner) -> list[tuple[str, str]]:
    return [(each.method, each.key[2]) for each in partner_.pushes]


def unwell(_: Request) -> Response:
    return enveloped(code=3000, status=503)


def test_a_status_is_patched_and_whoever_does_not_know_the_location_gets_the_whole(network: Network) -> None:
    id_ = network.new_location()
    for each in (network.abc, network.xyz):
        each.objects["locations"].clear()
        with network.platform.surface.door.transaction() as cursor:
            cursor.execute("DELETE FROM roaming.sent WHERE connection = %s", (each.party,))
    network.charges(id_)
    assert network.marks() == [("locations", id_.lower(), [f"{id_}-E1".lower()])]
    network.settle()
    # A tariff comes before the location that names it, and each partner's own comes to it alone.
    assert sent(network.abc) == [
        ("PATCH", id_.lower()),
        ("PUT", "t-1"),
        ("PUT", "t-abc"),
        ("PUT", id_.lower()),
    ]
    assert sent(network.xyz) == [("PATCH", id_.lower()), ("PUT", "t-1"), ("PUT", id_.lower())]
    network.charges(id_, "AVAILABLE")
    network.settle()
    last = network.abc.pushes[-1]
    assert (last.method, last.key, last.status) == ("PATCH", key_of(id_, f"{id_}-E1"), 200)
    assert last.body.keys() == {"status", "last_updated"}
    assert statuses(network.abc, id_) == ["AVAILABLE", "UNKNOWN"]


def test_what_is_pushed_is_what_is_pulled_and_says_who_speaks_to_whom(network: Network) -> None:
    id_ = network.new_location()
    network.charges(id_)
    network.tell(tariff(time="2026-03-02T00:00:00Z", price=0.7))
    network.settle()
    for partner_, names in ((network.abc, {"t-1", "t-abc"}), (network.xyz, {"t-1"})):
        assert {key[2] for key in partner_.objects["tariffs"]} <= names
        (pulled,) = network.engine.rows(
            "SELECT convert_from(document, 'UTF8')::json FROM roaming.object WHERE partner IN ('', %s) "
            "AND module = 'locations' AND object_id = %s ORDER BY partner DESC LIMIT 1",
            partner_.party,
            id_.lower(),
        )[0]
        assert partner_.objects["locations"][key_of(id_)] == pulled
        for push in partner_.pushes:
            told = {name: value for name, value in push.headers.items() if name.startswith("ocpi-")}
            country, party = partner_.party.split("-")
            assert told == {
                "ocpi-from-country-code": "NL",
                "ocpi-from-party-id": "GRL",
                "ocpi-to-country-code": country,
                "ocpi-to-party-id": party,
            }
    ids = [push.headers["x-request-id"] for push in network.abc.pushes]
    assert len(set(ids)) == len(ids)


def test_after_an_outage_the_whole_goes_out_as_it_is_then(network: Network) -> None:
    id_ = network.new_location()
    network.abc.breaks[""] = unwell
    with network.pushing():
        for value in ("CHARGING", "BLOCKED", "OUTOFORDER"):
            network.charges(id_, value)
        wait_until(lambda: len(network.abc.pushes) > 4, WITHIN_S)
        network.charges(id_, "AVAILABLE")
        network.abc.breaks.clear()
        wait_until(lambda: not network.marks(), WITHIN_S)
    taken = network.abc.pushed("locations")
    assert [(each.method, each.key) for each in taken] == [("PUT", key_of(id_))]
    assert statuses(network.abc, id_) == ["AVAILABLE", "UNKNOWN"]
    assert network.failures()["HTTP 503"] > 3


def test_a_partner_that_does_not_answer_delays_nobody(network: Network) -> None:
    ids = [network.new_location() for _ in range(3)]
    network.xyz.slow_s = 12.0
    took = []
    with network.pushing():
        network.charges(ids[0])
        wait_until(lambda: bool(network.xyz.seen) and statuses(network.abc, ids[0])[0] == "CHARGING", WITHIN_S)
        for id_ in ids[1:]:
            begun = monotonic()
            network.charges(id_)
            wait_until(lambda id_=id_: statuses(network.abc, id_)[0] == "CHARGING", WITHIN_S)  # type: ignore[misc]
            took.append(monotonic() - begun)
        assert len(network.xyz.pushes) < len(network.abc.pushes)
        network.xyz.slow_s = 0.0
    assert max(took) < 8.0, took


def test_who_is_suspended_gets_nothing_and_the_newest_once_resumed(network: Network) -> None:
    id_ = network.new_location()
    door = network.platform.surface.door
    with network.pushing():
        with door.transaction() as cursor:
            ocpi_partners.suspend(cursor, "DE-ABC")
        for value in ("CHARGING", "BLOCKED"):
            network.charges(id_, value)
            wait_until(lambda value=value: statuses(network.xyz, id_)[0] == value, WITHIN_S)  # type: ignore[misc]
        assert network.abc.pushes == []
        with door.transaction() as cursor:
            ocpi_partners.resume(cursor, "DE-ABC")
        wait_until(lambda: not network.marks(), WITHIN_S)
    assert sent(network.abc) == [("PUT", id_.lower())]
    assert statuses(network.abc, id_) == ["BLOCKED", "UNKNOWN"]


def test_who_left_is_owed_nothing(network: Network) -> None:
    id_ = network.new_location()
    network.charges(id_)
    assert network.marks()
    with network.platform.surface.door.transaction() as cursor:
        ocpi_partners.leave(cursor, "DE-ABC")
    assert network.marks() == []
    network.charges(id_, "AVAILABLE")
    assert network.marks() == []
    assert network.marks("FR-XYZ")


def test_one_that_no_longer_knows_us_is_left_alone_until_its_token_is_another(network: Network) -> None:
    id_ = network.new_location()
    tokens = set(network.abc.tokens)
    network.abc.tokens.clear()
    network.charges(id_)
    with network.pushing():
        wait_until(lambda: "HTTP 401" in network.failures(), WITHIN_S)
        seen = len(network.abc.seen)
        wait_until(lambda: not network.marks("FR-XYZ"), WITHIN_S)
        assert len(network.abc.seen) == seen
        network.abc.tokens |= tokens
        # Whatever changes of its row, it is looked at anew.
        with network.platform.surface.door.transaction() as cursor:
            cursor.execute("UPDATE access.ocpi_partner SET connected_at = clock_timestamp() WHERE party = 'DE-ABC'")
        wait_until(lambda: not network.marks(), WITHIN_S)
    assert statuses(network.abc, id_)[0] == "CHARGING"


def test_interfaces_that_are_elsewhere_are_looked_up(network: Network) -> None:
    id_ = network.new_location()
    assert network.platform.partner().version == "2.3.0"
    network.abc.versions = ("2.2.1",)
    network.charges(id_)
    network.settle()
    assert network.platform.partner().version == "2.2.1"
    assert statuses(network.abc, id_)[0] == "CHARGING"


def test_what_a_partner_refuses_or_breaks_at_keeps_nothing_else_back(network: Network) -> None:
    refused, breaking, fine = (network.new_location() for _ in range(3))

    def answer(request: Request) -> Response | None:
        if refused.lower() in request.url.path.lower():
            return enveloped(code=2001)
        return enveloped(code=3000, status=500) if breaking.lower() in request.url.path.lower() else None

    network.abc.breaks["locations"] = answer
    for id_ in (refused, breaking, fine):
        network.charges(id_)
    before = network.failures().get("status_code 2001", 0)
    with network.pushing():
        wait_until(lambda: statuses(network.abc, fine)[0] == "CHARGING", WITHIN_S)
        wait_until(lambda: [row[1] for row in network.marks()] == [breaking.lower()], WITHIN_S)
        network.charges(fine, "AVAILABLE")
        wait_until(lambda: statuses(network.abc, fine)[0] == "AVAILABLE", WITHIN_S)
        network.abc.breaks.clear()
        wait_until(lambda: not network.marks(), WITHIN_S)
    assert network.failures()["status_code 2001"] == before + 1
    assert statuses(network.abc, refused)[0] == "UNKNOWN"
    assert statuses(network.abc, breaking)[0] == "CHARGING"


def test_a_module_that_breaks_and_a_partner_without_patch_keep_nothing_back(network: Network) -> None:
    id_ = network.new_location()
    patched = network.failures().get("HTTP 405", 0)

    def broken(_: Request) -> Response:
        return enveloped(code=3000, status=503)

    def no_patch(request: Request) -> Response | None:
        return Response("not allowed", 405) if request.method == "PATCH" else None

    # Whatever a module answers, a time-out too, the others go on.
    network.abc.breaks |= {"tariffs": broken, "locations": no_patch}
    network.tell(*(tariff(tariff_id=f"T-{number}") for number in range(90, 95)))
    network.charges(id_)
    with network.pushing():
        wait_until(lambda: statuses(network.abc, id_)[0] == "CHARGING", WITHIN_S)
        wait_until(lambda: {row[0] for row in network.marks()} == {"tariffs"}, WITHIN_S)
        network.abc.breaks.clear()
        wait_until(lambda: not network.marks(), WITHIN_S)
    assert network.failures().get("HTTP 405", 0) == patched
    assert key_of("T-94") in network.abc.objects["tariffs"]


def test_a_tariff_goes_when_nothing_names_it_any_more_and_comes_before_what_names_it(network: Network) -> None:
    def named(*ids: str) -> list[Any]:
        return [{"uid": "E", "connectors": [CONNECTOR | {"tariff_ids": list(ids)}]}]

    def tariffs_seen() -> list[str]:
        query = "SELECT object_id FROM roaming.object WHERE module = 'tariffs' AND object_id IN ('t-7', 't-8')"
        return sorted(id_ for (id_,) in network.engine.rows(query))

    network.tell(tariff(tariff_id="T-7"), tariff(tariff_id="T-8"))
    first, second = network.new_location(evses=named("T-7")), network.new_location(evses=named("T-7"))
    assert tariffs_seen() == ["t-7", "t-8"]
    network.tell(location(first, time="2026-03-02T00:00:00Z", evses=named("T-8")))
    network.settle()
    assert sent(network.abc) == [("PUT", first.lower())]
    network.abc.pushes.clear()
    network.tell(location(second, time="2026-03-02T00:00:00Z", evses=named("T-8")))
    assert tariffs_seen() == ["t-8"]
    network.settle()
    assert sent(network.abc) == [("PUT", second.lower()), ("DELETE", "t-7")]
    assert key_of("T-7") not in network.abc.objects["tariffs"]
    network.abc.pushes.clear()
    network.tell(location(first, time="2026-03-03T00:00:00Z", evses=named("T-7")))
    assert tariffs_seen() == ["t-7", "t-8"]
    network.settle()
    assert sent(network.abc) == [("PUT", "t-7"), ("PUT", first.lower())]


def test_a_location_that_becomes_private_and_an_evse_that_is_gone_are_told_as_removed(network: Network) -> None:
    id_ = network.new_location()
    one_left = [{"uid": f"{id_}-E2", "connectors": [CONNECTOR]}]
    network.tell(location(id_, time="2026-03-02T00:00:00Z", evses=one_left))
    network.settle()
    assert {each["uid"]: each["status"] for each in network.abc.objects["locations"][key_of(id_)]["evses"]} == {
        f"{id_}-E1": "REMOVED",
        f"{id_}-E2": "UNKNOWN",
    }
    secret = location(id_, time="2026-03-03T00:00:00Z", evses=one_left, publish=False, address="A new one 2")
    network.tell(secret)
    network.settle()
    found = network.abc.objects["locations"][key_of(id_)]
    assert statuses(network.abc, id_) == ["REMOVED", "REMOVED"]
    assert (found["publish"], found["address"]) == (False, "Keizersgracht 1")
    # It was never public to whom it was not shown before.
    network.tell(location("LOC-HOME", publish=False))
    network.settle()
    assert key_of("LOC-HOME") not in network.abc.objects["locations"]


def test_one_of_several_pushes_and_another_goes_on_where_it_ends(network: Network) -> None:
    id_ = network.new_location()
    first = ExitStack()
    first.enter_context(network.pushing())
    network.charges(id_)
    wait_until(lambda: not network.marks() and not network.marks("FR-XYZ"), WITHIN_S)
    with network.pushing():
        network.charges(id_, "BLOCKED")
        wait_until(lambda: not network.marks() and not network.marks("FR-XYZ"), WITHIN_S)
        assert len(network.abc.pushes) == 2
        ending = threading.Thread(target=first.close)
        ending.start()
        network.charges(id_, "AVAILABLE")
        wait_until(lambda: not network.marks() and not network.marks("FR-XYZ"), WITHIN_S)
        ending.join()
    assert statuses(network.abc, id_) == ["AVAILABLE", "UNKNOWN"]
