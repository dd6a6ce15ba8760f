"""Partners bring the tokens of their drivers: GET, PUT and PATCH, each of its own alone, in both versions."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.ocpi.token import patched, stored_token, token_of
from ledger.access.charge_tokens import held_by
from tests.ocpi.conftest import Platform
from tests.ocpi.test_credentials import code
from tests.ocpi.test_hubs import hub_of_2_2_1, tell
from tests.support.partner import partner

URL = "/{}/tokens/{}/{}"


def token(uid: str = "CARD-1", **more: Any) -> dict[str, Any]:
    """A token of DE-ABC."""
    return {
        "country_code": "DE",
        "party_id": "ABC",
        "uid": uid,
        "type": "RFID",
        "contract_id": "DE-ABC-C1",
        "issuer": "ABC",
        "valid": True,
        "whitelist": "ALWAYS",
        "last_updated": "2026-03-01T10:00:00Z",
    } | more


@pytest.fixture
def abc(platform: Platform) -> Iterator[str]:
    """The token C of DE-ABC, which is connected."""
    with partner() as made:
        yield platform.connected(made)


def put(
    platform: Platform, token_c: str, body: Any, path: str | None = None, version: str = "2.2.1"
) -> httpx.Response:
    at = path or f"/{version}/tokens/DE/ABC/{body['uid']}"
    return platform.ask("PUT", at, token_c, json=body)


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
def test_a_token_is_put_read_and_patched_as_it_was_given(platform: Platform, abc: str, version: str) -> None:
    at = f"/{version}/tokens/DE/ABC/CaRd-1"
    given = token("CaRd-1", whitelist="NEVER", later={"field": [1.5]}, group_id=None)
    assert code(platform.ask("GET", at, abc)) == (404, 2004)
    assert code(put(platform, abc, given, version=version)) == (201, 1000)
    assert code(put(platform, abc, given, version=version)) == (200, 1000)
    # Found by any case, shown as it was given; an optional field that is null is none.
    shown = platform.ask("GET", f"/{version}/tokens/de/abc/CARD-1/?type=rfid", abc).json()["data"]
    assert shown == {name: value for name, value in given.items() if name != "group_id"}
    changes = {"valid": False, "last_updated": "2026-03-02T10:00:00+00:00", "uid": "card-1", "visual_number": "7"}
    assert code(platform.ask("PATCH", at, abc, json=changes)) == (200, 1000)
    shown = platform.ask("GET", at, abc).json()["data"]
    assert shown["uid"] == "CaRd-1"
    assert (shown["valid"], shown["last_updated"]) == (False, "2026-03-02T10:00:00Z")
    taken_away = {"visual_number": None, "last_updated": "2026-03-03T10:00:00Z"}
    assert code(platform.ask("PATCH", at, abc, json=taken_away)) == (200, 1000)
    assert "visual_number" not in platform.ask("GET", at, abc).json()["data"]


def test_tokens_of_one_uid_are_told_apart_by_their_type(platform: Platform, abc: str) -> None:
    app = token(type="APP_USER", contract_id="DE-ABC-C2")
    new_kind = token(type="EMAID", contract_id="DE-ABC-C3")
    put(platform, abc, token())
    for each in (app, new_kind):
        assert code(put(platform, abc, each, f"/2.2.1/tokens/DE/ABC/CARD-1?type={each['type']}")) == (201, 1000)
        shown = platform.ask("GET", f"/2.3.0/tokens/DE/ABC/CARD-1?type={each['type']}", abc)
        assert shown.json()["data"] == each
    assert platform.ask("GET", "/2.2.1/tokens/DE/ABC/CARD-1", abc).json()["data"]["type"] == "RFID"


def test_what_is_older_than_what_is_there_changes_nothing(platform: Platform, abc: str) -> None:
    at = "/2.2.1/tokens/DE/ABC/CARD-1"
    put(platform, abc, token(last_updated="2026-03-02T10:00:00Z", valid=False))
    assert code(put(platform, abc, token(last_updated="2026-03-01T10:00:00Z"))) == (200, 1000)
    older = {"valid": True, "last_updated": "2026-03-02T09:59:59Z"}
    assert code(platform.ask("PATCH", at, abc, json=older)) == (200, 1000)
    shown = platform.ask("GET", at, abc).json()["data"]
    assert (shown["valid"], shown["last_updated"]) == (False, "2026-03-02T10:00:00Z")


WRONG: list[tuple[Any, str]] = [
    (token(country_code="NL"), "country_code"),
    (token(uid="CARD-2"), "uid"),
    (token(type="APP_USER"), "type"),
    (token(valid="yes"), "valid"),
    (token(whitelist="PERHAPS"), "whitelist"),
    (token(last_updated="yesterday"), "last_updated"),
    (token(issuer=None), "issuer"),
    (token(contract_id="x" * 37), "contract_id"),
    (token(more="x" * 20_000), "bytes"),
    ([token()], "the body"),
    ("token", "the body"),
    ({name: value for name, value in token().items() if name != "whitelist"}, "whitelist"),
]


@pytest.mark.parametrize(
    ("body", "named"), WRONG, ids=[f"{number}-{named}" for number, (_, named) in enumerate(WRONG)]
)
def test_a_token_that_is_none_is_2001_and_not_kept(platform: Platform, abc: str, body: Any, named: str) -> None:
    at = "/2.2.1/tokens/DE/ABC/CARD-1"
    answer = put(platform, abc, body, at)
    assert code(answer) == (200, 2001)
    assert named in answer.json()["status_message"]
    assert code(platform.ask("GET", at, abc)) == (404, 2004)


def test_a_time_to_come_hides_nothing_that_is_told_later(platform: Platform, abc: str) -> None:
    at = "/2.2.1/tokens/DE/ABC/CARD-1"
    for time, said in (("9999-12-31T00:00:00Z", "future"), ("2026-05-01T00:00:00+02:00", "UTC")):
        answer = put(platform, abc, token(last_updated=time), at)
        assert code(answer) == (200, 2001)
        assert said in answer.json()["status_message"]
    assert code(put(platform, abc, token(last_updated="2026-05-01T00:00:00.123456789Z"), at)) == (201, 1000)
    assert platform.ask("GET", at, abc).json()["data"]["last_updated"] == "2026-05-01T00:00:00.123Z"
    answer = platform.ask("PATCH", at, abc, json={"valid": False, "last_updated": "9999-12-31T00:00:00Z"})
    assert code(answer) == (200, 2001)
    assert platform.ask("GET", at, abc).json()["data"]["valid"] is True


def test_numbers_and_texts_that_nothing_can_hold_are_no_fault_of_ours(platform: Platform, abc: str) -> None:
    at = "/2.2.1/tokens/DE/ABC/CARD-1"
    for odd, status in (("1e999", 2001), ("1" * 400, 1000), (r'"\ud800 \u0000"', 1000)):
        body = json.dumps(token(odd=0)).replace('"odd": 0', f'"odd": {odd}')
        answer = platform.ask("PUT", at, abc, content=body.encode())
        assert answer.json()["status_code"] == status
    assert platform.ask("GET", at, abc).json()["data"]["odd"] == "\ud800 \x00"
    uid = r'"uid": "\ud800"'
    answer = platform.ask("PUT", at, abc, content=json.dumps(token()).replace('"uid": "CARD-1"', uid).encode())
    assert code(answer) == (200, 2001)


def test_a_patch_needs_a_token_that_is_there_and_a_time(platform: Platform, abc: str) -> None:
    at = "/2.2.1/tokens/DE/ABC/CARD-1"
    assert code(platform.ask("PATCH", at, abc, json={"valid": False})) == (404, 2004)
    put(platform, abc, token())
    for body in (
        {"valid": False},
        {"valid": None, "last_updated": "2026-03-02T10:00:00Z"},
        {"party_id": "XYZ", "last_updated": "2026-03-02T10:00:00Z"},
        [1],
    ):
        assert code(platform.ask("PATCH", at, abc, json=body)) == (200, 2001)
    assert platform.ask("GET", at, abc).json()["data"] == token()


def test_one_partner_knows_nothing_of_the_tokens_of_another(platform: Platform, abc: str) -> None:
    put(platform, abc, token())
    with partner("FR-XYZ") as other:
        xyz = platform.connected(other)
        for method in ("GET", "PUT", "PATCH"):
            body = None if method == "GET" else token(valid=False, last_updated="2026-03-09T10:00:00Z")
            forged = {"OCPI-from-country-code": "DE", "OCPI-from-party-id": "ABC"}
            for headers, wanted in (({}, (404, 2004)), (forged, (200, 2001))):
                answer = platform.ask(method, "/2.2.1/tokens/DE/ABC/CARD-1", xyz, json=body, headers=headers)
                assert code(answer) == wanted
        # The same uid may be both's.
        theirs = token(country_code="FR", party_id="XYZ", valid=False)
        assert code(put(platform, xyz, theirs, "/2.2.1/tokens/FR/XYZ/CARD-1")) == (201, 1000)
        assert platform.ask("GET", "/2.2.1/tokens/FR/XYZ/CARD-1", xyz).json()["data"] == theirs
    assert platform.ask("GET", "/2.2.1/tokens/DE/ABC/CARD-1", abc).json()["data"] == token()


def test_an_id_may_have_a_slash_and_the_module_has_no_list(platform: Platform, abc: str) -> None:
    assert code(put(platform, abc, token("A/B C"), "/2.2.1/tokens/DE/ABC/A%2FB%20C")) == (201, 1000)
    assert platform.ask("GET", "/2.2.1/tokens/DE/ABC/A%2FB%20C/", abc).json()["data"]["uid"] == "A/B C"
    for method, path in (("GET", "/2.2.1/tokens"), ("POST", "/2.3.0/tokens/"), ("DELETE", "/2.2.1/tokens/DE/ABC/X")):
        assert code(platform.ask(method, path, abc)) == (405, 2000)
        assert code(platform.ask(method, path)) == (401, 2000)
    for version in ("2.2.1", "2.3.0"):
        endpoints = platform.ask("GET", f"/{version}", abc).json()["data"]["endpoints"]
        (at,) = ((each["role"], each["url"]) for each in endpoints if each["identifier"] == "tokens")
        assert at == ("RECEIVER", f"{platform.url}/ocpi/{version}/tokens")


def test_who_parts_takes_its_tokens_along(platform: Platform, abc: str) -> None:
    put(platform, abc, token())
    assert code(platform.ask("DELETE", "/2.2.1/credentials", abc)) == (200, 1000)
    with platform.surface.door.transaction() as cursor:
        assert cursor.execute("SELECT FROM access.charge_token").fetchall() == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=4), st.dictionaries(st.text(max_size=8), JSON, max_size=4))
@settings(max_examples=100, deadline=None)
def test_what_we_do_not_know_comes_back_as_it_was(unknown: dict[str, Any], changes: dict[str, Any]) -> None:
    known = set(token()) | {"visual_number", "group_id", "language", "default_profile_type", "energy_contract"}
    unknown, changes = (
        {name: value for name, value in each.items() if name not in known} for each in (unknown, changes)
    )
    first = token_of(token() | unknown)
    assert json.loads(first.document) == token() | {
        name: value for name, value in unknown.items() if value is not None
    }
    assert stored_token(first.document) == first
    after = patched(first.document, changes | {"last_updated": "2026-03-02T10:00:00Z"})
    wanted = token() | unknown | changes | {"last_updated": "2026-03-02T10:00:00Z"}
    assert json.loads(after.document) == {name: value for name, value in wanted.items() if value is not None}


def test_a_hub_brings_tokens_of_the_parties_behind_it_and_of_no_others(platform: Platform) -> None:
    theirs = token(country_code="FR", party_id="XYZ")
    at = "/2.2.1/tokens/FR/XYZ/CARD-1"
    with partner("DE-HUB") as hub:
        token_c = hub_of_2_2_1(platform, hub)
        assert code(put(platform, token_c, theirs, at)) == (404, 2004)
        assert code(tell(platform, token_c, "FR-XYZ")) == (200, 1000)
        assert code(put(platform, token_c, theirs, at)) == (201, 1000)
        assert code(put(platform, token_c, token())) == (404, 2004)
        # Who connects by itself is asked by its own connection, and no longer through the hub.
        with platform.surface.door.transaction() as cursor:
            assert [each for each, _ in held_by(cursor, [("CARD-1", "RFID", None)])[0]] == ["DE-HUB"]
        with partner("FR-XYZ") as xyz:
            platform.connected(xyz)
            with platform.surface.door.transaction() as cursor:
                assert held_by(cursor, [("CARD-1", "RFID", None)]) == [[]]
