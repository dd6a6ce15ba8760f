"""Whether a driver may charge: by the list or by the partner's word, within 2 s, and never by another partner's."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from api.ocpi.charge_tokens.authorizing import Question, Verdict, authorize
from api.ocpi.charge_tokens.partners import Partners
from ledger.access import ocpi_partners
from projections.roaming.feed import make_all_visible
from tests.ocpi.conftest import Platform
from tests.ocpi.test_locations import location
from tests.ocpi.test_tokens import put, token
from tests.support.engine import Engine
from tests.support.partner import enveloped, partner
from tests.support.token_source import TokenSource, token_source


@pytest.fixture(scope="module")
def placed(network: str) -> str:
    """The network with a location."""
    with closing(Engine(network)) as engine:
        engine.feed([location()])
    make_all_visible(network)
    return network


@pytest.fixture
def source(placed: str, platform: Platform) -> Iterator[TokenSource]:
    """What DE-ABC says; DE-ABC is connected, and has no token here yet."""
    with partner() as abc, token_source() as made:
        made.offered_by(abc)
        made.token_c = platform.connected(abc)
        yield made


def knows(platform: Platform, source: TokenSource, **more: Any) -> None:
    assert put(platform, source.token_c, token(**more)).status_code == 201


def ask(platform: Platform, uid: str = "CARD-1", **more: Any) -> Verdict:
    async def work() -> Verdict:
        async with Partners(platform.surface) as partners:
            return await authorize(platform.surface, partners, Question(uid, "LOC-1", **more))

    began = time.monotonic()
    found = asyncio.run(work())
    # Two seconds are the promise, which test_questions judges; who never says anything is not waited for.
    assert time.monotonic() - began < 20
    return found


def said(verdict: Verdict) -> tuple[str, str | None, str | None]:
    return verdict.allowed, verdict.reason, verdict.auth_method


@pytest.mark.parametrize("whitelist", ["ALWAYS", "ALLOWED"])
def test_the_list_decides_and_nobody_is_asked(platform: Platform, source: TokenSource, whitelist: str) -> None:
    knows(platform, source, whitelist=whitelist)
    knows(platform, source, whitelist=whitelist, valid=False, uid="CARD-2")
    assert said(ask(platform, "card-1")) == ("ALLOWED", None, "WHITELIST")
    assert said(ask(platform, "CARD-2")) == ("NOT_ALLOWED", "NOT_VALID", "WHITELIST")
    assert source.heard == []


@pytest.mark.parametrize("whitelist", ["ALLOWED_OFFLINE", "NEVER"])
def test_the_partner_is_asked_with_place_and_route(platform: Platform, source: TokenSource, whitelist: str) -> None:
    knows(platform, source, whitelist=whitelist, valid=False)
    source.says["CARD-1"] = {"allowed": "ALLOWED", "authorization_reference": "REF-1", "info": {"text": "Hello"}}
    verdict = ask(platform, "card-1", evse_uid="loc-1-e1", operator_id="OP-1")
    assert said(verdict) == ("ALLOWED", None, "AUTH_REQUEST")
    assert (verdict.authorization_reference, verdict.info, verdict.partner) == ("REF-1", "Hello", "DE-ABC")
    (heard,) = source.heard
    assert (heard.uid, heard.type) == ("CARD-1", "RFID")
    assert heard.body == {"location_id": "LOC-1", "evse_uids": ["LOC-1-E1"]}
    route = {name: value for name, value in heard.headers.items() if name.startswith("ocpi-")}
    assert route == {
        "ocpi-to-country-code": "DE",
        "ocpi-to-party-id": "ABC",
        "ocpi-from-country-code": "NL",
        "ocpi-from-party-id": "GRL",
    }


ANSWERS: list[tuple[Any, tuple[str, str | None]]] = [
    ({"allowed": "BLOCKED"}, ("BLOCKED", None)),
    ([{"allowed": "NO_CREDIT"}], ("NO_CREDIT", None)),
    ({"allowed": "PERHAPS"}, ("NOT_ALLOWED", "NOT_UNDERSTOOD")),
    ({"allowed": ["ALLOWED"]}, ("NOT_ALLOWED", "NOT_UNDERSTOOD")),
    ("yes", ("NOT_ALLOWED", "NOT_UNDERSTOOD")),
    (enveloped(), ("NOT_ALLOWED", "NOT_UNDERSTOOD")),
    (enveloped(code=2004, status=404), ("NOT_ALLOWED", "UNKNOWN_TOKEN")),
    (enveloped(code=2004), ("NOT_ALLOWED", "UNKNOWN_TOKEN")),
    (enveloped(code=2000, status=404), ("NOT_ALLOWED", "UNKNOWN_TOKEN")),
    (enveloped(code=2002), ("NOT_ALLOWED", "MORE_NEEDED")),
    (enveloped(code=2001), ("NOT_ALLOWED", "NOT_UNDERSTOOD")),
    ({"allowed": "ALLOWED", "location": {"location_id": "LOC-1", "evse_uids": ["X"]}}, ("NOT_ALLOWED", "NOT_HERE")),
    ({"allowed": "ALLOWED", "location": {"location_id": "LOC-1", "evse_uids": ["loc-1-E1"]}}, ("ALLOWED", None)),
    ({"allowed": "ALLOWED", "authorization_reference": "x" * 37, "info": "\x00"}, ("ALLOWED", None)),
]


def test_whatever_a_partner_answers_there_is_a_verdict(platform: Platform, source: TokenSource) -> None:
    knows(platform, source, whitelist="ALLOWED_OFFLINE")
    for answer, wanted in ANSWERS:
        source.says["CARD-1"] = answer
        verdict = ask(platform, evse_uid="LOC-1-E1")
        assert said(verdict) == (*wanted, "AUTH_REQUEST"), answer
        assert verdict.authorization_reference is None


@pytest.mark.parametrize(("status", "code"), [(500, 3000), (503, 3000), (429, 2000), (401, 2000), (200, 3001)])
def test_one_that_cannot_be_asked_leaves_it_to_the_list_where_it_may_be_offline(
    platform: Platform, source: TokenSource, status: int, code: int
) -> None:
    knows(platform, source, uid="OFF", whitelist="ALLOWED_OFFLINE")
    knows(platform, source, uid="GONE", whitelist="ALLOWED_OFFLINE", valid=False)
    knows(platform, source, uid="NEVER", whitelist="NEVER")
    source.says |= dict.fromkeys(("OFF", "GONE", "NEVER"), enveloped(code=code, status=status))
    assert said(ask(platform, "OFF")) == ("ALLOWED", "NOT_REACHED", "WHITELIST")
    assert said(ask(platform, "GONE")) == ("NOT_ALLOWED", "NOT_VALID", "WHITELIST")
    assert said(ask(platform, "NEVER")) == ("NOT_ALLOWED", "NOT_REACHED", None)


def test_one_that_does_not_answer_is_given_up_within_two_seconds(platform: Platform, source: TokenSource) -> None:
    knows(platform, source, uid="OFF", whitelist="ALLOWED_OFFLINE")
    source.holds = threading.Event()
    assert said(ask(platform, "OFF")) == ("ALLOWED", "NOT_REACHED", "WHITELIST")


def test_who_is_unknown_is_asked_of_the_partner_that_is_named_and_of_nobody_else(
    platform: Platform, source: TokenSource
) -> None:
    assert said(ask(platform)) == ("NOT_ALLOWED", "UNKNOWN_TOKEN", None)
    assert said(ask(platform, party="FR-XYZ")) == ("NOT_ALLOWED", "UNKNOWN_TOKEN", None)
    assert source.heard == []
    assert said(ask(platform, party="de-abc")) == ("NOT_ALLOWED", "UNKNOWN_TOKEN", "AUTH_REQUEST")
    source.says["CARD-1"] = {"allowed": "ALLOWED", "token": token(last_updated="2026-03-05T10:00:00Z")}
    assert said(ask(platform, party="DE-ABC")) == ("ALLOWED", None, "AUTH_REQUEST")
    # What it said of the token is on the list from then on.
    source.says.clear()
    assert said(ask(platform)) == ("ALLOWED", None, "WHITELIST")


def test_a_partner_says_nothing_of_another_ones_tokens(platform: Platform, source: TokenSource) -> None:
    source.says["CARD-1"] = {"allowed": "ALLOWED", "token": token(country_code="FR", party_id="XYZ")}
    assert ask(platform, party="DE-ABC").token is None
    assert said(ask(platform)) == ("NOT_ALLOWED", "UNKNOWN_TOKEN", None)


def test_of_two_partners_with_one_uid_the_first_is_taken_unless_it_refuses(
    platform: Platform, source: TokenSource
) -> None:
    knows(platform, source, whitelist="NEVER")
    with partner("FR-XYZ") as xyz:
        token_c = platform.connected(xyz)
        theirs = token(country_code="FR", party_id="XYZ", contract_id="FR-XYZ-1")
        put(platform, token_c, theirs, "/2.2.1/tokens/FR/XYZ/CARD-1")
        source.says["CARD-1"] = {"allowed": "ALLOWED"}
        assert ask(platform).partner == "DE-ABC"
        assert ask(platform, party="FR-XYZ").partner == "FR-XYZ"
        source.says["CARD-1"] = {"allowed": "BLOCKED"}
        assert (ask(platform).allowed, ask(platform).partner) == ("ALLOWED", "FR-XYZ")


def test_tokens_of_who_is_suspended_open_nothing(platform: Platform, source: TokenSource) -> None:
    knows(platform, source)
    with platform.surface.door.transaction() as cursor:
        ocpi_partners.suspend(cursor, "DE-ABC")
    assert said(ask(platform)) == ("NOT_ALLOWED", "UNKNOWN_TOKEN", None)
    with platform.surface.door.transaction() as cursor:
        ocpi_partners.resume(cursor, "DE-ABC")
    assert said(ask(platform)) == ("ALLOWED", None, "WHITELIST")


def test_one_that_offers_no_tokens_is_not_asked(platform: Platform, placed: str) -> None:
    with partner() as abc:
        put(platform, platform.connected(abc), token(whitelist="NEVER"))
        assert said(ask(platform)) == ("NOT_ALLOWED", "NOT_ASKED", None)
