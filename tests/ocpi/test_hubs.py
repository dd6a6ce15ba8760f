"""Hubs: whom they speak for, what they see of the parties behind them, and how they tell of those."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from ledger.access import ocpi_partners
from projections.freshness import up_to_date
from projections.roaming.feed import make_all_visible
from tests.conftest import Stores
from tests.ocpi.conftest import OTHER, Platform, serving_ocpi
from tests.ocpi.test_cdrs import of
from tests.ocpi.test_locations import location
from tests.support.engine import Engine
from tests.support.events import operator, tariff
from tests.support.partner import TestPartner, partner

HUB, ABC, XYZ, QQQ = "DE-HUB", "DE-ABC", "FR-XYZ", "BE-QQQ"
LATER, LATEST = "2026-03-02T00:00:00Z", "2026-03-03T00:00:00.5+00:00"


@pytest.fixture(scope="module")
def stored(stores: Stores) -> Iterator[str]:
    """Two operators, and CDRs of three parties: three, two and one."""
    with stores() as dsn, closing(Engine(dsn)) as engine:
        second = operator("OP-2", bank_account=OTHER, party_id="TWO", name="Second")
        engine.feed([operator(), second, tariff(), tariff("OP-2", "T-2"), location()])
        engine.feed([*of(("DE", "ABC"), 1), *of(("DE", "ABC"), 2)])
        engine.feed(of(("DE", "ABC"), 3, operator_id="OP-2", tariff_id="T-2"))
        engine.feed([*of(("FR", "XYZ"), 1), *of(("FR", "XYZ"), 2), *of(("BE", "QQQ"), 1)])
        engine.advance("2026-03-10T00:00:00Z")
        with up_to_date(dsn):
            pass
        make_all_visible(dsn)
        yield dsn


@pytest.fixture(scope="module")
def served_hubs(stored: str) -> Iterator[Platform]:
    with serving_ocpi(stored) as platform:
        yield platform


@pytest.fixture
def platform(served_hubs: Platform) -> Iterator[Platform]:
    """The platform without any partner."""
    yield served_hubs
    with served_hubs.surface.door.transaction() as cursor:
        cursor.execute("DELETE FROM access.ocpi_partner")


def route(**parties: str) -> dict[str, str]:
    """The headers of a message from and to parties, as `from_="DE-ABC"`."""
    found: dict[str, str] = {}
    for side, party in parties.items():
        country, _, id_ = party.partition("-")
        found |= {f"OCPI-{side.strip('_')}-country-code": country, f"OCPI-{side.strip('_')}-party-id": id_}
    return found


def roles(*parties: str, role: str = "EMSP") -> list[dict[str, Any]]:
    return [
        {"role": role, "country_code": p[:2], "party_id": p[3:], "business_details": {"name": p}} for p in parties
    ]


def hub_of_2_2_1(platform: Platform, hub: TestPartner) -> str:
    """One that names itself alone: its token C."""
    return connected(platform, hub, roles=roles(HUB, role="HUB"))


def connected(platform: Platform, hub: TestPartner, **credentials: Any) -> str:
    hub.tokens.add("token-b")
    token_a = platform.invite(hub.party, "HUB")
    answer = platform.ask("POST", "/2.2.1/credentials", token_a, json=hub.credentials("token-b", **credentials))
    assert answer.json()["status_code"] == 1000, answer.text
    return str(answer.json()["data"]["token"])


def told(party: str, status: str = "CONNECTED", last_updated: str = LATER, role: str = "EMSP") -> dict[str, Any]:
    country, _, id_ = party.partition("-")
    return {
        "country_code": country,
        "party_id": id_,
        "role": role,
        "status": status,
        "last_updated": last_updated,
    }


def tell(platform: Platform, token: str, party: str, *args: str, **more: str) -> httpx.Response:
    """A hub says what has become of a party behind it."""
    body = told(party, *args, **more)
    path = f"/2.2.1/hubclientinfo/{body['country_code']}/{body['party_id']}"
    return platform.ask("PUT", path, token, json=body)


def sees(platform: Platform, token: str, module: str = "cdrs", **parties: str) -> tuple[int, list[str]]:
    """How many objects there are for it, and whose CDRs those are."""
    answer = platform.ask("GET", f"/2.3.0/{module}", token, headers=route(**parties))
    assert answer.json()["status_code"] == 1000, answer.text
    data = answer.json()["data"]
    named = {
        f"{each['cdr_token']['country_code']}-{each['cdr_token']['party_id']}" for each in data if "cdr_token" in each
    }
    assert int(answer.headers["x-total-count"]) == len(data)
    return len(data), sorted(named)


def refused(platform: Platform, token: str, **parties: str) -> tuple[int, int]:
    answer = platform.ask("GET", "/2.2.1/cdrs", token, headers=route(**parties))
    return answer.status_code, answer.json()["status_code"]


def test_a_partner_speaks_for_itself_and_asks_one_operator_or_all(platform: Platform) -> None:
    with partner(ABC) as abc, partner(XYZ) as xyz:
        token = platform.connected(abc)
        platform.connected(xyz)
        assert sees(platform, token, from_="de-abc") == (3, [ABC])
        assert sees(platform, token, from_=ABC, to="NL-GRL") == (2, [ABC])
        assert sees(platform, token, to="nl-two") == (1, [ABC])
        # Whoever is claimed, nobody learns whether it is connected here.
        for claimed in (XYZ, QQQ, "NL-GRL", "XX-XXX", "?-?"):
            assert refused(platform, token, from_=claimed) == (200, 2001), claimed
        assert refused(platform, token, to="NL-NOB") == (200, 2000)
        half = platform.ask("GET", "/2.2.1/cdrs", token, headers={"OCPI-from-party-id": "ABC"})
        assert half.json()["status_code"] == 2001


def test_a_hub_of_2_2_1_tells_of_parties_and_sees_what_is_theirs(platform: Platform) -> None:
    with partner(HUB) as hub:
        token = hub_of_2_2_1(platform, hub)
        assert sees(platform, token) == (0, [])
        assert refused(platform, token, from_=ABC) == (200, 2001)
        assert tell(platform, token, ABC).json()["status_code"] == 1000
        assert tell(platform, token, XYZ, "OFFLINE").json()["status_code"] == 1000
        assert tell(platform, token, QQQ, "PLANNED").json()["status_code"] == 1000
        # Whoever is offline has its CDRs there all the same; whoever is planned is nobody's party yet.
        assert sees(platform, token) == (5, [ABC, XYZ])
        assert sees(platform, token, from_=ABC) == (3, [ABC])
        assert sees(platform, token, from_=HUB) == (5, [ABC, XYZ])
        assert sees(platform, token, from_=ABC, to="NL-TWO") == (1, [ABC])
        assert sees(platform, token, "locations") == (1, [])
        assert sees(platform, token, "tariffs", from_=XYZ) == (2, [])


def test_a_direct_connection_comes_before_one_through_a_hub(platform: Platform) -> None:
    with partner(HUB) as hub, partner(ABC) as abc:
        token = connected(platform, hub, hub_party_id="dehub", roles=roles(ABC, XYZ))
        assert sees(platform, token) == (5, [ABC, XYZ])
        direct = platform.connected(abc)
        assert sees(platform, direct) == (3, [ABC])
        assert sees(platform, token) == (2, [XYZ])
        assert refused(platform, token, from_=ABC) == (200, 2001)
        # One that was suspended is not gone: nobody else comes to what is its own.
        with platform.surface.door.transaction() as cursor:
            ocpi_partners.suspend(cursor, ABC)
        assert sees(platform, token) == (2, [XYZ])
        # Nor does a hub come to what was one's own by telling of it, once that has left, before somebody says so.
        with platform.surface.door.transaction() as cursor:
            ocpi_partners.leave(cursor, ABC)
        tell(platform, token, ABC)
        assert sees(platform, token) == (2, [XYZ])
        assert refused(platform, token, from_=ABC) == (200, 2001)
        with platform.surface.door.transaction() as cursor:
            ocpi_partners.set_flags(cursor, ABC, [ocpi_partners.BEHIND_HUBS], [])
        assert sees(platform, token) == (5, [ABC, XYZ])
        assert sees(platform, token, from_=ABC) == (3, [ABC])
        platform.invite(ABC)
        assert sees(platform, token) == (2, [XYZ])


def test_of_two_hubs_the_one_where_a_party_is_online_is_its_way(platform: Platform) -> None:
    with partner(HUB) as first, partner("NL-HU2") as second:
        one, two = hub_of_2_2_1(platform, first), connected(platform, second, hub_party_id="NLHU2", roles=roles(XYZ))
        tell(platform, one, XYZ, "OFFLINE")
        assert (sees(platform, one), sees(platform, two)) == ((0, []), (2, [XYZ]))
        tell(platform, one, XYZ, last_updated=LATEST)
        assert (sees(platform, one), sees(platform, two)) == ((2, [XYZ]), (0, []))


def test_what_a_hub_told_is_read_back_and_what_is_older_changes_nothing(platform: Platform) -> None:
    with partner(HUB) as hub:
        token = hub_of_2_2_1(platform, hub)
        path = "/2.3.0/hubclientinfo/de/abc"
        assert platform.ask("GET", path, token).status_code == 404
        tell(platform, token, ABC, "OFFLINE", LATEST)
        tell(platform, token, ABC, "CONNECTED", LATER)
        found = platform.ask("GET", path, token).json()["data"]
        assert found == told(ABC, "OFFLINE", LATEST.replace("+00:00", "Z"))
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"party_id": "ABD"}, "URL"),
            ({"status": "GONE"}, "status"),
            ({"last_updated": None}, "last_updated"),
            ({"role": ""}, "role"),
            ({"note": "\x00"}, "character 0"),
            ({"last_updated": "2026-05-01T00:00:00+02:00"}, "UTC"),
            ({"last_updated": "9999-12-31T00:00:00Z"}, "future"),
        ]
        for change, where in wrong:
            answer = platform.ask("PUT", path, token, json=told(ABC) | change)
            assert (answer.status_code, answer.json()["status_code"]) == (200, 2001), change
            assert where in answer.json()["status_message"]
        for body in ("[]", ["x"], 1):
            answer = platform.ask("PUT", path, token, json=body).json()
            assert (answer["status_code"], answer["status_message"][:9]) == (2001, "the body:")
        tell(platform, token, XYZ, last_updated="2026-05-01T00:00:00.123456789Z")
        kept = platform.ask("GET", "/2.2.1/hubclientinfo/FR/XYZ", token).json()["data"]
        assert kept["last_updated"] == "2026-05-01T00:00:00.123Z"
        assert platform.ask("POST", path, token, json={}).status_code == 405
        assert platform.ask("GET", "/2.2.1/hubclientinfo", token).status_code == 405


def test_only_hubs_have_the_module(platform: Platform) -> None:
    def offers(token: str) -> bool:
        data = platform.ask("GET", "/2.2.1", token).json()["data"]
        return {"hubclientinfo", "RECEIVER"} in [{e["identifier"], e["role"]} for e in data["endpoints"]]

    with partner(HUB) as hub, partner(ABC) as abc:
        assert offers(hub_of_2_2_1(platform, hub))
        token = platform.connected(abc)
        assert not offers(token)
        assert tell(platform, token, XYZ).status_code == 404
        assert refused(platform, token, from_=XYZ) == (200, 2001)


def test_a_hub_that_leaves_takes_along_what_it_told(platform: Platform) -> None:
    with partner(HUB) as hub:
        token = hub_of_2_2_1(platform, hub)
        tell(platform, token, ABC)
        assert platform.ask("DELETE", "/2.2.1/credentials", token).json()["status_code"] == 1000
        again = hub_of_2_2_1(platform, hub)
        assert sees(platform, again) == (0, [])


def test_a_hub_is_the_party_that_was_invited(platform: Platform) -> None:
    with partner(HUB) as hub, partner(ABC) as abc:
        platform.connected(abc)
        hub.tokens.add("token-b")
        token_a = platform.invite(HUB, "HUB")
        for claims in (
            {"roles": roles(XYZ)},
            {"roles": roles(HUB, ABC)},
            {"roles": roles(XYZ), "hub_party_id": "DEABC"},
            {"roles": roles(HUB), "hub_party_id": "FRXYZ"},
            {"roles": roles(XYZ), "hub_party_id": "HUB"},
        ):
            answer = platform.ask("POST", "/2.2.1/credentials", token_a, json=hub.credentials("token-b", **claims))
            assert (answer.status_code, answer.json()["status_code"]) == (200, 2001), claims
        assert platform.partner(HUB).state == "INVITED"
