"""Credentials: partners register, renew what they registered, and leave (OCPI 2.2.1, mod_credentials)."""

import logging
from datetime import timedelta
from typing import Any

from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.routing import Route

from api.ocpi.answers import OcpiFault, done, invalid, not_possible
from api.ocpi.bearing import OcpiCall
from api.ocpi.bodies import body_of
from api.ocpi.handshake import take_credentials
from api.ocpi.routes import ocpi_route
from api.ocpi.surface import OcpiSurface
from api.ocpi.versions import CREDENTIALS, VERSIONS
from contracts.ocpi.credentials import Credentials, credentials_of
from ledger.access import ocpi_partners
from ledger.access.ocpi_partners import EXPLICIT_NULLS, Partner, digest_of
from projections.ocpi_parties import our_parties, roles_of

_log = logging.getLogger(__name__)

# For so long a partner is known by the token of before where it may not have read the answer with the new one.
_GRACE = timedelta(seconds=60)
# What there is of a business that has neither, for partners that want it said.
_ABSENT = {"website": None, "logo": None}


async def our_roles(surface: OcpiSurface) -> list[dict[str, Any]]:
    """The roles of our credentials: each operator is a charge point operator."""
    parties = await surface.read(lambda snapshot: our_parties(snapshot.cursor))
    return roles_of(parties, surface.business)


async def our_credentials(surface: OcpiSurface, partner: Partner, token: str) -> dict[str, Any]:
    """Our object for a partner, with the token by which it is known here."""
    roles = await our_roles(surface)
    if partner.has(EXPLICIT_NULLS):
        roles = [role | {"business_details": _ABSENT | role["business_details"]} for role in roles]
    return {"token": token, "url": surface.url("versions"), "roles": roles}


async def _shown(call: OcpiCall) -> Response:
    return done(await our_credentials(call.surface, call.partner, call.token))


async def _registered(call: OcpiCall) -> Response:
    if not call.of_handshake:
        raise not_possible("POST", "GET, PUT, DELETE")
    return await _taken(call)


async def _renewed(call: OcpiCall) -> Response:
    if call.of_handshake:
        raise not_possible("PUT", "GET, POST")
    return await _taken(call)


async def _taken(call: OcpiCall) -> Response:
    given = await _given(call)
    ours = await our_credentials(call.surface, call.partner, call.token)
    token = await take_credentials(call.surface, call.partner, call.token, given, ours["roles"])
    answer, party, before = done({**ours, "token": token}), call.partner.party, call.token
    if await call.request.is_disconnected():
        await call.surface.at_the_door(lambda cursor: ocpi_partners.keep_previous(cursor, party, before, _GRACE))
        return answer
    # From here on it is let in by the new one alone; the store learns it once the answer is written, so that where we
    # end before that the partner still has one that is good.
    call.surface.retired.add(digest_of(before))
    answer.background = BackgroundTask(_answered, call.surface, party, before)
    return answer


async def _answered(surface: OcpiSurface, party: str, before: str) -> None:
    try:
        await surface.at_the_door(lambda cursor: ocpi_partners.answered(cursor, party, before))
    except OcpiFault:
        _log.warning("%s: its token of before is still stored, and refused for as long as this process runs", party)
        return
    surface.retired.discard(digest_of(before))


async def _given(call: OcpiCall) -> Credentials:
    try:
        return credentials_of(await body_of(call.request))
    except OcpiFault:
        raise
    except ValueError as error:
        raise invalid(str(error)) from None


async def _left(call: OcpiCall) -> Response:
    if call.of_handshake:
        raise not_possible("DELETE", "GET, POST")
    await call.surface.at_the_door(lambda cursor: ocpi_partners.leave(cursor, call.partner.party))
    return done()


def routes() -> list[Route]:
    """Credentials of each version; a token of a handshake is let in, and then told what it may not do."""
    methods = {"GET": _shown, "POST": _registered, "PUT": _renewed, "DELETE": _left}
    found: list[Route] = []
    for version in VERSIONS:
        found += ocpi_route(f"/{version}/{CREDENTIALS}", methods, version=version, handshake=True)
    return found
