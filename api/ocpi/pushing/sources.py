"""What a source of pushes is, and the connection that it sends by."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from api.ocpi.answers import OcpiFault
from api.ocpi.client import PartnerAnswer, PartnerClient, PartnerFault
from api.ocpi.handshake import interfaces
from api.ocpi.nulls import written_out
from api.ocpi.paging import NEWER
from api.ocpi.surface import OcpiSurface
from ledger.access import ocpi_partners
from ledger.access.ocpi_partners import EXPLICIT_NULLS, RECEIVER, Partner

T = TypeVar("T")

_log = logging.getLogger(__name__)

# How long a partner is left alone after a first failure, and at most after many.
PAUSE_S, PAUSE_S_MAX = 1.0, 900.0
_DONE_HTTP = range(200, 300)
_BROKEN_HTTP = 500
_NEVER_SENT = 0
_LOOK_UP_S = 600.0


@dataclass(frozen=True, slots=True)
class Pushed:
    """What came of a round: how many objects the partner took or refused, and when the next one falls due.

    `next_at` is None where none waits for the clock.
    """

    sent: int
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """An object by what the URL of it is made of, as it was given."""

    country_code: str
    party_id: str
    id: str

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Named":
        """The names in a document."""
        return cls(str(document["country_code"]), str(document["party_id"]), str(document["id"]))


class Source(Protocol):
    """What one module has for a partner."""

    module: str

    async def push_some(self, to: "Connection") -> Pushed:
        """Send a bounded batch of what is due now, and write down what came of it.

        Raises PartnerFault for what concerns the partner as a whole (`is_of_partner`), MachineryFault when the
        database is away; whatever was taken before is written down then, too.
        """


@dataclass(frozen=True, slots=True)
class Connection:
    """A partner that is connected, as its worker knows it: a change of its row makes another one."""

    partner: Partner
    client: PartnerClient
    surface: OcpiSurface
    looked_up: list[float] = field(default_factory=list)

    @property
    def party(self) -> str:
        """COUNTRY-PARTY in capitals."""
        return self.partner.party

    @property
    def is_newer(self) -> bool:
        """Whether documents are those of 2.3.0."""
        return self.partner.version == NEWER

    def url(self, module: str, *parts: str) -> str | None:
        """The URL of a module's receiver interface, and of what is below it; None where the partner has none.

        The interface itself is where the partner says, with a slash at its end or without: many answer the other form
        by a redirect, and none is followed. Raises ValueError for a part that is missing.
        """
        if not all(parts):
            raise ValueError(f"{module}: a URL is never made of an id that is missing")
        url = self.partner.endpoint(module, RECEIVER)
        if url is None or not parts:
            return url
        return "/".join([url.rstrip("/"), *(quote(part, safe="") for part in parts)])

    def object_url(self, module: str, named: "Named", *below: str) -> str:
        """The URL of an object, or of what is below it, at a partner that has the module's receiver interface."""
        url = self.url(module, named.country_code, named.party_id, named.id, *below)
        assert url is not None
        return url

    def routing(self, named: "Named", to: str = "") -> dict[str, str]:
        """The headers that name both sides: the operator whose object it is, and the partner.

        `to` is COUNTRY-PARTY of another one behind it.
        """
        country, _, party = (to or self.party).partition("-")
        return {
            "OCPI-from-country-code": named.country_code,
            "OCPI-from-party-id": named.party_id,
            "OCPI-to-country-code": country,
            "OCPI-to-party-id": party,
        }

    def whole(self, module: str, document: bytes) -> bytes:
        """An object as this partner reads it; what a PATCH has is not whole, and stays as it is."""
        if not self.partner.has(EXPLICIT_NULLS):
            return document
        return written_out(str(self.partner.version), module, document.decode()).encode()

    async def at_the_door(self, work: Callable[[Any], T]) -> T:
        """What comes of work in one transaction of the door's role; raises MachineryFault without a database."""
        return await self.surface.transact(work)

    async def send(
        self, method: str, url: str, body: bytes | Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> PartnerAnswer:
        """The answer to a push; `body` is JSON as it is stored, or what it is made of. Raises PartnerFault."""
        return await self.client.ask(method, url, body, headers)

    async def read_again(self) -> bool:
        """Read where the partner's interfaces are, and keep it; whether they are elsewhere by now.

        Then this connection is over: the change of its row makes another. Looked up once in a while; where they
        cannot be read they are where they were.
        """
        now = time.monotonic()
        if self.looked_up and now < self.looked_up[0] + _LOOK_UP_S:
            return False
        self.looked_up[:] = [now]
        try:
            found = await interfaces(self.client, self.partner.versions_url or "")
        except OcpiFault as fault:
            _log.warning("the interfaces of %s cannot be read again: %s", self.party, fault.message)
            return False
        endpoints = [dict(each) for each in found.endpoints]
        if (found.version, endpoints) == (self.partner.version, self.partner.endpoints):
            return False
        party = self.party
        await self.at_the_door(lambda cursor: ocpi_partners.moved(cursor, party, found.version, endpoints))
        return True


def is_of_partner(fault: PartnerFault) -> bool:
    """Whether a fault is none of the object: no answer or none of OCPI's, not let in, too busy, a fault of theirs."""
    if fault.says_nothing:
        return True
    if fault.code is None:
        return _is_of_module(fault)
    return fault.code >= 3000


def may_be_of_object(fault: PartnerFault) -> bool:
    """Whether a fault of the partner may come of the object or its module, so that others are tried before it."""
    if fault.status == _BROKEN_HTTP:
        return True
    return _is_of_module(fault) and is_of_partner(fault)


def _is_of_module(fault: PartnerFault) -> bool:
    """A path where nothing speaks OCPI is none of the object."""
    return fault.status in _DONE_HTTP or fault.is_elsewhere


def fault_of_ours(error: Exception) -> PartnerFault:
    """Why an object was never sent: told and counted as those that partners refuse."""
    return PartnerFault(f"it could not be sent: {type(error).__name__}", _NEVER_SENT)


def cause_of(fault: PartnerFault) -> str:
    """What is counted of a fault: the status code, the HTTP status, or that there was no answer."""
    if fault.status is None:
        return "no answer"
    if fault.status == _NEVER_SENT:
        return "never sent"
    if fault.status in _DONE_HTTP and fault.code is not None:
        return f"status_code {fault.code}"
    return f"HTTP {fault.status}"
