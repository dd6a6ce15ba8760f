"""Connections that we begin, renew and end: what the command line does, in one call each."""

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from api.ocpi.answers import OcpiFault
from api.ocpi.client import PartnerFault
from api.ocpi.credentials import our_credentials
from api.ocpi.handshake import MaybeTaken, begin, interfaces
from api.ocpi.surface import OcpiSurface
from api.ocpi.tokens import is_token, new_token
from api.ocpi.vault import VaultClosed
from api.outward.targets import TargetRefused
from ledger.access import ocpi_invitations, ocpi_partners
from ledger.access.ocpi_partners import Partner, PartnerState
from ledger.errors import AccessRefused

T = TypeVar("T")


class ConnectionFailed(Exception):
    """A handshake that was not done; the message says why.

    Nothing has changed, unless the partner `may_have_taken` our credentials: then it is let in by the new ones.
    """

    def __init__(self, message: str, *, may_have_taken: bool = False) -> None:
        super().__init__(message)
        self.may_have_taken = may_have_taken


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a partner is given out of band: where our versions are, and token A, which is shown this once."""

    versions_url: str
    token_a: str


def invite(surface: OcpiSurface, party: str, role: str, encoding: str, flags: Iterable[str] = ()) -> Invitation:
    """Let a partner begin. Raises AccessRefused where it may not."""
    token = new_token()
    with surface.door.transaction() as cursor:
        ocpi_invitations.invite(cursor, party, role, token, encoding=encoding, flags=flags)
    return Invitation(surface.url("versions"), token)


def connect(
    surface: OcpiSurface,
    party: str,
    role: str,
    encoding: str,
    versions_url: str,
    their_token: str,
    flags: Iterable[str] = (),
) -> Partner:
    """Begin the handshake ourselves, by the token that the partner gave us out of band.

    Raises AccessRefused where it may not, and ConnectionFailed; then everything is as it was, an earlier invitation,
    too, unless the partner may have taken our credentials: it stays invited by these then.
    """
    if not is_token(their_token):
        raise AccessRefused("the partner's token is none: it has 1 to 64 printable ASCII characters without a space")
    try:
        surface.targets.checked_url(versions_url)
    except TargetRefused as refused:
        raise AccessRefused(str(refused)) from refused
    ours = new_token()
    with surface.door.transaction() as cursor:
        before = ocpi_invitations.earlier(cursor, party)
        ocpi_invitations.invite(cursor, party, role, ours, encoding=encoding, url=versions_url, flags=flags)
        partner = ocpi_partners.present(cursor, party)

    async def shake() -> None:
        await begin(surface, partner, their_token, await our_credentials(surface, partner, ours), "POST")

    try:
        _run(shake())
    except ConnectionFailed as failed:
        if not failed.may_have_taken:
            with surface.door.transaction() as cursor:
                ocpi_invitations.put_back(cursor, party, ours, before)
        raise
    return _present(surface, party)


def renew(surface: OcpiSurface, party: str) -> Partner:
    """Give a connected partner new credentials and take its. Raises AccessRefused and ConnectionFailed."""
    _run(renewed(surface, _connected(surface, party)))
    return _present(surface, party)


async def renewed(surface: OcpiSurface, partner: Partner) -> None:
    """As `renew`, of a partner that is connected. Raises OcpiFault, PartnerFault and VaultClosed.

    A partner that did not answer may have done it. Then it is let in by the token of before and by the one that it
    was given, so that it can begin anew if it keeps us out.
    """
    token, ours = surface.vault.opened(partner.sealed_token or b"", partner.party), new_token()
    await surface.at_the_door(lambda cursor: ocpi_partners.expect(cursor, partner.party, ours))
    try:
        await begin(surface, partner, token, await our_credentials(surface, partner, ours), "PUT")
    except MaybeTaken:
        await surface.at_the_door(lambda cursor: ocpi_partners.doubt(cursor, partner.party, ours))
        raise
    except BaseException:
        await surface.at_the_door(lambda cursor: ocpi_partners.forget_expected(cursor, partner.party, ours))
        raise


def leave(surface: OcpiSurface, party: str, *, tell: bool = True) -> None:
    """End a connection; the partner is told first, unless `tell` is False.

    Raises AccessRefused and ConnectionFailed.
    """
    partner = _present(surface, party)
    if partner.state == PartnerState.CONNECTED and tell:
        _run(_told(surface, partner))
    with surface.door.transaction() as cursor:
        if not ocpi_partners.leave(cursor, partner.party):
            raise AccessRefused(f"{partner.party}: has left already")


async def _told(surface: OcpiSurface, partner: Partner) -> None:
    async with surface.client(partner) as client:
        found = await interfaces(client, partner.versions_url or "")
        await client.ask("DELETE", found.credentials or "")


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except OcpiFault as fault:
        raise ConnectionFailed(fault.message, may_have_taken=isinstance(fault, MaybeTaken)) from fault
    except (PartnerFault, VaultClosed) as fault:
        raise ConnectionFailed(str(fault)) from fault


def _present(surface: OcpiSurface, party: str) -> Partner:
    with surface.door.transaction() as cursor:
        return ocpi_partners.present(cursor, party)


def _connected(surface: OcpiSurface, party: str) -> Partner:
    found = _present(surface, party)
    if found.state not in (PartnerState.CONNECTED, PartnerState.SUSPENDED):
        raise AccessRefused(f"{found.party}: is {found.state}, so that there is nothing to renew; invite it")
    return found
