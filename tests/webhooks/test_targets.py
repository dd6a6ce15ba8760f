"""No address that somebody types in leads into a private network: not by DNS or a change of it, nor by a redirect."""

from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, ip_address
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.outward.client import Outward
from api.outward.targets import NoAddress, TargetRefused, Targets, checked_target, is_public
from tests.support.certificates import certificate
from tests.support.receiver import receiving

# Global unicast of a part that IANA has given to nobody: whoever connects to it gets nowhere.
NOWHERE = "3a00::1"

PRIVATE = (
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "100.127.255.254", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.7"),
    *("203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::8.8.8.8", "::ffff:0:10.0.0.1", "64:ff9b::10.0.0.1"),
    *("64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "fc00::1", "fd00:ec2::254", "fe80::1"),
    *("fe80::1%eth0", "fec0::1", "ff02::1", "3fff::1", "5f00::1"),
)


def answering(*answers: Sequence[str]) -> tuple[Callable[[str, int], Awaitable[Sequence[str]]], list[str]]:
    """A resolver that gives one answer after another, the last for ever; and the names that it was asked for."""
    asked: list[str] = []

    async def resolve(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    return resolve, asked


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_no_public_one_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450::1", NOWHERE])
def test_a_public_address_is_taken(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_of_ipv4_inside_of_one_of_ipv6_is_never_taken(address: IPv4Address) -> None:
    assert not is_public(f"::ffff:{address}")
    assert not is_public(f"::{address}")
    assert not is_public(f"64:ff9b::{address}")
    assert not is_public(str(ip_address(0x2002 << 112 | int(address) << 80)))


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com/", "ftp://example.com/", "file:///etc/passwd", "//example.com/", "example.com", ""),
        *(
            "https://",
            "https:///x",
            "https://user@example.com/",
            "https://u:p@example.com/",
            "https://example.com/#x",
        ),
        *("https://127.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://169.254.169.254/latest"),
        *(
            "https://exam ple.com/",
            "https://example.com/\n",
            "https://ex\u00e4mple.com/",
            "https://example.com:99999/",
        ),
        "https://example.com/" + "x" * 2_000,
    ],
)
async def test_a_url_that_nothing_is_sent_to_is_refused(url: str) -> None:
    with pytest.raises(TargetRefused):
        await checked_target(Targets(resolve=answering(["8.8.8.8"])[0]), url)


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1"])
async def test_other_names_of_this_machine_are_refused_as_the_system_resolves_them(host: str) -> None:
    with pytest.raises(TargetRefused) as refused:
        await checked_target(Targets(), f"https://{host}/")
    assert not isinstance(refused.value, NoAddress)


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_name_is_refused_when_one_of_its_addresses_is_private(address: str) -> None:
    resolve, _ = answering(["8.8.8.8", address])
    with pytest.raises(TargetRefused, match="not a public address"):
        await Targets(resolve=resolve).addresses("mixed.example", 443)


async def test_a_name_without_an_address_yet_may_be_named_and_is_sent_nothing() -> None:
    resolve, _ = answering([])
    await checked_target(Targets(resolve=resolve), "https://soon.example/")
    outward = Outward(Targets(resolve=resolve))
    with pytest.raises(NoAddress):
        await outward.post("https://soon.example/", b"{}", {})
    await outward.close()


async def test_the_connection_goes_to_the_address_that_was_checked_and_dns_is_asked_once() -> None:
    with receiving() as receiver:
        port = httpx.URL(receiver.url).port
        resolve, asked = answering(["127.0.0.1"], ["127.0.0.2"])
        outward = Outward(Targets(allow_private=True, resolve=resolve))
        answer = await outward.post(f"http://hooks.invalid:{port}/hook", b"{}", {})
        await outward.close()
    assert answer.status_code == 204
    assert asked == ["hooks.invalid"]
    assert receiver.received[0].headers["host"] == f"hooks.invalid:{port}"


async def test_a_name_that_changes_to_a_private_address_behind_the_look_is_of_no_use() -> None:
    with receiving() as receiver:
        port = httpx.URL(receiver.url).port
        resolve, asked = answering([NOWHERE], ["127.0.0.1"])
        outward = Outward(Targets(resolve=resolve), total_s=0.5)
        with pytest.raises((httpx.TransportError, TimeoutError)):
            await outward.post(f"https://rebinding.example:{port}/hook", b"{}", {})
        assert asked == ["rebinding.example"]
        with pytest.raises(TargetRefused):
            await outward.post(f"https://rebinding.example:{port}/hook", b"{}", {})
        await outward.close()
    assert receiver.received == []


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with receiving() as inside, receiving() as receiver:
        receiver.status, receiver.headers = 307, {"location": inside.url, "set-cookie": "a=b"}
        outward = Outward(Targets(allow_private=True))
        answers = [await outward.post(receiver.url, b"{}", {}) for _ in range(2)]
        await outward.close()
    assert [each.status_code for each in answers] == [307, 307]
    assert inside.received == []
    assert "cookie" not in receiver.received[1].headers


async def test_proxies_and_passwords_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with receiving() as proxy, receiving() as receiver:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        outward = Outward(Targets(allow_private=True))
        await outward.post(receiver.url, b"{}", {})
        await outward.close()
    assert proxy.received == []
    assert "authorization" not in receiver.received[0].headers


async def test_a_receiver_that_does_not_answer_is_left_in_time() -> None:
    with receiving() as receiver:
        receiver.waits = True
        outward = Outward(Targets(allow_private=True), total_s=0.2)
        with pytest.raises((TimeoutError, httpx.TimeoutException)):
            await outward.post(receiver.url, b"{}", {})
        await outward.close()


async def test_a_certificate_has_to_be_of_the_name_that_was_asked_for(tmp_path: Path) -> None:
    server, believes = certificate("hooks.example", tmp_path)
    with receiving(server) as receiver:
        port = httpx.URL(receiver.url).port
        outward = Outward(Targets(allow_private=True, resolve=answering(["127.0.0.1"])[0]), believes)
        answer = await outward.post(f"https://hooks.example:{port}/hook", b"{}", {})
        assert answer.status_code == 204
        for other in (f"https://other.example:{port}/hook", receiver.url):
            with pytest.raises(httpx.ConnectError, match="certificate"):
                await outward.post(other, b"{}", {})
        await outward.close()
    assert len(receiver.received) == 1
