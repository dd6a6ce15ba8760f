"""Connections are kept up by themselves: partners have our operators as they are, and we the parties of hubs."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from projections.freshness import up_to_date
from tests.conftest import Stores
from tests.ocpi.conftest import OTHER, Platform, pushing, serving_ocpi
from tests.ocpi.test_hubs import HUB, LATER, hub_of_2_2_1, route, tell, told
from tests.support.engine import Engine
from tests.support.events import operator
from tests.support.partner import TestPartner, enveloped, partner
from tests.support.waiting import wait_until

WITHIN_S = 180
CREDENTIALS = "/2.3.0/credentials"
Kept = tuple[Engine, Platform]


@pytest.fixture
def kept(stores: Stores) -> Iterator[Kept]:
    """One operator, on a store of its own."""
    with stores() as dsn, closing(Engine(dsn)) as engine:
        feed(engine, operator())
        with serving_ocpi(dsn) as platform:
            yield engine, platform


def feed(engine: Engine, *events: Any) -> None:
    engine.feed(events)
    with up_to_date(engine.dsn):
        pass


def names(abc: TestPartner) -> list[str]:
    """The operators that a partner was told of by us, as a PUT of credentials has them."""
    return [role["business_details"]["name"] for role in abc.given.get("roles", ())]


def puts(abc: TestPartner) -> int:
    return abc.seen.count(("PUT", CREDENTIALS))


def is_let_in(platform: Platform, token: str) -> bool:
    return platform.ask("GET", "/2.2.1/tariffs", token).status_code == 200


def test_operators_that_are_new_or_others_are_told_once(kept: Kept) -> None:
    engine, platform = kept
    with partner() as abc, partner("FR-XYZ") as xyz:
        both = (abc, xyz)
        first = platform.connected(abc)
        platform.connected(xyz)
        with pushing(platform, engine.dsn):
            second = operator("OP-2", bank_account=OTHER, party_id="TWO", name="Second")
            feed(engine, second)
            wait_until(lambda: all(names(each) == ["Grachtenlader BV", "Second"] for each in both), WITHIN_S)
            wait_until(lambda: not is_let_in(platform, first), WITHIN_S)
            assert is_let_in(platform, abc.given["token"])
            # What is told of an operator and concerns no partner is not told.
            changed = operator(changed=True, time="2026-03-02T00:00:00Z", cdr_delay_minutes=30)
            feed(engine, changed)
            renamed = operator(changed=True, time="2026-03-03T00:00:00Z", name="Third")
            feed(engine, renamed)
            wait_until(lambda: all(names(each) == ["Third", "Second"] for each in both), WITHIN_S)
        assert (puts(abc), puts(xyz)) == (2, 2)


def test_one_that_refuses_keeps_its_pair_and_is_told_later(kept: Kept) -> None:
    engine, platform = kept
    with partner() as abc:
        token = platform.connected(abc)
        before = platform.partner()
        abc.broken[CREDENTIALS] = lambda _: enveloped(code=2001)
        with pushing(platform, engine.dsn):
            feed(engine, operator(changed=True, time="2026-03-02T00:00:00Z", name="Renamed"))
            wait_until(lambda: puts(abc) >= 2, WITHIN_S)
            assert platform.partner() == before
            assert is_let_in(platform, token)
            abc.broken.clear()
            wait_until(lambda: names(abc) == ["Renamed"], WITHIN_S)


def test_a_hub_that_takes_no_credentials_is_asked_for_its_parties_all_the_same(kept: Kept) -> None:
    engine, platform = kept
    with partner(HUB) as hub:
        hub_of_2_2_1(platform, hub)
        hub.broken[CREDENTIALS] = lambda _: enveloped(code=2000, status=405)
        with pushing(platform, engine.dsn):
            feed(engine, operator(changed=True, time="2026-03-02T00:00:00Z", name="Renamed"))
            wait_until(lambda: puts(hub) >= 2, WITHIN_S)
            with platform.surface.door.transaction() as cursor:
                cursor.execute("UPDATE access.ocpi_partner SET listed_at = NULL")
            listed = "SELECT FROM access.ocpi_partner WHERE listed_at IS NOT NULL"
            wait_until(lambda: bool(engine.rows(listed)), WITHIN_S)
        assert names(hub) == []


def test_one_whose_answer_is_lost_is_let_in_by_either_token_and_begins_anew(kept: Kept) -> None:
    engine, platform = kept
    with partner() as abc:
        before = platform.connected(abc)
        given: list[str] = []

        async def lost(request: Request) -> Response:
            given.append(json.loads(await request.body())["token"])
            return Response("it broke off", 502)

        abc.broken[CREDENTIALS] = lost
        with pushing(platform, engine.dsn):
            feed(engine, operator(changed=True, time="2026-03-02T00:00:00Z", name="Renamed"))
            wait_until(lambda: bool(given) and is_let_in(platform, given[-1]), WITHIN_S)
        assert is_let_in(platform, before)
        # It kept the new one, and forgot by what it let us in before: it renews by it.
        abc.tokens = {"token-b2"}
        answer = platform.ask("PUT", "/2.2.1/credentials", given[-1], json=abc.credentials("token-b2"))
        assert answer.json()["status_code"] == 1000, answer.text
        assert is_let_in(platform, answer.json()["data"]["token"])
        assert not is_let_in(platform, before)


def test_the_list_of_a_hub_is_read_at_connection_to_its_end(kept: Kept) -> None:
    engine, platform = kept
    parties = [f"FR-{number:03}" for number in range(1, 6)]
    asked: list[dict[str, str]] = []

    def details(request: Request) -> Response:
        endpoints = [("credentials", "RECEIVER"), ("hubclientinfo", "SENDER")]
        base = str(request.base_url).rstrip("/")
        # With a slash at its end and a query, which both stay: the other form may be answered by a redirect.
        listed = [
            {"identifier": name, "role": role, "url": f"{base}/2.3.0/{name}/?of=us"} for name, role in endpoints
        ]
        return enveloped({"version": "2.3.0", "endpoints": listed})

    def clients(request: Request) -> Response:
        asked.append(dict(request.headers))
        assert request.query_params["of"] == "us"
        offset = int(request.query_params["offset"])
        found = [told(each, last_updated=LATER) for each in parties[offset:][:2]]
        # One that is none is left out, and no other for it.
        found += [{"party_id": "?"}] if offset == 0 else []
        at = f"{request.url.path}?of=us&offset={offset + 2}&limit=2"
        more = offset + 2 < len(parties)
        return enveloped(found, headers={"Link": f'<{at}>; rel="next"'} if more else {})

    def behind() -> dict[str, str]:
        query = "SELECT party, status FROM access.ocpi_hub_party ORDER BY party"
        return dict(engine.rows(query))

    with partner(HUB) as hub:
        hub.broken = {"/2.3.0": details, "/2.3.0/hubclientinfo/": clients}
        token = hub_of_2_2_1(platform, hub)
        # Told before the list was asked for, and not in it: no longer so.
        tell(platform, token, "BE-QQQ")
        with pushing(platform, engine.dsn):
            wait_until(lambda: behind() == dict.fromkeys(parties, "CONNECTED"), WITHIN_S)
        assert len(asked) == 3
        assert not any(name.startswith("ocpi-") for name in asked[0])
        assert platform.ask("GET", "/2.3.0/cdrs", token, headers=route(from_="FR-001")).status_code == 200
        tell(platform, token, "FR-001", "SUSPENDED", "2026-03-04T00:00:00Z")
        assert behind()["FR-001"] == "SUSPENDED"
