"""Versions and credentials: how partners connect, renew and leave, and what they are told where they may not."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from tests.ocpi.blackbox.asking import Answer, Asking, authorization
from tests.ocpi.blackbox.box import Box
from tests.ocpi.blackbox.emsp import Emsp
from tests.ocpi.blackbox.feeding import status
from tests.ocpi.blackbox.push_checks import awaited, has_status
from tests.ocpi.blackbox.verdicts import VERSIONS, Table, require

HANDSHAKE, SLOW, LEAVING = Table("handshake"), Table("slow"), Table("leaving")
# What ends up in a URL or a log is no secret any more.
_TOKEN_B = "token-b-of-{}-{}"
# An answer that takes longer is cut; the call that waits for it is then answered.
_CUT_S = 13.0
_SLOW = "slow"


def _post(box: Box, emsp: Emsp, body: Any, method: str = "POST", token: str | None = None) -> Answer:
    return box.asking.ask(method, box.url("2.2.1", "credentials"), token or emsp.token_a, json=body)


@HANDSHAKE.check("nobody gets in without a token that is known", "T § Authorization header")
def nobody(box: Box, _: str) -> None:
    token = box.partners[0].token_a
    headers = {
        "none": "",
        "another scheme": authorization(token).replace("Token", "Bearer"),
        "no token": "Token",
        "no base64": "Token !!!",
        "the token as it is": f"Token {token}",
        "unknown": authorization("somebody"),
        "in base64 twice": authorization(authorization(token)[6:]),
    }
    for why, value in headers.items():
        box.asking.ask("GET", box.versions_url, headers={"Authorization": value}).be(401, 2000)
        assert why
    given = {"Authorization": authorization(token).replace("Token", "token")}
    box.asking.ask("GET", box.versions_url, headers=given).be(200, 1000)


@HANDSHAKE.check("versions and their details say where everything is", "V § GET")
def versions(box: Box, _: str) -> None:
    token = box.partners[0].token_a
    listed = {each["version"]: each["url"] for each in box.asking.ask("GET", box.versions_url, token).done()}
    for version in VERSIONS:
        require(version in listed, f"{version} is not listed")
        require(listed[version].startswith(box.origin), f"{version} is elsewhere: {listed[version]}")
        details = box.asking.ask("GET", listed[version], token).done()
        require(details["version"] == version, f"the details of {version} say {details['version']}")
        found: dict[tuple[str, str], str] = {}
        for each in details["endpoints"]:
            require(each["role"] in ("SENDER", "RECEIVER"), f"{each['identifier']} has the role {each['role']}")
            require(each["url"].startswith(box.origin), f"{each['identifier']} is elsewhere: {each['url']}")
            found[each["identifier"], each["role"]] = each["url"]
        require(("credentials", "SENDER") in found, f"{version} has no credentials")
        box.endpoints[version] = found
    require(not {"commands", "chargingprofiles"} & {name for name, _ in found}, "lists what has nothing behind it")
    for name in ("locations", "tariffs", "cdrs"):
        require(box.has("2.2.1", name), f"{name} is not offered")


@HANDSHAKE.check("a token of a handshake opens versions and credentials alone", "T § Authorization header")
def token_a_too_far(box: Box, _: str) -> None:
    token = box.partners[0].token_a
    for version in VERSIONS:
        for (name, role), url in box.endpoints[version].items():
            if name == "credentials":
                continue
            for method in ("GET", "POST", "PUT"):
                answer = box.asking.ask(method, url, token)
                require((answer.status, answer.code) == (401, 2000), f"{method} {name} {role}: HTTP {answer.status}")


@HANDSHAKE.check("who is not registered can neither renew nor leave", "CR § PUT, DELETE")
def not_registered(box: Box, _: str) -> None:
    emsp = box.partners[0]
    for version in VERSIONS:
        url = box.url(version, "credentials")
        box.asking.ask("PUT", url, emsp.token_a, json=emsp.credentials("b")).be(405, 2000)
        box.asking.ask("DELETE", url, emsp.token_a).be(405, 2000)
        box.asking.ask("PATCH", url, emsp.token_a, json={}).be(405, 2000)


@HANDSHAKE.check("credentials that are none are 2001", "CR § Credentials object")
def bad_credentials(box: Box, _: str) -> None:
    emsp, other = box.partners
    whole = emsp.credentials("token-b")
    role = whole["roles"][0]
    bad: list[Any] = [
        *({name: value for name, value in whole.items() if name != left_out} for left_out in whole),
        *(whole | {"token": each} for each in ("", "with space", "x" * 65, "é", 7, None, ["x"])),
        *(whole | {"url": each} for each in ("", "nowhere", 7, None, "ftp://127.0.0.1/versions")),
        *(
            whole | {"roles": each}
            for each in ([], "EMSP", None, [7], [role, role], [role | {"party_id": "TOOLONG"}])
        ),
        whole | {"roles": [{"role": "EMSP"}]},
        [whole],
        "credentials",
        7,
    ]
    for body in bad:
        _post(box, emsp, body).be(200, 2001)
    # Anybody could claim to be anybody.
    for party in (other, Emsp("DE-ZZZ", VERSIONS)):
        _post(box, emsp, whole | {"roles": party.credentials("x")["roles"]}).be(200, 2001)
        _post(box, emsp, whole | {"roles": [role, *party.credentials("x")["roles"]]}).be(200, 2001)


@HANDSHAKE.check("a partner whose API cannot be used is told so, and nothing has changed", "CR § 3001 to 3003")
def failing(box: Box, _: str) -> None:
    emsp = box.partners[0]
    emsp.tokens.add("token-b")
    for path, code in {
        "/moved/versions": 3001,
        "/html/versions": 3001,
        "/refusing/versions": 3001,
        "/huge/versions": 3001,
        "/nowhere/versions": 3001,
        "/old/versions": 3002,
        "/bare/versions": 3003,
    }.items():
        answer = _post(box, emsp, emsp.credentials("token-b", path))
        require((answer.status, answer.code) == (200, code), f"{path}: {answer.status}, {answer.body[:160]!r}")
    dead = emsp.credentials("token-b") | {"url": "http://127.0.0.1:9/versions"}
    _post(box, emsp, dead).be(200, 3001)
    unknown = emsp.credentials("token-unknown")
    _post(box, emsp, unknown).be(200, 3001)
    box.asking.ask("GET", box.versions_url, emsp.token_a).be(200, 1000)


@HANDSHAKE.check("credentials can be read before registering, too", "CR § GET")
def readable(box: Box, _: str) -> None:
    emsp = box.partners[0]
    for version in VERSIONS:
        found = box.asking.ask("GET", box.url(version, "credentials"), emsp.token_a).done()
        require(found["token"] == emsp.token_a, "the token is not the one that was used")
        _judge(box, found)


@HANDSHAKE.check("a partner registers: the platform has read its API before it answers", "CR § POST")
def registers(box: Box, _: str) -> None:
    for emsp in box.partners:
        url = box.url(emsp.version, "credentials")
        emsp.tokens = {_TOKEN_B.format(emsp.party, 1)}
        emsp.asked.clear()
        given = emsp.credentials(*emsp.tokens) | {"something_new": {"of": ["2.4"]}}
        ours = box.asking.ask("POST", url, emsp.token_a, json=given).done()
        asked = emsp.asked[:2]
        require(asked == ["GET /ocpi/versions", f"GET /ocpi/{emsp.version}"], f"{emsp.party} was asked {asked}")
        _judge(box, ours)
        require(ours["token"] != emsp.token_a, "token C is token A")
        emsp.token_c = ours["token"]
        box.asking.ask("GET", box.versions_url, emsp.token_a).be(401, 2000)
        box.asking.ask("GET", box.versions_url, emsp.token_c).be(200, 1000)
    require(box.partners[0].token_c != box.partners[1].token_c, "two partners have one token")


@HANDSHAKE.check("whoever is registered is known by its token alone, in each version", "CR § GET, POST")
def registered(box: Box, _: str) -> None:
    for emsp in box.partners:
        for version in VERSIONS:
            url = box.url(version, "credentials")
            require(
                box.asking.ask("GET", url, emsp.token_c).done()["token"] == emsp.token_c,
                "the token is not the one that was used",
            )
            box.asking.ask("POST", url, emsp.token_c, json=emsp.credentials("again")).be(405, 2000)


@HANDSHAKE.check("a partner renews: new pair in, old pair dead, API read again by the new token", "CR § PUT")
def renews(box: Box, _: str) -> None:
    for emsp in box.partners:
        url = box.url(emsp.version, "credentials")
        before, old = emsp.token_c, set(emsp.tokens)
        # A renewal that fails leaves all as it was.
        box.asking.ask("PUT", url, before, json=emsp.credentials("not-known")).be(200, 3001)
        box.asking.ask("PUT", url, before, json=emsp.credentials("b", "/bare/versions")).be(200, 3003)
        box.asking.ask("PUT", url, before, json=emsp.credentials("with space")).be(200, 2001)
        box.asking.ask("GET", url, before).be(200, 1000)
        emsp.tokens = {_TOKEN_B.format(emsp.party, 2)}
        emsp.asked.clear()
        ours = box.asking.ask("PUT", url, before, json=emsp.credentials(*emsp.tokens)).done()
        wanted = ["GET /ocpi/versions", f"GET /ocpi/{emsp.version}"]
        # Lists of tokens may be pulled meanwhile, and objects pushed.
        read = [each for each in emsp.asked if each in wanted]
        require(read[:2] == wanted, f"the API was not read again: {emsp.asked}")
        require(ours["token"] not in (before, *old), "the new token is an old one")
        emsp.token_c = ours["token"]
        box.asking.ask("GET", url, before).be(401, 2000)
        box.asking.ask("GET", url, emsp.token_c).be(200, 1000)


@HANDSHAKE.check("a partner renews with an API that takes too long, which ends further down", "F 4")
def slow(box: Box, _: str) -> None:
    emsp = box.partners[1]
    beside, thread = Asking(), ThreadPoolExecutor(1)
    url, body = box.url("2.2.1", "credentials"), emsp.credentials("token-b", "/slow/versions")
    box.kept[_SLOW] = (thread.submit(beside.ask, "PUT", url, emsp.token_c, json=body), beside, thread)


@SLOW.check("an answer that takes longer than 10 s is cut, and nothing has changed", "CR § 3001")
def slow_is_over(box: Box, _: str) -> None:
    asked: Future[Answer]
    asked, beside, thread = box.kept.pop(_SLOW)
    answer = asked.result(_CUT_S)
    beside.close()
    thread.shutdown()
    answer.be(200, 3001)
    box.asking.ask("GET", box.versions_url, box.partners[1].token_c).be(200, 1000)


def _judge(box: Box, credentials: dict[str, Any]) -> None:
    require(credentials["url"] == box.versions_url, f"url is {credentials['url']}")
    token = credentials["token"]
    require(token.isascii() and token.isprintable() and " " not in token and len(token) <= 64, "token is none")
    roles = credentials["roles"]
    require(roles, "there are no roles")
    for each in roles:
        require(each["role"] == "CPO", f"a role is {each['role']}")
        require(len(each["country_code"]) == 2 and len(each["party_id"]) == 3, f"a role is of {each}")
        require(each["business_details"]["name"], f"{each['party_id']} has no name")
    parties = [(each["role"], each["country_code"], each["party_id"]) for each in roles]
    require(len(set(parties)) == len(parties), "a role is there twice")
    box.kept["roles"] = parties


@LEAVING.check("a partner leaves, and is nobody from then on", "CR § DELETE")
def leaves(box: Box, _: str) -> None:
    emsp, other = box.partners
    box.asking.ask("DELETE", box.url("2.2.1", "credentials"), emsp.token_c).be(200, 1000)
    for version in VERSIONS:
        box.asking.ask("GET", box.url(version, "credentials"), emsp.token_c).be(401, 2000)
        box.asking.ask("GET", box.url(version, "cdrs"), emsp.token_c).be(401, 2000)
        box.asking.ask("GET", box.url(version, "cdrs"), other.token_c).be(200, 1000)
    # What happens now is told to the other one alone.
    before = len(emsp.store.log)
    box.network.tell([status("BBLOC-2", "REMOVED", 2)])
    awaited(f"{other.party} was not told", has_status, other, "BBLOC-2", "REMOVED", 2)
    require(len(emsp.store.log) == before, "a partner that left is pushed still")
