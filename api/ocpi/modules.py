"""The modules that we offer as a sender: which objects each has, where they are listed, and where one is found."""

import json
from decimal import Decimal
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from api.ocpi import sessions
from api.ocpi.answers import Code, OcpiFault, enveloped, nothing_there
from api.ocpi.bearing import OcpiCall
from api.ocpi.paging import NEWER, listed
from api.ocpi.routes import Answer, ocpi_route
from api.ocpi.versions import SENDS, VERSIONS
from ledger.events.codec import dump
from projections.roaming.pages import one

_LOCATIONS = "locations"
# What a part is called, the list that it is in, and the field by which it is known.
_PARTS = (("EVSE", "evses", "uid"), ("connector", "connectors", "id"))


def _list_of(module: str) -> Answer:
    async def answer(call: OcpiCall) -> Response:
        return await listed(call, module)

    return answer


async def _location(call: OcpiCall) -> Response:
    """A location, or one of its EVSEs, or a connector of that."""
    names = [str(call.path[name]) for name in ("location_id", "evse_uid", "connector_id") if name in call.path]
    operators, party, newer = call.route.operators, call.partner.party, call.version == NEWER
    found = await call.surface.read(
        lambda snapshot: one(snapshot.cursor, _LOCATIONS, party, operators, names[0], newer=newer)
    )
    if found is None:
        raise _no_such("location", names[0])
    if len(names) == 1:
        return enveloped(found.encode())
    part: dict[str, Any] = json.loads(found, parse_float=Decimal)
    for name, (kind, within, key) in zip(names[1:], _PARTS, strict=False):
        members = [each for each in part.get(within) or () if str(each[key]).casefold() == name.casefold()]
        if not members:
            raise _no_such(kind, name)
        part = members[0]
    return enveloped(dump(part))


def _no_such(kind: str, name: str) -> OcpiFault:
    return nothing_there(f"there is no {kind} {name[:64]!r}", Code.UNKNOWN_LOCATION)


def routes() -> list[Route]:
    """The lists of each version, and single locations; sessions have a list of their own kind."""
    found: list[Route] = sessions.routes()
    for version in VERSIONS:
        for module in (each for each in SENDS if each != sessions.MODULE):
            found += ocpi_route(f"/{version}/{module}", {"GET": _list_of(module)}, version=version)
        path = f"/{version}/{_LOCATIONS}"
        for part in ("{location_id}", "{evse_uid}", "{connector_id}"):
            path = f"{path}/{part}"
            found += ocpi_route(path, {"GET": _location}, version=version)
    return found
