"""Where partners say that they are: public addresses over TLS alone, whatever a URL or a name makes of it."""

import asyncio
import gzip
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from api.ocpi.client import PartnerClient, PartnerFault
from api.outward.targets import Targets
from tests.ocpi.blackbox.asking import Asking
from tests.ocpi.blackbox.emsp import Emsp
from tests.ocpi.conftest import Platform, serving_ocpi
from tests.support.partner import enveloped, partner

PUBLIC, PRIVATE = "93.184.215.14", "127.0.0.1"


@pytest.fixture(scope="module")
def strict(network: str) -> Iterator[Platform]:
    """The platform as it is in production: nothing private is connected to."""
    with serving_ocpi(network, Targets()) as platform:
        yield platform


@pytest.mark.parametrize(
    "url",
    [
        "http://emsp.example/versions",
        "https://127.0.0.1/versions",
        "https://127.1/versions",
        "https://2130706433/versions",
        "https://0x7f000001/versions",
        "https://localhost/versions",
        "https://10.1.2.3/versions",
        "https://172.16.0.1/versions",
        "https://192.168.1.1:8443/versions",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/versions",
        "https://0.0.0.0/versions",
        "https://[::1]/versions",
        "https://[::ffff:127.0.0.1]/versions",
        "https://[fd00::1]/versions",
        "https://[fe80::1]/versions",
        "https://user:secret@emsp.example/versions",
        "https://emsp.example/versions#part",
        "https://emsp.example:99999/versions",
        "https:///versions",
        "ftp://emsp.example/versions",
        "file:///etc/passwd",
        "gopher://emsp.example/",
        "javascript:alert(1)",
        "//emsp.example/versions",
    ],
)
def test_a_partner_elsewhere_than_at_a_public_address_is_not_asked(strict: Platform, url: str) -> None:
    token = strict.invite()
    asking = Asking()
    try:
        body = Emsp("DE-ABC", ("2.2.1",)).credentials("token-b") | {"url": url}
        answer = asking.ask("POST", f"{strict.url}/ocpi/2.2.1/credentials", token, json=body)
    finally:
        asking.close()
    assert answer.status == 200
    assert answer.code in (2001, 3001)
    assert "secret" not in answer.body.decode()
    assert strict.partner().state == "INVITED"


def test_a_name_is_resolved_once_and_the_connection_goes_to_what_was_looked_at() -> None:
    """A name that is public when it is looked up and private when it is connected to (DNS rebinding)."""
    looked_up: list[str] = []

    async def resolve(host: str, _: int) -> Sequence[str]:
        looked_up.append(host)
        return [PUBLIC if len(looked_up) == 1 else PRIVATE]

    targets = Targets(resolve=resolve)
    first = asyncio.run(targets.addresses("emsp.example", 443))
    assert (list(first), looked_up) == ([PUBLIC], ["emsp.example"])
    # Each request looks again, and refuses what it finds then.
    with pytest.raises(PartnerFault, match="not a public address"):
        _ask(targets, "https://emsp.example/versions")
    assert len(looked_up) == 2


def test_of_several_addresses_none_may_be_private() -> None:
    async def resolve(_: str, __: int) -> Sequence[str]:
        return [PUBLIC, PRIVATE]

    with pytest.raises(PartnerFault, match="not a public address"):
        _ask(Targets(resolve=resolve), "https://emsp.example/versions")


def test_what_a_partner_says_of_where_it_is_is_looked_at_in_the_same_way(platform: Platform) -> None:
    """Versions and details that lead to where nobody may be asked."""
    with partner() as abc:
        abc.tokens.add("token-b")
        for path, answer in (
            ("/versions", [{"version": "2.2.1", "url": "file:///etc/passwd"}]),
            ("/versions", [{"version": "2.2.1", "url": "https://user:pass@127.0.0.1/2.2.1"}]),
            ("/versions", [{"version": "2.2.1", "url": "/2.2.1"}]),
            ("/versions", [{"version": "2.2.1", "url": "http://127.0.0.1:9/\r\nX: y"}]),
        ):
            token = platform.invite()
            abc.broken = {path: _answering(answer)}
            found = platform.ask("POST", "/2.2.1/credentials", token, json=abc.credentials("token-b"))
            assert found.json()["status_code"] == 3001, answer
            assert platform.partner().state == "INVITED"


def test_an_answer_that_unpacks_into_too_much_is_cut() -> None:
    """A few kilobytes that are a hundred megabytes."""
    packed = gzip.compress(b" " * (100 << 20), 1)

    def bomb(_: Request) -> Response:
        return Response(packed, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})

    with partner() as abc:
        abc.broken = {"/versions": bomb}
        with pytest.raises(PartnerFault):
            _ask(Targets(allow_private=True), abc.versions_url)


def _answering(data: Any) -> Any:
    return lambda _: enveloped(data)


def _ask(targets: Targets, url: str) -> Any:
    async def ask() -> Any:
        async with PartnerClient(targets, "token", "base64") as client:
            return await client.ask("GET", url)

    return asyncio.run(ask())
