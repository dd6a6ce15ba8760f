"""Locations to a partner: PATCH of a status, PUT of the whole for all else (OCPI 2.2.1, mod_locations § Receiver)."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson

from api.ocpi.client import PartnerFault
from api.ocpi.pushing.marked import push_marked
from api.ocpi.pushing.sources import Connection, Named, Pushed, is_of_partner, may_be_of_object
from api.ocpi.pushing.tariffs import send_before
from projections.roaming.marks import Mark
from projections.roaming.outgoing import Outgoing

MODULE = "locations"
# With more statuses that changed one PUT of the location is less.
_PATCHES_MAX = 5
# One that failed so often is sent whole.
_ATTEMPTS_MAX = 3


class LocationPushes:
    """The source of locations."""

    module = MODULE

    def __init__(self) -> None:
        # Of two locations that name one new tariff the second finds it sent.
        self._tariffs = asyncio.Lock()

    async def push_some(self, to: Connection) -> Pushed:
        """See Source."""
        return await push_marked(to, MODULE, self._deliver)

    async def _deliver(self, to: Connection, mark: Mark, found: Outgoing) -> timedelta | None:
        if found.document is None:
            return None
        location = orjson.loads(found.document)
        evses = _changed(location, mark)
        try:
            for evse in evses:
                await _patch(to, mark.partner, location, evse)
        except PartnerFault as fault:
            # A partner that does not know the location or takes no PATCH gets the whole.
            if is_of_partner(fault) and not may_be_of_object(fault):
                raise
            evses = []
        if not evses:
            await self._put(to, mark, location, found.document)
        return None

    async def _put(self, to: Connection, mark: Mark, location: Mapping[str, Any], document: bytes) -> None:
        async with self._tariffs:
            await send_before(to, mark, _named_tariffs(location))
        named = Named.of(location)
        await to.send("PUT", to.object_url(MODULE, named), document, to.routing(named, mark.partner))


async def _patch(to: Connection, partner: str, location: Mapping[str, Any], evse: Mapping[str, Any]) -> None:
    named = Named.of(location)
    body = {"status": evse["status"], "last_updated": evse["last_updated"]}
    await to.send("PATCH", to.object_url(MODULE, named, str(evse["uid"])), body, to.routing(named, partner))


def _changed(location: Mapping[str, Any], mark: Mark) -> list[Mapping[str, Any]]:
    """The EVSEs whose status alone is sent; none where the whole location is."""
    parts = set(mark.parts or ())
    found = [evse for evse in location.get("evses") or () if str(evse["uid"]).casefold() in parts]
    return found if len(found) == len(parts) <= _PATCHES_MAX and mark.attempts < _ATTEMPTS_MAX else []


def _named_tariffs(location: Mapping[str, Any]) -> set[str]:
    return {
        str(each)
        for evse in location.get("evses") or ()
        for connector in evse.get("connectors") or ()
        for each in connector.get("tariff_ids") or ()
    }
