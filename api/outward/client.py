"""HTTP to addresses that somebody typed in: public ones alone, no redirects, no proxies, and never for long."""

import asyncio
import ssl
import sys
from functools import cache
from importlib.util import find_spec

import httpx

from api.outward.targets import PORTS, Targets

_CONNECT_S, _WAIT_S = 5.0, 10.0
# So many connections to one name are kept where any are.
_KEPT_MAX = 32
# For each lock httpcore asks sniffio which loop runs. Where it is not installed Python looks for it each time, which
# is a third of what a request costs; so it is told.
if find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]
# DNS, connection, request and the head of the answer, whatever the other side does meanwhile.
TOTAL_S = 15.0


class GuardedTransport(httpx.AsyncBaseTransport):
    """Connects to the addresses that Targets allow, and to those only; TLS is checked by the name that was asked for.

    No connection is used for two names: one to an address may have been checked by another name of it.
    """

    def __init__(self, targets: Targets, verify: ssl.SSLContext | None = None, *, keep_s: float = 0.0) -> None:
        """`verify` are the authorities that are believed, by default those of certifi.

        `keep_s` is for how long a connection may be idle and be used again for the same name.
        """
        self._targets, self._keep_s = targets, keep_s
        self._verify = verify or ssl_context()
        self._by_name: dict[str, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer of the first address that can be connected to. Raises TargetRefused, and what httpx raises."""
        url = self._targets.checked_url(str(request.url))
        addresses = await self._targets.addresses(url.host, url.port or PORTS[url.scheme])
        fault: httpx.TransportError | None = None
        for address in addresses:
            extensions = {**request.extensions}
            if address != url.host:
                extensions["sni_hostname"] = url.host
            pinned = httpx.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions=extensions,
            )
            try:
                return await self._to(url.host).handle_async_request(pinned)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                fault = error
        assert fault is not None
        raise fault

    async def aclose(self) -> None:
        """Close what is open."""
        for each in self._by_name.values():
            await each.aclose()

    def _to(self, name: str) -> httpx.AsyncHTTPTransport:
        kept = name if self._keep_s else ""
        if kept not in self._by_name:
            limits = httpx.Limits(
                max_connections=None,
                max_keepalive_connections=_KEPT_MAX if self._keep_s else 0,
                keepalive_expiry=self._keep_s,
            )
            self._by_name[kept] = httpx.AsyncHTTPTransport(verify=self._verify, trust_env=False, limits=limits)
        return self._by_name[kept]


@cache
def ssl_context() -> ssl.SSLContext:
    """The authorities that are believed where nothing else is said; read once, which takes a while."""
    return httpx.create_ssl_context(trust_env=False)


class Outward:
    """Sends, for one event loop, until it is closed."""

    def __init__(self, targets: Targets, verify: ssl.SSLContext | None = None, total_s: float = TOTAL_S) -> None:
        self._transport = GuardedTransport(targets, verify)
        self._total_s = total_s
        self._timeout = httpx.Timeout(min(_WAIT_S, total_s), connect=min(_CONNECT_S, total_s))

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        """The head of the answer to a POST; nothing is read of its body, and no redirect is followed.

        Raises TargetRefused, TimeoutError, and httpx.HTTPError for what the network or the other side does.
        """
        # A client of its own for each, since one keeps the cookies that it is given.
        client = httpx.AsyncClient(
            transport=self._transport, timeout=self._timeout, follow_redirects=False, trust_env=False
        )
        async with asyncio.timeout(self._total_s):
            request = client.build_request("POST", url, content=body, headers={"Connection": "close", **headers})
            answer = await client.send(request, stream=True)
            await answer.aclose()
            return answer

    async def close(self) -> None:
        """Close what is open."""
        await self._transport.aclose()
