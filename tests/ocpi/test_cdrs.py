"""CDRs over OCPI: each partner pulls its own, page by page, in either version, and never another's."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from projections.freshness import up_to_date
from projections.roaming.feed import make_all_visible
from tests.conftest import Stores
from tests.ocpi.conftest import OTHER, Platform, serving_ocpi
from tests.support.anew import make_anew
from tests.support.believed import BELIEVED
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff
from tests.support.events import partner as registered
from tests.support.partner import partner

ABC, XYZ = ("DE", "ABC"), ("FR", "XYZ")


def token(party: tuple[str, str], number: int = 1) -> dict[str, str]:
    country, id_ = party
    return {
        "country_code": country,
        "party_id": id_,
        "uid": f"TOKEN-{number}",
        "type": "RFID",
        "contract_id": f"{country}-{id_}-C0001",
    }


def of(
    party: tuple[str, str], number: int, day: str = "2026-03-02", operator_id: str = "OP-1", tariff_id: str = "T-1"
) -> list[dict[str, Any]]:
    """A session by a token of a party, which pays it later."""
    begin, *rest = session(f"S-{party[1]}-{number}", day)
    roaming = {"token": token(party), "operator_id": operator_id, "tariff_id": tariff_id}
    return [begin | {"data": begin["data"] | roaming}, *rest[:-1]]


@pytest.fixture(scope="module")
def roamed(stores: Stores) -> Iterator[tuple[Engine, Platform]]:
    """Seven sessions of one partner and two of another, at two operators; and one that its driver pays."""
    with stores() as dsn, closing(Engine(dsn)) as engine:
        second_partner = registered()
        second_partner |= {
            "id": "partner-2",
            "data": second_partner["data"] | {"country_code": "FR", "party_id": "XYZ"},
        }
        second = operator("OP-2", bank_account=OTHER, party_id="TWO", name="Second")
        engine.feed([operator(), tariff(), second, tariff("OP-2", "T-2"), registered(), second_partner])
        for number in range(1, 7):
            engine.feed(of(ABC, number))
        engine.feed([*of(ABC, 7, operator_id="OP-2", tariff_id="T-2"), *of(XYZ, 1), *of(XYZ, 2), *session("S-0")])
        engine.advance("2026-03-10T00:00:00Z")
        make_all_visible(dsn)
        with up_to_date(dsn):
            pass
        with serving_ocpi(dsn) as platform:
            yield engine, platform


@pytest.fixture(scope="module")
def tokens(roamed: tuple[Engine, Platform]) -> Iterator[dict[str, str]]:
    """Token C of each partner."""
    _, platform = roamed
    with partner("DE-ABC") as abc, partner("FR-XYZ") as xyz:
        yield {"DE-ABC": platform.connected(abc), "FR-XYZ": platform.connected(xyz)}


def walk(platform: Platform, token_c: str, version: str = "2.2.1", **query: Any) -> list[dict[str, Any]]:
    """All objects from page to page, by the links alone."""
    answer = platform.ask("GET", f"/{version}/cdrs", token_c, params=query)
    found: list[dict[str, Any]] = []
    while True:
        assert (answer.status_code, answer.json()["status_code"]) == (200, 1000), answer.text
        found += answer.json()["data"]
        link = answer.headers.get("link")
        if link is None:
            assert int(answer.headers["x-total-count"]) == len(found) + int(query.get("offset", 0))
            return found
        url, _, rel = link.partition(">; ")
        assert rel == 'rel="next"'
        headers = {"Authorization": answer.request.headers["authorization"]}
        answer = httpx.get(url.removeprefix("<"), headers=headers, timeout=120, verify=BELIEVED)


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [each["session_id"] for each in found]


def test_each_partner_sees_its_own(roamed: tuple[Engine, Platform], tokens: dict[str, str]) -> None:
    _, platform = roamed
    assert ids(walk(platform, tokens["DE-ABC"], limit=3)) == [f"S-ABC-{number}" for number in range(1, 8)]
    assert ids(walk(platform, tokens["FR-XYZ"])) == ["S-XYZ-1", "S-XYZ-2"]


def test_both_versions_are_of_one_cdr(roamed: tuple[Engine, Platform], tokens: dict[str, str]) -> None:
    _, platform = roamed
    older, newer = (walk(platform, tokens["FR-XYZ"], version)[0] for version in ("2.2.1", "2.3.0"))
    assert older["id"] == newer["id"]
    assert older["last_updated"] == newer["last_updated"]
    assert newer["total_cost"]["before_taxes"] == older["total_cost"]["excl_vat"]
    assert "excl_vat" not in newer["total_cost"]


def test_an_operator_is_chosen_by_the_route(roamed: tuple[Engine, Platform], tokens: dict[str, str]) -> None:
    _, platform = roamed

    def asked(country: str, party: str) -> httpx.Response:
        headers = {"OCPI-to-country-code": country, "OCPI-to-party-id": party}
        return platform.ask("GET", "/2.2.1/cdrs", tokens["DE-ABC"], headers=headers)

    only = asked("nl", "two")
    assert ids(only.json()["data"]) == ["S-ABC-7"]
    assert only.headers["x-total-count"] == "1"
    assert (only.headers["ocpi-from-party-id"], only.headers.get("ocpi-to-party-id")) == ("two", None)
    assert len(asked("NL", "GRL").json()["data"]) == 6
    nobody = asked("NL", "XXX")
    assert (nobody.status_code, nobody.json()["status_code"]) == (200, 2000)


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "x"},
        {"limit": "1.5"},
        {"offset": "-1"},
        {"offset": "1" + "0" * 20},
        {"offset": "٣"},
        {"date_from": "yesterday"},
        {"date_from": "2026-13-01T00:00:00Z"},
        {"date_to": "2026-03-01"},
        {"date_to": ""},
    ],
)
def test_parameters_that_are_none_are_2001(
    roamed: tuple[Engine, Platform], tokens: dict[str, str], query: dict[str, str]
) -> None:
    answer = roamed[1].ask("GET", "/2.2.1/cdrs", tokens["DE-ABC"], params=query)
    assert (answer.status_code, answer.json()["status_code"]) == (200, 2001)
    assert next(iter(query)) in answer.json()["status_message"]


def test_pages_have_their_bounds(roamed: tuple[Engine, Platform], tokens: dict[str, str]) -> None:
    _, platform = roamed

    def asked(**query: Any) -> httpx.Response:
        return platform.ask("GET", "/2.2.1/cdrs", tokens["DE-ABC"], params=query)

    beyond = asked(offset=7)
    assert (beyond.json()["data"], beyond.headers["x-total-count"], beyond.headers.get("link")) == ([], "7", None)
    much = asked(limit=100_000)
    assert (len(much.json()["data"]), much.headers["x-limit"]) == (7, "100")
    none = asked(date_from="2030-01-01T00:00:00Z", date_to="2029-01-01T00:00:00Z")
    assert (none.json()["data"], none.headers["x-total-count"]) == ([], "0")


def test_what_changed_is_asked_for_by_when_it_became_visible(
    roamed: tuple[Engine, Platform], tokens: dict[str, str]
) -> None:
    engine, platform = roamed
    token_c = tokens["FR-XYZ"]
    before = walk(platform, token_c)
    newest = max(each["last_updated"] for each in before)
    (same,) = (each for each in before if each["last_updated"] == newest) if len(before) == 1 else (before[-1],)
    # Inclusive from, exclusive to; a plus that was not encoded is a space.
    assert same["id"] in [each["id"] for each in walk(platform, token_c, date_from=newest)]
    assert same["id"] not in [each["id"] for each in walk(platform, token_c, date_to=newest)]
    assert walk(platform, token_c, date_from=newest.replace("Z", "+00:00"))
    assert walk(platform, token_c, date_from=newest.replace("Z", " 00:00"))
    # A session of long ago that is told now: who asks by when it last asked sees it.
    engine.feed(of(XYZ, 0, "2026-03-01"))
    engine.advance("2026-03-10T00:00:00Z")
    make_all_visible(engine.dsn)
    late = [each for each in walk(platform, token_c, date_from=newest) if each["session_id"] == "S-XYZ-0"]
    assert late
    assert late[0]["last_updated"] > newest
    assert ids(walk(platform, token_c))[-1] == "S-XYZ-0"


def test_a_corrected_cdr_comes_as_a_credit_and_a_new_one_and_nothing_that_was_sent_changes(
    roamed: tuple[Engine, Platform], tokens: dict[str, str]
) -> None:
    engine, platform = roamed
    token_c = tokens["DE-ABC"]
    before = walk(platform, token_c)
    make_anew(engine.dsn)
    assert make_all_visible(engine.dsn) == 0
    assert walk(platform, token_c) == before


def test_a_token_of_a_handshake_opens_no_module(roamed: tuple[Engine, Platform]) -> None:
    _, platform = roamed
    token_a = platform.invite("BE-NEW")
    assert platform.ask("GET", "/2.2.1/cdrs", token_a).status_code == 401
    assert platform.ask("POST", "/2.2.1/cdrs", token_a).status_code == 401


def test_methods_that_a_module_does_not_have_are_405(roamed: tuple[Engine, Platform], tokens: dict[str, str]) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = roamed[1].ask(method, "/2.2.1/cdrs", tokens["DE-ABC"])
        assert (answer.status_code, answer.json()["status_code"]) == (405, 2000)
        assert answer.headers["allow"] == "GET"
