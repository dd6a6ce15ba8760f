"""The partners that we ask about tokens: one client for each, for one event loop, and where their lists are."""

import logging
import time
from types import TracebackType
from typing import Self

from api.ocpi.client import PartnerClient, PartnerFault
from api.ocpi.surface import OcpiSurface
from api.ocpi.vault import VaultClosed
from api.ocpi.versions import TOKENS
from ledger.access.ocpi_partners import SENDER_OR_UNTOLD, Partner, PartnerState

_TELL_EVERY_S = 60.0

_log = logging.getLogger(__name__)


def tokens_url(partner: Partner) -> str | None:
    """Where a partner's own tokens are, as it says; None where it offers none."""
    return partner.endpoint(TOKENS, *SENDER_OR_UNTOLD)


class Partners:
    """Clients that are kept for as long as the block runs; `async with` begins and ends it."""

    def __init__(self, surface: OcpiSurface) -> None:
        self._surface = surface
        self._told: dict[str, float] = {}
        self._clients: dict[tuple[str, str, bytes], PartnerClient] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients.values():
            await client.__aexit__()

    def tell_away(self, partner: Partner, reason: str) -> None:
        """Log that a partner cannot be asked: once a minute, however many ask."""
        now = time.monotonic()
        if now >= self._told.get(partner.party, 0.0):
            self._told[partner.party] = now + _TELL_EVERY_S
            _log.warning("%s cannot be asked whether a driver may charge: %s", partner.party, reason)

    def client(self, partner: Partner) -> PartnerClient:
        """The client of a connected partner. Raises PartnerFault where it cannot be asked."""
        if partner.state != PartnerState.CONNECTED or partner.sealed_token is None:
            raise PartnerFault(f"{partner.party} is {partner.state}")
        key = (partner.party, partner.token_encoding, partner.sealed_token)
        if key not in self._clients:
            try:
                self._clients[key] = self._surface.client(partner)
            except VaultClosed as closed:
                raise PartnerFault(str(closed)) from closed
        return self._clients[key]
