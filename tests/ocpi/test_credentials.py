"""Partners connect by the handshake, renew and leave; after any failure nothing has changed."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tests.ocpi.conftest import Platform, serving_ocpi
from tests.support.partner import TestPartner, enveloped, partner

CREDENTIALS = "/2.2.1/credentials"


def code(answer: httpx.Response) -> tuple[int, int]:
    """HTTP status and OCPI status code; every answer has both."""
    return answer.status_code, answer.json()["status_code"]


def test_a_partner_connects_and_each_side_knows_the_other(platform: Platform) -> None:
    with partner() as abc:
        token_a = platform.invite()
        (newest,) = (
            each for each in platform.ask("GET", "/versions", token_a).json()["data"] if each["version"] == "2.3.0"
        )
        details = httpx.get(newest["url"], headers=abc.authorization(token_a)).json()["data"]
        assert details["version"] == "2.3.0"
        (at,) = (each["url"] for each in details["endpoints"] if each["identifier"] == "credentials")
        abc.tokens.add("token-b")
        answer = httpx.post(at, json=abc.credentials("token-b"), headers=abc.authorization(token_a))
        assert code(answer) == (200, 1000)
        ours = answer.json()["data"]
        assert ours["url"] == f"{platform.url}/ocpi/versions"
        assert [(role["role"], role["country_code"], role["party_id"]) for role in ours["roles"]] == [
            ("CPO", "NL", "GRL"),
            ("CPO", "NL", "TWO"),
        ]
        assert platform.ask("GET", "/versions", ours["token"]).status_code == 200
        assert code(platform.ask("GET", "/versions", token_a)) == (401, 2000)
        found = platform.partner()
        assert (found.state, found.version, found.versions_url) == ("CONNECTED", "2.3.0", abc.versions_url)
        assert platform.surface.vault.opened(found.sealed_token or b"", "DE-ABC") == "token-b"
        shown = platform.ask("GET", CREDENTIALS, ours["token"]).json()["data"]
        assert shown["token"] == ours["token"]


def test_what_is_not_possible_in_a_state_is_405(platform: Platform) -> None:
    with partner() as abc:
        token_a = platform.invite()
        body = abc.credentials("token-b")
        assert code(platform.ask("PUT", CREDENTIALS, token_a, json=body)) == (405, 2000)
        assert code(platform.ask("DELETE", CREDENTIALS, token_a)) == (405, 2000)
        assert code(platform.ask("PATCH", CREDENTIALS, token_a)) == (405, 2000)
        abc.tokens.add("token-b")
        token_c = platform.ask("POST", CREDENTIALS, token_a, json=body).json()["data"]["token"]
        assert code(platform.ask("POST", CREDENTIALS, token_c, json=body)) == (405, 2000)


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (None, "none"),
        ("Bearer dG9rZW4tYQ==", "another scheme"),
        ("Token", "no token"),
        ("Token !!!", "no base64"),
        ("Token token-a-of-DE-ABC", "as it is, where base64 was agreed"),
        ("Token dW5rbm93bg==", "unknown"),
    ],
)
def test_nobody_that_is_known_is_401(platform: Platform, header: str | None, why: str) -> None:
    platform.invite()
    answer = platform.ask("GET", "/versions", headers={"Authorization": header} if header else {})
    assert code(answer) == (401, 2000), why


def test_the_scheme_may_be_written_in_any_case_and_a_partner_may_send_tokens_as_they_are(platform: Platform) -> None:
    token_a = platform.invite(encoding="raw")
    assert platform.ask("GET", "/versions", headers={"Authorization": f"token {token_a}"}).status_code == 200
    # The same token in base64 is not what was agreed.
    assert platform.ask("GET", "/versions", token_a).status_code == 401


def _endpoint(identifier: str, url: str) -> Response:
    details = [{"identifier": identifier, "role": "SENDER", "url": url}]
    return enveloped({"version": "2.3.0", "endpoints": details})


def _moved(_: Request) -> Response:
    return RedirectResponse("/elsewhere")


@pytest.mark.parametrize(
    ("path", "answer", "expected"),
    [
        ("/versions", lambda _: enveloped(code=2000, status=401), 3001),
        ("/versions", lambda _: Response("<html>"), 3001),
        ("/versions", lambda _: enveloped([]), 3001),
        ("/versions", _moved, 3001),
        ("/versions", lambda _: enveloped([{"version": "2.1.1", "url": "http://127.0.0.1/2.1.1"}]), 3002),
        ("/2.3.0", lambda _: enveloped({"version": "2.3.0", "endpoints": []}), 3003),
        ("/2.3.0", lambda _: Response(b"x" * 100, 500), 3001),
        ("/2.3.0", lambda _: _endpoint("credentials\0", "http://127.0.0.1/"), 3003),
        ("/2.3.0", lambda _: _endpoint("credentials", "http://127.0.0.1/\0"), 3003),
        ("/2.3.0", lambda _: _endpoint("credentials", "http://127.0.0.1/" + "x" * 2_000), 3003),
    ],
)
def test_a_handshake_that_fails_changes_nothing(
    platform: Platform, path: str, answer: Callable[[Request], Response], expected: int
) -> None:
    with partner() as abc:
        token_a, before = platform.invite(), platform.partner()
        abc.tokens.add("token-b")
        abc.broken[path] = answer
        assert code(platform.ask("POST", CREDENTIALS, token_a, json=abc.credentials("token-b"))) == (200, expected)
        assert platform.partner() == before
        assert platform.ask("GET", "/versions", token_a).status_code == 200
        abc.broken.clear()
        answered = platform.ask("POST", CREDENTIALS, token_a, json=abc.credentials("token-b"))
        assert code(answered) == (200, 1000)
        # So it is where it renews.
        token_c, connected = answered.json()["data"]["token"], platform.partner()
        abc.broken[path] = answer
        abc.tokens.add("token-b2")
        assert code(platform.ask("PUT", CREDENTIALS, token_c, json=abc.credentials("token-b2"))) == (200, expected)
        assert platform.partner() == connected
        assert platform.ask("GET", CREDENTIALS, token_c).status_code == 200


def _roles(*parties: str) -> dict[str, Any]:
    return {
        "roles": [
            {"role": "EMSP", "country_code": p[:2], "party_id": p[3:], "business_details": {"name": p}}
            for p in parties
        ]
    }


_ROLE = {"role": "EMSP", "country_code": "DE", "party_id": "ABC"}


def test_nobody_claims_a_party_that_is_not_its_own(platform: Platform) -> None:
    with partner() as abc, partner("FR-XYZ") as xyz:
        platform.connected(xyz)
        token_a = platform.invite()
        abc.tokens.add("token-b")
        for claimed in (("FR-XYZ",), ("DE-ABC", "FR-XYZ"), ("DE-ABD",), ("DE-ABC", "DE-ABD")):
            answer = platform.ask("POST", CREDENTIALS, token_a, json=abc.credentials("token-b", **_roles(*claimed)))
            assert code(answer) == (200, 2001), claimed
        as_another = abc.credentials("token-b", roles=[_ROLE | {"role": "CPO"}])
        assert code(platform.ask("POST", CREDENTIALS, token_a, json=as_another)) == (200, 2001)
        assert platform.partner().state == "INVITED"
        hub = platform.invite("DE-HUB", "HUB")
        claims_another = abc.credentials("token-b", **_roles("DE-HUB", "fr-xyz"))
        assert code(platform.ask("POST", CREDENTIALS, hub, json=claims_another)) == (200, 2001)
        reaches = abc.credentials("token-b", **_roles("DE-HUB", "BE-QQQ"))
        assert code(platform.ask("POST", CREDENTIALS, hub, json=reaches)) == (200, 1000)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"token": ""}, "token"),
        ({"token": "with a space"}, "token"),
        ({"token": "x" * 65}, "token"),
        ({"url": "no address"}, "url"),
        ({"roles": []}, "roles"),
        ({"roles": "EMSP"}, "roles"),
        ({"roles": [_ROLE | {"business_details": {"name": "Zero\0"}}]}, "character 0"),
        ({"roles": [_ROLE | {"business_details": {"name": "A", "website": "\ud800"}}]}, "half a character"),
        ({"roles": [_ROLE | {"business_details": {"name": "A", "logo": "x" * 300_000}}]}, "bytes"),
    ],
)
def test_credentials_that_are_none_are_2001_and_name_the_field(
    platform: Platform, change: dict[str, Any], where: str
) -> None:
    token_a = platform.invite()
    body = json.dumps(TestPartner("DE-ABC", "http://127.0.0.1:1").credentials("token-b") | change)
    answer = platform.ask("POST", CREDENTIALS, token_a, content=body)
    assert code(answer) == (200, 2001)
    assert where in answer.json()["status_message"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"token": NaN}',
        b'{"token": "a", "token": "b"}',
        b"[" * 40 + b"]" * 40,
        b'"' + b"\\" * 7,
    ],
)
def test_a_body_that_is_no_json_is_400(platform: Platform, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    assert code(platform.ask("POST", CREDENTIALS, platform.invite(), content=body, headers=headers)) == (400, 2000)


def test_what_is_too_large_or_of_another_kind_is_told_in_the_envelope(platform: Platform) -> None:
    token_a = platform.invite()
    assert code(platform.ask("POST", CREDENTIALS, token_a, content=b" " * ((1 << 20) + 1))) == (413, 2000)
    headers = {"Content-Type": "application/xml"}
    assert code(platform.ask("POST", CREDENTIALS, token_a, content=b"<a/>", headers=headers)) == (415, 2000)
    assert code(platform.ask("GET", "/versions?" + "x" * 9_000, token_a)) == (414, 2000)
    assert code(platform.ask("GET", "/versions", token_a, headers={"X-Much": "x" * 9_000})) == (431, 2000)
    assert code(platform.ask("GET", "/2.2.1/nothing", token_a)) == (404, 2000)
    assert code(platform.ask("GET", "/versions", token_a)) == (200, 1000)


def test_ids_of_a_message_come_back_and_its_route_is_turned_round(platform: Platform) -> None:
    given = {
        "X-Request-ID": "request-1",
        "X-Correlation-ID": "correlation-1",
        "OCPI-from-country-code": "DE",
        "OCPI-from-party-id": "ABC",
        "OCPI-to-country-code": "NL",
        "OCPI-to-party-id": "GLB",
    }
    with partner() as abc:
        token_c = platform.connected(abc)
        told = platform.ask("GET", "/2.2.1/tariffs/", token_c, headers=given)
        # One that is not done is answered to whom it was from, too.
        assert code(told) == (200, 2000)
        assert (told.headers["x-request-id"], told.headers["x-correlation-id"]) == ("request-1", "correlation-1")
        assert (told.headers["ocpi-to-country-code"], told.headers["ocpi-to-party-id"]) == ("DE", "ABC")
        assert (told.headers["ocpi-from-country-code"], told.headers["ocpi-from-party-id"]) == ("NL", "GLB")
        # What configures a connection goes between platforms, and is routed nowhere.
        for path in ("/versions", "/2.2.1", CREDENTIALS):
            told = platform.ask("GET", path, token_c, headers=given)
            assert told.status_code == 200
            assert "ocpi-to-party-id" not in told.headers
    none = platform.ask("GET", "/versions")
    assert none.headers["x-request-id"]
    assert none.headers["x-correlation-id"]


def test_a_partner_renews_and_the_old_pair_is_dead(platform: Platform) -> None:
    with partner() as abc:
        token_c = platform.connected(abc)
        abc.tokens = {"token-b2"}
        answer = platform.ask("PUT", CREDENTIALS, token_c, json=abc.credentials("token-b2"))
        assert code(answer) == (200, 1000)
        assert platform.ask("GET", CREDENTIALS, token_c).status_code == 401
        assert platform.ask("GET", CREDENTIALS, answer.json()["data"]["token"]).status_code == 200
        assert platform.surface.vault.opened(platform.partner().sealed_token or b"", "DE-ABC") == "token-b2"


def test_a_partner_that_leaves_is_nobody(platform: Platform) -> None:
    with partner() as abc:
        token_c = platform.connected(abc)
        assert code(platform.ask("DELETE", CREDENTIALS, token_c)) == (200, 1000)
        assert code(platform.ask("GET", "/versions", token_c)) == (401, 2000)
        assert (platform.partner().state, platform.partner().sealed_token) == ("LEFT", None)
        assert platform.connected(abc)


def test_of_two_handshakes_at_once_one_is_done(platform: Platform) -> None:
    with partner() as abc:
        token_a = platform.invite()
        abc.tokens.add("token-b")
        with ThreadPoolExecutor(6) as threads:
            answers = list(
                threads.map(
                    lambda _: platform.ask("POST", CREDENTIALS, token_a, json=abc.credentials("token-b")), range(6)
                )
            )
        done = [each for each in answers if each.json()["status_code"] == 1000]
        assert len(done) == 1
        assert {each.status_code for each in answers} <= {200, 401, 405}
        assert platform.ask("GET", CREDENTIALS, done[0].json()["data"]["token"]).status_code == 200


def test_who_guesses_tokens_is_stopped_and_partners_are_not(network: str) -> None:
    with serving_ocpi(network) as platform:
        statuses: list[int] = []
        # One more is allowed each second, however slow this machine is.
        while 429 not in statuses and len(statuses) < 600:
            statuses.append(platform.ask("GET", "/versions", f"guess-{len(statuses)}").status_code)
        assert statuses[:60] == [401] * 60
        assert statuses[-1] == 429
        assert platform.ask("GET", "/versions", platform.invite("DE-GUE")).status_code == 200
