"""What the application of OCPI works with, put together by who starts it."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from api.access.limits import Buckets, Rate
from api.ocpi.answers import away
from api.ocpi.client import PartnerClient
from api.ocpi.vault import Vault
from api.outward.targets import Targets
from ledger.access.door import Door
from ledger.access.ocpi_partners import Partner
from ledger.database import Role
from ledger.errors import MachineryFault
from projections.reading import Readers, Scope, Snapshot

T = TypeVar("T")

_THREADS = 8
# Requests without a token that is known, from one address.
UNKNOWN_A_MINUTE = 60
REQUESTS_A_MINUTE = 3_000


def _a_minute(number: float) -> Buckets:
    return Buckets(Rate(number / 60, number))


@dataclass(frozen=True, slots=True)
class OcpiSurface:
    """Where partners and their tokens are, whom we may connect to, and the readers of the store.

    `public_url` is what partners reach us by, `own_party` the platform's own, COUNTRY-PARTY, where it has one, and
    `business` what credentials say of operators beside their names, by operator id. `requests` limits each partner,
    `strangers` each address that brings no token that is known.
    """

    door: Door
    readers: Readers
    vault: Vault
    targets: Targets
    public_url: str
    requests: Buckets = field(default_factory=lambda: _a_minute(REQUESTS_A_MINUTE))
    strangers: Buckets = field(default_factory=lambda: _a_minute(UNKNOWN_A_MINUTE))
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_THREADS, thread_name_prefix="ocpi")
    )
    # Digests of tokens in whose place partners were given others; a moment later the store knows it, too.
    retired: set[bytes] = field(default_factory=set)
    own_party: str | None = None
    business: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    async def transact(self, work: Callable[[Any], T]) -> T:
        """What comes of work in one transaction on connections; raises MachineryFault while the database is away."""

        def do() -> T:
            with self.door.transaction() as cursor:
                return work(cursor)

        return await self._in_thread(do)

    async def look(self, ask: Callable[[Snapshot], T]) -> T:
        """What is found in one snapshot of all operators; raises MachineryFault while the database is away."""
        return await self._in_thread(lambda: self.readers.read(Scope(Role.AUDITOR), ask))

    async def at_the_door(self, work: Callable[[Any], T]) -> T:
        """As `transact`, for who answers a partner: raises OcpiFault 503 while the database is away."""
        try:
            return await self.transact(work)
        except MachineryFault as fault:
            raise away() from fault

    async def read(self, ask: Callable[[Snapshot], T]) -> T:
        """As `look`, for who answers a partner: raises OcpiFault 503 while the database is away."""
        try:
            return await self.look(ask)
        except MachineryFault as fault:
            raise away() from fault

    def client(self, partner: Partner) -> PartnerClient:
        """What asks a partner by the token that we have of it. Raises VaultClosed where that cannot be opened."""
        token = self.vault.opened(partner.sealed_token or b"", partner.party)
        return PartnerClient(self.targets, token, partner.token_encoding)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)

    def close(self) -> None:
        """End the threads."""
        self.threads.shutdown(cancel_futures=True)

    def url(self, path: str = "") -> str:
        """The absolute URL of a path below `/ocpi`."""
        return f"{self.public_url.rstrip('/')}/ocpi/{path}"


def limited_to(requests_a_minute: float) -> Buckets:
    """A limit of requests for each partner."""
    return _a_minute(requests_a_minute)
