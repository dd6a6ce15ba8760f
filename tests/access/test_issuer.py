"""Sign-in by an issuer of OpenID Connect, and every way in which somebody could come in by it who should not."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey

from api.access.gate import Gate
from api.access.settings import IssuerSettings
from ledger.access import people
from ledger.access.door import Door
from ledger.access.duties import Duty
from tests.access.issuing import CLIENT_ID, CLIENT_SECRET, TestIssuer, issuing, shared_key
from tests.access.meeting import add_person, records
from tests.support.surface import Client, guarded


@pytest.fixture(scope="module")
def application(store_dsn: str) -> Iterator[tuple[str, TestIssuer, Gate]]:
    with issuing() as issuer:
        settings = IssuerSettings(issuer.url, CLIENT_ID, CLIENT_SECRET, "realm.roles", "operators")
        with guarded(store_dsn, issuer=settings) as (client, gate):
            yield str(client.base_url), issuer, gate


@pytest.fixture
def issuer(application: tuple[str, TestIssuer, Gate], name: str) -> TestIssuer:
    _, issuer, gate = application
    fresh = TestIssuer(url=issuer.url, key=issuer.key)
    for field in ("spoilt", "signs_with", "algorithm", "methods", "calls_itself"):
        setattr(issuer, field, getattr(fresh, field))
    issuer.claims = {"sub": f"sub {name}", "preferred_username": name, "realm": {"roles": ["offline", "finance"]}}
    assert gate.issuer is not None
    gate.issuer.forget()
    return issuer


@pytest.fixture
def browser(application: tuple[str, TestIssuer, Gate], issuer: TestIssuer) -> Iterator[Client]:
    with Client(base_url=application[0], timeout=120) as client:
        yield client


def to_issuer(browser: Client, wanted: str = "/") -> httpx.Response:
    return browser.get("/login/issuer", params={"next": wanted})


def come_back(browser: Client, wanted: str = "/", **changes: str) -> httpx.Response:
    """The whole way, with something changed on the way back."""
    back = httpx.get(to_issuer(browser, wanted).headers["location"]).headers["location"]
    address = httpx.URL(back)
    return browser.get(address.path, params=dict(address.params) | changes)


def test_whom_the_issuer_vouches_for_is_in_with_the_role_that_it_says(
    browser: Client, issuer: TestIssuer, door: Door, name: str
) -> None:
    assert "/login/issuer?next=%2Fpayouts" in browser.get("/login?next=/payouts").text
    begun = come_back(browser, "/payouts?status=PAID")
    assert (begun.status_code, begun.headers["location"]) == (303, "/payouts?status=PAID")
    assert browser.document("/v1/me") == {"principal": name, "role": "finance", "operators": []}
    (noted,) = records(door, principal=name)
    assert (noted.path, noted.status) == ("/login/issuer/back", 303)
    issuer.claims |= {"preferred_username": "Called Otherwise", "realm": {"roles": "operator"}, "operators": ["OP-7"]}
    assert come_back(browser).status_code == 303
    assert browser.document("/v1/me") == {"principal": name, "role": "operator", "operators": ["OP-7"]}


def test_each_way_there_has_a_challenge_a_state_and_a_nonce_of_its_own(browser: Client, issuer: TestIssuer) -> None:
    ways = [httpx.URL(to_issuer(browser).headers["location"]).params for _ in range(2)]
    for way in ways:
        assert (way["tenant"], way["response_type"], way["client_id"]) == ("1", "code", CLIENT_ID)
        assert way["code_challenge_method"] == "S256"
        assert way["redirect_uri"] == f"{str(browser.base_url).rstrip('/')}/login/issuer/back"
        assert "openid" in way["scope"].split()
    for part in ("state", "nonce", "code_challenge"):
        assert len({way[part] for way in ways} | {ways[0]["code_challenge"]}) >= 2
        assert len(ways[0][part]) >= 43


def refused(answer: httpx.Response, browser: Client) -> None:
    assert answer.status_code == 403, answer.text
    assert browser.get("/v1/me").status_code == 401


def test_a_code_of_another_browser_or_another_state_lets_nobody_in(
    application: tuple[str, TestIssuer, Gate], browser: Client, issuer: TestIssuer
) -> None:
    issuer.exchanges = 0
    refused(come_back(browser, state="another"), browser)
    back = httpx.URL(httpx.get(to_issuer(browser).headers["location"]).headers["location"])
    with Client(base_url=application[0]) as other:
        refused(other.get(back.path, params=back.params), other)
        to_issuer(other)
        refused(other.get(back.path, params=back.params), other)
    refused(browser.get("/login/issuer/back"), browser)
    refused(browser.get("/login/issuer/back?error=access_denied<script>&state=x"), browser)
    assert issuer.exchanges == 0
    assert browser.get(back.path, params=back.params).status_code == 303
    # The issuer takes a code once, and the cookie of the way is gone.
    with Client(base_url=application[0]) as again:
        refused(again.get(back.path, params=back.params), again)


WRONG: dict[str, Callable[[TestIssuer], Any]] = {
    "another issuer": lambda issuer: issuer.spoilt.update(iss="https://evil.example"),
    "for somebody else": lambda issuer: issuer.spoilt.update(aud="another-client"),
    "for several, and not for us": lambda issuer: issuer.spoilt.update(aud=[CLIENT_ID, "another"], azp="another"),
    "of another sign-in": lambda issuer: issuer.spoilt.update(nonce="another"),
    "of no sign-in": lambda issuer: issuer.spoilt.update(nonce=None),
    "over": lambda issuer: issuer.spoilt.update(exp=1_700_000_000),
    "without an end": lambda issuer: issuer.spoilt.update(exp=None),
    "of nobody": lambda issuer: issuer.spoilt.update(sub=None),
    "of a subject that is none": lambda issuer: issuer.spoilt.update(sub=["x"]),
    "no role": lambda issuer: issuer.spoilt.update(realm={"roles": ["offline"]}),
    "two roles": lambda issuer: issuer.spoilt.update(realm={"roles": ["finance", "approver"]}),
    "a role in another form": lambda issuer: issuer.spoilt.update(realm="finance"),
    "an operator of nothing": lambda issuer: issuer.spoilt.update(realm={"roles": ["operator"]}),
    "a name that nobody may have": lambda issuer: issuer.spoilt.update(preferred_username="key:1"),
    "a name full of nothing": lambda issuer: issuer.spoilt.update(preferred_username="\0\u202e"),
    "another key": lambda issuer: setattr(
        issuer, "signs_with", RSAKey.generate_key(2048, {"kid": str(issuer.key.kid)})
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_token_that_is_wrong_lets_nobody_in(browser: Client, issuer: TestIssuer, wrong: str) -> None:
    WRONG[wrong](issuer)
    refused(come_back(browser), browser)


def test_a_token_signed_by_a_shared_secret_lets_nobody_in(browser: Client, issuer: TestIssuer) -> None:
    issuer.signs_with, issuer.algorithm = shared_key(), "HS256"
    refused(come_back(browser), browser)


def test_new_keys_of_the_issuer_are_found(browser: Client, issuer: TestIssuer) -> None:
    assert come_back(browser).status_code == 303
    issuer.key = RSAKey.generate_key(2048, {"kid": "new"})
    assert come_back(browser).status_code == 303


def test_an_issuer_that_takes_the_secret_in_the_form_gets_it_there(browser: Client, issuer: TestIssuer) -> None:
    issuer.methods = ["client_secret_post"]
    assert come_back(browser).status_code == 303


def test_an_issuer_that_calls_itself_otherwise_is_none(browser: Client, issuer: TestIssuer) -> None:
    issuer.calls_itself = "https://evil.example"
    answer = to_issuer(browser)
    assert answer.status_code == 503
    assert "calls itself" in answer.text


def test_an_issuer_that_is_away_keeps_nobody_from_the_form(store_dsn: str) -> None:
    away = IssuerSettings("http://127.0.0.1:9", CLIENT_ID)
    with guarded(store_dsn, issuer=away) as (client, _):
        assert client.get("/login/issuer").status_code == 503
        assert client.get("/login").status_code == 200


def test_nobody_gets_the_name_of_somebody_with_a_password(
    browser: Client, issuer: TestIssuer, door: Door, name: str
) -> None:
    add_person(door, name, Duty.ADMIN)
    issuer.claims |= {"preferred_username": name.upper()}
    answer = come_back(browser)
    refused(answer, browser)
    assert "somebody else is called" in answer.text


def test_who_is_disabled_here_is_let_in_by_no_issuer(
    browser: Client, issuer: TestIssuer, door: Door, name: str
) -> None:
    assert come_back(browser).status_code == 303
    with door.transaction() as cursor:
        people.disable(cursor, name)
    with Client(base_url=browser.base_url) as another:
        refused(come_back(another), another)
