"""Whatever is sent, by whomever: an answer of the table, in the envelope, and nothing of our insides."""

import json
import re
from collections.abc import Iterator
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from tests.ocpi.blackbox.asking import authorization
from tests.ocpi.blackbox.wire import Raw, chunked, exchange, request_of
from tests.ocpi.conftest import Platform
from tests.support.examples import examples
from tests.support.partner import TestPartner, enveloped
from tests.support.partner import partner as a_partner

# What F 1 has, and 429 for who asks too often; nothing above 499.
STATUSES = {200, 201, 400, 401, 404, 405, 408, 413, 414, 415, 429, 431}
INSIDES = re.compile(
    rb"traceback|psycopg|starlette|uvicorn|pydantic|fastapi|orjson|httpx|sqlstate|site-packages|\.py\b|/home/|/usr/|/tmp/|"
    rb"relation |column |syntax error|errno|object at 0x",
    re.IGNORECASE,
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
TARGETS = (
    "/ocpi",
    "/ocpi/",
    "/ocpi/versions",
    *(
        f"/ocpi/{version}{below}"
        for version in ("2.2.1", "2.3.0", "2.1.1", "x")
        for below in (
            *("", "/", "/credentials", "/locations", "/tariffs", "/cdrs", "/sessions", "/tokens", "/hubclientinfo"),
            *("/locations/L/E/1", "/tokens/DE/ABC/U", "/sessions/S/charging_preferences", "/hubclientinfo/DE/ABC"),
        )
    ),
)


@pytest.fixture(scope="module")
def token(served: Platform) -> Iterator[str]:
    """A partner's token C."""
    with a_partner() as abc:
        yield served.connected(abc)
    with served.surface.door.transaction() as cursor:
        cursor.execute("DELETE FROM access.ocpi_partner")


def judge(answer: Raw | None, sent: object) -> None:
    """What holds of every answer; a HEAD has no body to judge."""
    assert answer is not None, sent
    assert answer.status in STATUSES, (sent, answer)
    assert answer.headers["content-type"].startswith("application/json"), (sent, answer)
    assert answer.headers.get("x-request-id"), (sent, answer)
    assert answer.headers.get("x-correlation-id"), (sent, answer)
    if not answer.body:
        return
    envelope = answer.envelope
    assert isinstance(envelope["status_code"], int), (sent, answer)
    assert isinstance(envelope["timestamp"], str), (sent, answer)
    assert 1000 <= envelope["status_code"] < 3000 or envelope["status_code"] in (3001, 3002, 3003), (sent, answer)
    assert (envelope["status_code"] < 2000) <= (answer.status < 300), (sent, answer)
    # A message may repeat what was sent, as it was sent.
    assert not INSIDES.search(envelope.get("status_message", "").encode()), (sent, answer)


# Anything that a header may have without ending it.
_VALUES = st.binary(max_size=60).map(lambda each: bytes(b for b in each if b not in b"\r\n\0"))
_NAMES = st.sampled_from(
    [
        *(b"X-Request-ID", b"X-Correlation-ID", b"OCPI-to-country-code", b"OCPI-to-party-id", b"Accept", b"Range"),
        *(b"OCPI-from-country-code", b"OCPI-from-party-id", b"Content-Type", b"Authorization", b"Cookie", b"X-Any"),
        *(b"X-Forwarded-For", b"If-None-Match", b"Accept-Encoding", b"Content-Encoding"),
    ]
)
_QUERIES = st.lists(
    st.tuples(
        st.sampled_from(["date_from", "date_to", "offset", "limit", "type", "x", ""]),
        st.one_of(
            st.text(max_size=30),
            st.integers(-(10**21), 10**21).map(str),
            st.sampled_from(
                ["1" + "0" * 20, "2026-03-01T00:00:00Z", "2026-03-01T00:00:00 00:00", "NaN", "%", "%zz", "\0"]
            ),
        ),
    ),
    max_size=4,
)
_DOCUMENTS = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=True),
        st.text(max_size=20),
        st.just("\ud800"),
        st.just("\0"),
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.one_of(
                st.text(max_size=8),
                st.sampled_from(
                    ["token", "url", "roles", "role", "party_id", "country_code", "last_updated", "type", "uid"]
                ),
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
_BODIES = st.one_of(
    st.none(),
    st.binary(max_size=80),
    _DOCUMENTS.map(lambda each: json.dumps(each).encode()),
    st.integers(30, 35).map(lambda depth: b"[" * depth + b"]" * depth),
    st.sampled_from([b'{"token":1,"token":2}', b'{"token":NaN}', b'{"token":"\xe9"}', b'{"a":1e99999}', b"[-0]"]),
)


@given(
    method=st.sampled_from(METHODS),
    target=st.sampled_from(TARGETS),
    tail=st.text(max_size=12),
    query=_QUERIES,
    headers=st.lists(st.tuples(_NAMES, _VALUES), max_size=4),
    body=_BODIES,
    in_pieces=st.booleans(),
    known=st.integers(0, 9).map(bool),
)
@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_asked_is_answered_by_the_table(
    served: Platform,
    token: str,
    method: str,
    target: str,
    tail: str,
    query: list[tuple[str, str]],
    headers: list[tuple[bytes, bytes]],
    body: bytes | None,
    in_pieces: bool,
    known: bool,
) -> None:
    asked = "&".join(f"{name}={quote(value, safe=':', errors='replace')}" for name, value in query)
    written = f"{target}{'/' if tail else ''}{quote(tail, safe='%', errors='replace')}?{asked}".encode()
    if known:
        headers = [(name, value) for name, value in headers if name != b"Authorization"]
        headers.append((b"Authorization", authorization(token).encode()))
    if body is not None and in_pieces:
        headers, body = [*headers, (b"Transfer-Encoding", b"chunked")], chunked(body)
    # It would be left for good, and renewed by an address that there is not.
    if method == "DELETE" and "credentials" in target:
        method = "PATCH"
    sent = request_of(method, written, headers, body)
    judge(exchange(served.url, sent, method=method), sent)


@given(body=_DOCUMENTS)
@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_credentials_of_any_form_change_nothing(served: Platform, token: str, body: Any) -> None:
    before = served.partner()
    whole = TestPartner("DE-ABC", "http://127.0.0.1:9").credentials("token-b")
    role = whole["roles"][0]
    details = role["business_details"]
    bodies = [whole | {name: body} for name in whole]
    bodies += [whole | {"roles": [role | {name: body}]} for name in role]
    for name in ("name", "website", "logo"):
        bodies.append(whole | {"roles": [role | {"business_details": details | {name: body}}]})
    for each in bodies:
        sent = json.dumps(each)
        # A number that JSON does not have is no JSON.
        expected = {(200, 2001), (200, 3001), (400, 2000)}
        answer = exchange(
            served.url,
            request_of(
                "PUT",
                b"/ocpi/2.2.1/credentials",
                [(b"Authorization", authorization(token).encode())],
                sent.encode(),
            ),
        )
        judge(answer, sent)
        assert answer is not None
        assert (answer.status, answer.envelope["status_code"]) in expected, (sent, answer)
    assert served.partner() == before


_GET = b"/ocpi/2.2.1/cdrs"
_PUT = b"/ocpi/2.2.1/credentials"
_TYPE = (b"Content-Type", b"application/json")
_GZIP = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00\x43\xbf\xa6\xa3\x02\x00\x00\x00"


Case: TypeAlias = tuple[str, bytes, list[tuple[bytes, bytes]], bytes | None, set[int]]
CASES: list[Case] = [
    ("PUT", _PUT, [(b"Content-Length", b"-1")], b"", {400}),
    ("PUT", _PUT, [(b"Content-Length", b"99999999999999999999999")], b"{}", {400, 413}),
    ("PUT", _PUT, [(b"Content-Length", b"1048577")], b"{}", {413}),
    ("PUT", _PUT, [(b"Content-Length", b"two")], b"{}", {400}),
    ("PUT", _PUT, [(b"Content-Length", b"2"), (b"Content-Length", b"3")], b"{}!", {400}),
    (
        "PUT",
        _PUT,
        [(b"Content-Length", b"2"), (b"Transfer-Encoding", b"chunked")],
        b"2\r\n{}\r\n0\r\n\r\n",
        {200, 400},
    ),
    ("PUT", _PUT, [(b"Transfer-Encoding", b"chunked")], b"zz\r\n", {400}),
    ("PUT", _PUT, [_TYPE, (b"Content-Encoding", b"gzip")], _GZIP, {400, 415}),
    ("PUT", _PUT, [_TYPE, (b"Expect", b"100-continue")], b"{}", {200}),
    ("PUT", _PUT, [(b"Content-Type", b"application/json; charset=utf-16")], b"{}", {200, 400, 415}),
    ("PUT", _PUT, [(b"Content-Type", b"\xff\xfe")], b"{}", {415}),
    ("GET", _GET + b"?offset=1" + b"0" * 20, [], None, {200}),
    ("GET", _GET + b"?limit=\xff", [], None, {200, 400}),
    ("GET", _GET + b"?limit=%00", [], None, {200}),
    ("GET", _GET + b"?limit=1&limit=2", [], None, {200}),
    ("GET", b"/ocpi/2.2.1/tokens/DE/ABC/U?type=%00", [], None, {200, 404}),
    ("GET", b"/ocpi/2.2.1/tokens/DE/ABC/U?type=" + b"X" * 3_000, [], None, {404}),
    ("GET", b"/ocpi/2.2.1/tokens/DE/ABC/%00", [], None, {404}),
    ("GET", _GET + b"/../../secret", [], None, {404}),
    ("GET", b"/ocpi/%2e%2e/livez", [], None, {404}),
    ("GET", b"/ocpi//versions", [], None, {404}),
    ("GET", b"/ocpi/2.2.1/locations/%00", [], None, {404}),
    ("GET", b"/ocpi/2.2.1/locations/%ff%fe", [], None, {404}),
    ("GET", b"/ocpi/2.2.1/locations/%ed%a0%80", [], None, {404}),
    ("GET", b"/ocpi/2.2.1/locations/" + b"%2F" * 50, [], None, {404}),
    ("GET", b"/ocpi/2.2.1/locations/\xe9", [], None, {400, 404}),
    ("GET", _GET, [(b"OCPI-to-country-code", b"\xe9\xff"), (b"OCPI-to-party-id", b"'; --")], None, {200}),
    ("GET", _GET, [(b"OCPI-to-party-id", b"X" * 5_000)], None, {200}),
    ("GET", _GET, [(b"X-Request-ID", b"a\x01b"), (b"X-Correlation-ID", b"\xff")], None, {200, 400}),
    ("GET", _GET, [(b"X-Nul", b"a\0b")], None, {400}),
    ("GET", _GET, [(b"X-Much", b"x" * 9_000)], None, {431}),
    ("GET", _GET, [(b"X-Much", b"x" * 70_000)], None, {431}),
    ("GET", _GET, [(b"X-%d" % number, b"x") for number in range(2_000)], None, {431}),
    ("GET", _GET + b"?" + b"x" * 9_000, [], None, {414}),
    ("GET", _GET + b"?" + b"x" * 70_000, [], None, {414}),
    ("GET", _GET + b" HTTP/9.9\r\nX:", [], None, {400}),
]


def named(case: Case) -> str:
    """A name that can be read."""
    method, target, headers, body, _ = case
    parts = [method, *(name.decode() for name, _ in headers[:2]), target[:40].decode("latin-1"), str(len(target))]
    return " ".join([*parts, *((str(len(body)), body[:8].hex()) if body else ())]).encode("ascii", "replace").decode()


@pytest.mark.parametrize(
    ("method", "target", "headers", "body", "statuses"),
    CASES,
    ids=[f"{n}: {named(each)}" for n, each in enumerate(CASES)],
)
def test_what_no_client_would_send(
    served: Platform,
    token: str,
    method: str,
    target: bytes,
    headers: list[tuple[bytes, bytes]],
    body: bytes | None,
    statuses: set[int],
) -> None:
    sent = request_of(method, target, [(b"Authorization", authorization(token).encode()), *headers], body)
    answer = exchange(served.url, sent)
    judge(answer, sent[:300])
    assert answer is not None
    assert answer.status in statuses, (sent[:300], answer)
    if answer.status == 200:
        assert answer.envelope["status_code"] in (1000, 2000, 2001)
    # The partner goes on as if nothing had been.
    fine = request_of("GET", _GET, [(b"Authorization", authorization(token).encode())])
    after = exchange(served.url, fine)
    assert after is not None
    assert after.status == 200


@pytest.mark.parametrize(
    "text", ["\0", "a\0b", "\ud800", "x\udfff"], ids=["zero", "zero within", "half", "half at the end"]
)
@pytest.mark.parametrize("name", ["name", "website", "logo"])
def test_text_that_no_database_holds_is_refused_before_anybody_is_asked(
    served: Platform, token: str, name: str, text: str
) -> None:
    whole = TestPartner("DE-ABC", "http://127.0.0.1:9").credentials("token-b")
    whole["roles"][0]["business_details"][name] = text
    known = [(b"Authorization", authorization(token).encode())]
    answer = exchange(served.url, request_of("PUT", b"/ocpi/2.2.1/credentials", known, json.dumps(whole).encode()))
    judge(answer, text)
    assert answer is not None
    assert (answer.status, answer.envelope["status_code"]) == (200, 2001)


def test_endpoints_that_nobody_could_keep_are_none(served: Platform, token: str) -> None:
    with a_partner() as abc:
        abc.tokens.add("token-b")
        own = {"identifier": "credentials", "role": "SENDER", "url": f"{abc.url}/2.2.1/credentials"}
        bad = [{"identifier": "loc\0ations", "url": abc.url}, {"identifier": "cdrs", "url": f"{abc.url}/\0"}]
        bad.append({"identifier": "cdrs", "role": "\0", "url": abc.url})
        for rows, number in (([own, *bad], 1), ([own] * 101, 100)):
            details = {"version": "2.2.1", "endpoints": rows}
            abc.broken = {f"/{version}": partial(_answer, details) for version in abc.versions}
            answer = served.ask("POST", "/2.2.1/credentials", served.invite("DE-ABD"), json=_as("DE-ABD", abc))
            assert answer.json()["status_code"] == 1000, answer.text
            assert served.partner("DE-ABD").endpoints == [own] * number
            served.ask("DELETE", "/2.2.1/credentials", answer.json()["data"]["token"])


def _answer(data: Any, _: Request) -> Response:
    return enveloped(data)


def _as(party: str, at: TestPartner) -> dict[str, Any]:
    return TestPartner(party, at.url).credentials("token-b")


def test_two_tokens_in_one_request_are_nobody_elses(served: Platform, token: str) -> None:
    """Whoever is in front of us may read the other one of two headers."""
    other = (b"Authorization", authorization("somebody-else").encode())
    ours = (b"Authorization", authorization(token).encode())
    for headers in ([ours, other], [other, ours]):
        answer = exchange(served.url, request_of("GET", _GET, headers))
        assert answer is not None
        assert answer.status == 401, headers


def test_a_version_is_of_its_url_and_not_of_its_host(served: Platform, token: str) -> None:
    """Links come from the setting and not from what a request calls us."""
    named = [(b"X-Forwarded-Host", b"evil.example"), (b"X-Forwarded-Proto", b"https")]
    written = request_of("GET", b"/ocpi/versions", [(b"Authorization", authorization(token).encode()), *named])
    answer = exchange(served.url, written.replace(b"Host: platform", b"Host: evil.example", 1))
    assert answer is not None
    hosts = {urlsplit(each["url"]).netloc for each in answer.envelope["data"]}
    assert hosts == {urlsplit(served.url).netloc}
