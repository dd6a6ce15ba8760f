"""Hubs tell of the parties behind them (OCPI 2.2.1, mod_hub_client_info § Receiver Interface)."""

import logging
from collections.abc import Sequence

from starlette.responses import Response
from starlette.routing import Route

from api.ocpi.answers import OcpiFault, done, invalid, nothing_there
from api.ocpi.bearing import OcpiCall
from api.ocpi.bodies import body_of
from api.ocpi.routes import ocpi_route
from api.ocpi.versions import HUB_CLIENT_INFO, VERSIONS
from contracts.ocpi.client_info import ClientInfo, client_info_of
from domain.catalogue.parties import partner_key
from ledger.access import ocpi_hubs

_log = logging.getLogger(__name__)


async def _shown(call: OcpiCall) -> Response:
    hub, party = _hub(call), _party(call)
    found = await call.surface.at_the_door(lambda cursor: ocpi_hubs.client(cursor, hub, party))
    if found is None:
        raise nothing_there(f"nothing was told of {party[:20]}")
    return done(found)


async def _put(call: OcpiCall) -> Response:
    hub, told = _hub(call), await _told(call)
    if told.party != _party(call):
        raise invalid("country_code, party_id: are others in the URL")
    tell_new(hub, await call.surface.at_the_door(lambda cursor: ocpi_hubs.hear(cursor, hub, [told])))
    return done()


def tell_new(hub: str, parties: Sequence[str]) -> None:
    """Say in the log of which parties a hub tells for the first time: it may come to what is theirs."""
    for party in parties:
        _log.warning("the hub %s tells of %s: its sessions and CDRs go there if it has no connection", hub, party)


async def _told(call: OcpiCall) -> ClientInfo:
    try:
        return client_info_of(await body_of(call.request))
    except OcpiFault:
        raise
    except ValueError as error:
        raise invalid(str(error)) from None


def _hub(call: OcpiCall) -> str:
    """The hub that asks; nobody else has this module."""
    if call.partner.role != ocpi_hubs.HUB:
        raise nothing_there("there is nothing at this path; the versions say what there is")
    return call.partner.party


def _party(call: OcpiCall) -> str:
    return partner_key(str(call.path["country_code"]), str(call.path["party_id"]))


def routes() -> list[Route]:
    """Single parties, in each version; the list of all is the hub's."""
    found: list[Route] = []
    for version in VERSIONS:
        base = f"/{version}/{HUB_CLIENT_INFO}"
        found += ocpi_route(base, {}, version=version, functional=False)
        methods = {"GET": _shown, "PUT": _put}
        found += ocpi_route(f"{base}/{{country_code}}/{{party_id}}", methods, version=version, functional=False)
    return found
