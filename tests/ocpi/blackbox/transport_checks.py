"""The wire: the table of HTTP and OCPI status, headers, slashes; and what holds of every answer whatsoever."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from tests.ocpi.blackbox.asking import Answer, Asking
from tests.ocpi.blackbox.box import Box
from tests.ocpi.blackbox.verdicts import VERSIONS, Doubtful, Table, require

TRANSPORT, EVERY_ANSWER, LIMITS = Table("transport"), Table("every answer"), Table("limits")
_JSON = {"Content-Type": "application/json"}
_MIB = 1 << 20
# What an answer must never give away.
_INSIDES = re.compile(
    rb"traceback|psycopg|starlette|uvicorn|pydantic|fastapi|sqlstate|\bselect\b.*\bfrom\b|site-packages|\.py\b|"
    rb"/home/|/usr/|/work/|/tmp/|errors\.pydantic|for further information visit",
    re.IGNORECASE,
)
_AT_ONCE = 8
_CLOCK = timedelta(minutes=5)


def _each(box: Box) -> Iterator[tuple[str, str]]:
    """A version and the URL of each of its modules."""
    for version in VERSIONS:
        for (_, role), url in box.endpoints[version].items():
            if role == "SENDER":
                yield version, url


@TRANSPORT.check("with a slash at the end and without, and no redirect", "T § Interface endpoints, trap 9")
def slashes(box: Box, _: str) -> None:
    token = box.partners[0].token_c
    for url in (box.versions_url, *(box.versions_url.replace("versions", each) for each in VERSIONS)):
        for form in (url.rstrip("/"), url.rstrip("/") + "/"):
            box.asking.ask("GET", form, token).be(200, 1000)
    for _version, url in _each(box):
        query = {"date_from": "2020-01-01T00:00:00Z"}
        for form in (url.rstrip("/"), url.rstrip("/") + "/"):
            box.asking.ask("GET", form, token, params=query).be(200, 1000)


@TRANSPORT.check("ids of a message come back, and are made where there are none", "T § Unique message IDs")
def message_ids(box: Box, _: str) -> None:
    token = box.partners[0].token_c
    paths = [(box.versions_url, 200), (box.url("2.2.1", "cdrs"), 200), (box.origin + "nothing", 404)]
    for url, status in paths:
        request, correlation = f"r-{uuid4()}", f"c-{uuid4()}"
        given = {"X-Request-ID": request, "X-Correlation-ID": correlation}
        answer = box.asking.ask("GET", url, token, headers=given)
        require(answer.status == status, f"{answer.what}: HTTP {answer.status}")
        require(answer.headers.get("X-Request-ID") == request, f"{answer.what}: X-Request-ID is another one")
        require(answer.headers.get("X-Correlation-ID") == correlation, "X-Correlation-ID is another one")
        nothing = box.asking.ask("GET", url, token, headers={"X-Request-ID": "", "X-Correlation-ID": ""})
        require(nothing.headers.get("X-Request-ID") and nothing.headers.get("X-Correlation-ID"), "no ids are made")


@TRANSPORT.check("a method that a module does not have is 405", "SC", each_version=True)
def methods(box: Box, version: str) -> None:
    token = box.partners[0].token_c
    for module in box.lists(version):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = box.asking.ask(method, box.url(version, module), token, json={}).be(405, 2000)
            require("GET" in answer.headers.get("Allow", ""), f"{method} {module}: Allow is missing")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        box.asking.ask(method, box.versions_url, token, json={}).be(405, 2000)
    box.asking.ask("PATCH", box.url(version, "credentials"), token, json={}).be(405, 2000)


@TRANSPORT.check("an object or a path that there is not is 404", "T § Errors", each_version=True)
def nothing_there(box: Box, version: str) -> None:
    token = box.partners[0].token_c
    box.asking.ask("GET", f"{box.origin}{version}/nothing", token).be(404, 2000)
    box.asking.ask("GET", f"{box.origin}9.9", token).be(404, 2000)
    for below in ("/NOWHERE", "/BBLOC-1/NOWHERE", "/BBLOC-1/BBLOC-1-E1/9", "/%00", "/%ff", "/..%2f", "/" + "x" * 300):
        box.asking.ask("GET", box.url(version, "locations") + below, token).be(404, 2003, 2000)


@TRANSPORT.check("what is no JSON is 400", "SC")
def no_json(box: Box, _: str) -> None:
    emsp = box.partners[0]
    bodies = [
        b"",
        b" ",
        b"{",
        b"\xff\xfe{}",
        b'{"token": "\xe9"}',
        b'{"token": NaN}',
        b'{"token": Infinity}',
        b'{"token": "a", "token": "b"}',
        b"{} {}",
        b"'a'",
        b"[" * 33 + b"]" * 33,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b"\x1f\x8b\x08\x00",
        "{}".encode("utf-16"),
    ]
    for body in bodies:
        box.asking.ask("PUT", box.url("2.2.1", "credentials"), emsp.token_c, content=body, headers=_JSON).be(
            400, 2000
        )


@TRANSPORT.check("JSON that is fine and says nothing we want is 2001", "SC")
def bad_content(box: Box, _: str) -> None:
    emsp = box.partners[0]
    url = box.url("2.2.1", "credentials")
    for body in (
        b"7",
        b"null",
        b"[]",
        b'""',
        b"{}",
        b"[" * 32 + b"]" * 32,
        b'{"token":"\\ud800"}',
        b'{"token":1e999}',
    ):
        box.asking.ask("PUT", url, emsp.token_c, content=body, headers=_JSON).be(200, 2001)


@TRANSPORT.check(
    "another type is 415; none, and one with a charset, are JSON", "T § JSON / HTTP Implementation Guide"
)
def types(box: Box, _: str) -> None:
    emsp = box.partners[0]
    url = box.url("2.2.1", "credentials")
    for type_ in ("application/xml", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"):
        given = {"Content-Type": type_}
        box.asking.ask("PUT", url, emsp.token_c, content=b"{}", headers=given).be(415, 2000)
    for type_ in ("application/json; charset=utf-8", "Application/JSON;charset=UTF-8", ""):
        given = {"Content-Type": type_}
        box.asking.ask("PUT", url, emsp.token_c, content=b"{}", headers=given).be(200, 2001)


@TRANSPORT.check("too large: 413, 414 and 431", "SC, issues of senders")
def too_large(box: Box, _: str) -> None:
    emsp = box.partners[0]
    url = box.url("2.2.1", "credentials")
    big = b'"' + b"x" * _MIB + b'"'
    box.asking.ask("PUT", url, emsp.token_c, content=big, headers=_JSON).be(413, 2000)
    box.asking.ask("PUT", url, emsp.token_c, content=iter([big[:1000], big[1000:]]), headers=_JSON).be(413, 2000)
    for size in (9_000, 20_000, 40_000):
        box.asking.ask("GET", f"{box.versions_url}?x={'x' * size}", emsp.token_c).be(414, 2000)
        box.asking.ask("GET", f"{box.versions_url}/{'x' * size}", emsp.token_c).be(414, 2000)
        box.asking.ask("GET", box.versions_url, emsp.token_c, headers={"X-Much": "x" * size}).be(431, 2000)


@TRANSPORT.check("who a message goes to chooses whose objects, and comes back turned round", "T § Message Routing")
def routing(box: Box, _: str) -> None:
    emsp = box.partners[0]
    for version in VERSIONS:
        everything = box.walk(emsp, version, "locations")
        for _role, country, party in box.kept["roles"]:
            headers = {
                "OCPI-from-country-code": emsp.country,
                "OCPI-from-party-id": emsp.party_id,
                "OCPI-to-country-code": country,
                "OCPI-to-party-id": party,
            }
            answer = box.get(emsp, version, "locations", headers=headers)
            answer.done()
            for name, value in {
                "OCPI-from-country-code": country,
                "OCPI-from-party-id": party,
                "OCPI-to-country-code": emsp.country,
                "OCPI-to-party-id": emsp.party_id,
            }.items():
                require(answer.headers.get(name) == value, f"{name} is {answer.headers.get(name)}, not {value}")
            theirs = [each for each in everything if (each["country_code"], each["party_id"]) == (country, party)]
            found = box.walk(emsp, version, "locations", headers=headers, limit=1)
            require(found == theirs, f"to {party}: {len(found)} locations, and {len(theirs)} in the whole list")
        nobody = {"OCPI-to-country-code": "ZZ", "OCPI-to-party-id": "ZZZ"}
        box.get(emsp, version, "locations", headers=nobody).be(200, 2000)


@EVERY_ANSWER.check("in the envelope, whatever its HTTP status", "T § Response format")
def envelopes(box: Box, _: str) -> None:
    for each in box.asking.answers:
        if each.what.startswith("HEAD"):
            continue
        where = f"{each.what} (HTTP {each.status})"
        require(each.envelope, f"{where}: no envelope: {each.body[:100]!r}")
        require(isinstance(each.code, int) and 1000 <= each.code < 5000, f"{where}: status_code {each.code!r}")
        require(each.headers.get("Content-Type", "").startswith("application/json"), f"{where}: not application/json")
        unknown = set(each.envelope) - {"data", "status_code", "status_message", "timestamp"}
        require(not unknown, f"{where}: the envelope has {unknown}")
        _judge_moment(each, where)
        require(each.code != 1000 or each.status < 300, f"{where} has 1000")
        message = each.envelope.get("status_message")
        require(each.code == 1000 or (isinstance(message, str) and message), f"{where} does not say why")
        require(each.status in (200, 201) or each.status >= 400, f"{where} is a redirect")


def _judge_moment(answer: Answer, where: str) -> None:
    text = answer.envelope.get("timestamp")
    require(isinstance(text, str) and text.endswith("Z") and len(text) <= 25, f"{where}: timestamp {text!r}")
    away = abs(datetime.fromisoformat(str(text)) - datetime.now(UTC))
    require(away < _CLOCK, f"{where}: timestamp {text} is {away} away")


@EVERY_ANSWER.check("its ids come back", "T § Unique message IDs")
def ids_back(box: Box, _: str) -> None:
    for each in box.asking.answers:
        for name in ("X-Request-ID", "X-Correlation-ID"):
            back, given = each.headers.get(name), each.sent.get(name)
            require(back, f"{each.what} (HTTP {each.status}) has no {name}")
            # A head that is too large for anybody to read has none that could come back.
            if given is not None and each.status not in (414, 431):
                require(back == given, f"{each.what} (HTTP {each.status}): {name} is another one")


@EVERY_ANSWER.check("never a fault of ours, and nothing of our insides", "SC")
def no_faults(box: Box, _: str) -> None:
    for each in box.asking.answers:
        require(each.status < 500, f"{each.what} is answered HTTP {each.status}")
        require(each.code != 3000, f"{each.what} is answered 3000: {each.body[:160]!r}")
        message = str(each.envelope.get("status_message", "")).encode()
        inside = _INSIDES.search(message if each.envelope else each.body)
        require(inside is None, f"{each.what} says {each.body[:160]!r}")


@EVERY_ANSWER.check("no token in any answer but that of credentials", "T § Authorization header")
def no_tokens(box: Box, _: str) -> None:
    secrets = [token for emsp in box.partners for token in (emsp.token_a, emsp.token_c, *emsp.tokens)]
    for each in box.asking.answers:
        if "/credentials" in each.what and each.code == 1000:
            continue
        found = [secret for secret in secrets if secret.encode() in each.body]
        require(not found, f"{each.what} shows a token")


@LIMITS.check("who asks too often is told when to ask again, and others are not disturbed", "SC, 429")
def too_often(box: Box, _: str) -> None:
    emsp, other = box.partners
    answer = box.asking.ask("GET", box.versions_url, emsp.token_c)

    def ask(_: int) -> Answer:
        return box.asking.ask("GET", box.versions_url, emsp.token_c)

    # Some come back while it is asked, so that it has to be fast.
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for begun in range(0, 3 * box.rate + 100, 50):
            answer = max(threads.map(ask, range(begun, begun + 50)), key=lambda each: each.status)
            if answer.status != 200:
                break
    answer.be(429, 2000)
    require((answer.headers.get("Retry-After") or "").isdecimal(), "Retry-After is no number")
    box.asking.ask("GET", box.versions_url, other.token_c).be(200, 1000)


@LIMITS.check("who guesses tokens is stopped, and partners at other addresses are not", "SC, 429")
def guesses(box: Box, _: str) -> None:
    if not box.origin.startswith("http://127.0.0.1"):
        raise Doubtful("not tried: the platform is not on this machine, so that all requests have one address")
    guessing = Asking(source="127.0.0.99")
    try:
        statuses: list[int] = []
        while 429 not in statuses and len(statuses) < 400:
            answer = guessing.ask("GET", box.versions_url, f"guess-{len(statuses)}")
            statuses.append(answer.status)
        require(set(statuses[:-1]) == {401}, f"before the limit: {set(statuses[:-1])}")
        answer.be(429, 2000)
        require((answer.headers.get("Retry-After") or "").isdecimal(), "Retry-After is no number")
        box.asking.ask("GET", box.versions_url, box.partners[1].token_c).be(200, 1000)
    finally:
        box.asking.answers += guessing.answers
        guessing.close()
