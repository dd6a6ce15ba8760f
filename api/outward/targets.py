"""Where we may connect to: HTTPS to public addresses, told by the address that is connected to and not by its name.

An address that somebody typed in must not make us ask our own network in their place (CWE-918). A name is resolved
once, all of its addresses have to be public, and the connection goes to one of those very addresses: an answer of DNS
that changes between the look and the connection changes nothing.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

import httpx

# Gives the addresses of a name and a port, as text.
Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
URL_MAX = 2_000
PORTS = {"https": 443, "http": 80}
_LOOK_UP_S = 1.0
_PORT_MAX = 65_535

# What of IPv6 is routed at all (RFC 4291, IANA: global unicast), and what of it leads to other addresses: Teredo and
# 6to4, which hold addresses of IPv4, and what is for documentation (RFC 3849, RFC 9637).
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NOT_THEMSELVES = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))


class TargetRefused(Exception):
    """An address that nothing is sent to; the message says which, why, and what to do."""


class NoAddress(TargetRefused):
    """A name that nobody knows, or that cannot be looked up now."""


async def by_system(host: str, port: int) -> Sequence[str]:
    """The addresses that the system's resolver knows, in its order. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def is_public(address: str) -> bool:
    """Whether an address is one that anybody could connect to, and of no network of somebody's own."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv4Address):
        return found.is_global and not found.is_multicast and not found.is_reserved
    return _is_public_v6(found)


def _is_public_v6(address: IPv6Address) -> bool:
    is_routed = address in _GLOBAL_UNICAST and address.scope_id is None and address.is_global
    return is_routed and not any(address in each for each in _NOT_THEMSELVES)


@dataclass(frozen=True, slots=True)
class Targets:
    """The rule, and how names are resolved. With `allow_private` any address will do, without TLS too."""

    allow_private: bool = False
    resolve: Resolver = by_system

    def checked_url(self, text: str) -> httpx.URL:
        """The URL, if its form and an address in it allow it. Raises TargetRefused."""
        try:
            url = httpx.URL(text)
        except (httpx.InvalidURL, ValueError):
            raise TargetRefused(f"{text[:100]!r} is no URL; write https://HOST/PATH") from None
        if url.scheme != "https" and not (self.allow_private and url.scheme == "http"):
            raise TargetRefused(
                f"{text[:100]!r} is not https, so that anybody on the way could read it; use https://"
            )
        if len(text) > URL_MAX or not text.isascii() or not text.isprintable() or " " in text:
            raise TargetRefused(f"a URL has up to {URL_MAX} printable ASCII characters and no space; encode others")
        if not url.host or url.userinfo or url.fragment or not 0 < (url.port or 1) <= _PORT_MAX:
            # A user's password is shown to nobody.
            shown = "a URL" if url.userinfo else repr(text[:100])
            raise TargetRefused(f"{shown} needs a host, a port that there is, no user and no fragment")
        if _is_address(url.host):
            self._check([url.host], url.host)
        return url

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """The addresses to connect to in place of a name, in order.

        Raises TargetRefused where any of them is not public, or where there is none.
        """
        if _is_address(host):
            found: Sequence[str] = [host]
        else:
            try:
                found = await self.resolve(host, port)
            except (OSError, UnicodeError) as error:
                raise NoAddress(f"{host} has no address ({error}); check the name") from error
        if not found:
            raise NoAddress(f"{host} has no address; check the name")
        self._check(found, host)
        return found

    def _check(self, addresses: Sequence[str], host: str) -> None:
        refused = [each for each in addresses if not is_public(each)]
        if refused and not self.allow_private:
            raise TargetRefused(
                f"{host} is not a public address: nothing is sent into private networks, or set "
                "WATTLEDGER_ALLOW_PRIVATE_TARGETS=true where that is meant"
            )


async def checked_target(targets: Targets, text: str) -> None:
    """Raises TargetRefused where nothing would be sent to a URL; one whose name has no address yet may get one."""
    url = targets.checked_url(text)
    try:
        async with asyncio.timeout(_LOOK_UP_S):
            await targets.addresses(url.host, url.port or PORTS[url.scheme])
    except (NoAddress, TimeoutError):
        return


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
