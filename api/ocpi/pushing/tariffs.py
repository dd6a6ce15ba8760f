"""Tariffs to a partner: PUT as it sees them, DELETE once it does not any more (mod_tariffs § Receiver)."""

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Any

import orjson

from api.ocpi.client import PartnerFault
from api.ocpi.pushing.marked import push_marked, tallied
from api.ocpi.pushing.sources import Connection, Named, Pushed, is_of_partner, may_be_of_object
from projections.roaming import outgoing
from projections.roaming.marks import Mark
from projections.roaming.outgoing import Outgoing

MODULE = "tariffs"
_NOT_THERE = 404
_ATTEMPTS_MAX = 3


class TariffPushes:
    """The source of tariffs."""

    module = MODULE

    async def push_some(self, to: Connection) -> Pushed:
        """See Source."""
        return await push_marked(to, MODULE, _deliver)


class TariffWithdrawals:
    """The source of tariffs that nothing names any more: they go behind the locations that named them."""

    module = MODULE

    async def push_some(self, to: Connection) -> Pushed:
        """See Source."""
        return await push_marked(to, MODULE, _deliver, gone=True)


async def send_before(to: Connection, mark: Mark, tariff_ids: Iterable[str]) -> None:
    """Send those tariffs that were never sent as they are now, since what is marked names them.

    One that the partner refuses keeps nothing back, nor does one that it breaks at again and again. Raises
    PartnerFault for what concerns the partner.
    """
    ids = {each.casefold() for each in tariff_ids}
    if not ids or to.url(MODULE) is None:
        return
    asked = partial(
        outgoing.unsent,
        connection=to.party,
        module=MODULE,
        key=(mark.partner, mark.operator_id),
        ids=ids,
        newer=to.is_newer,
    )
    for key, document in (await to.at_the_door(asked)).items():
        refused: PartnerFault | None = None
        try:
            await _put(to, key[0], document)
        except PartnerFault as fault:
            if may_be_of_object(fault) and mark.attempts >= _ATTEMPTS_MAX:
                continue
            if is_of_partner(fault):
                raise
            refused = fault
        await to.at_the_door(partial(_remember, party=to.party, key=key, refused=refused))


def _remember(cursor: Any, party: str, key: outgoing.Key, refused: PartnerFault | None) -> None:
    outgoing.remember(cursor, party, MODULE, [key])
    outgoing.tally(cursor, party, MODULE, tallied([refused]))


async def _deliver(to: Connection, mark: Mark, found: Outgoing) -> timedelta | None:
    if found.document is not None:
        await _put(to, mark.partner, found.document)
    elif found.withdrawn is not None:
        named = Named.of(orjson.loads(found.withdrawn))
        try:
            await to.send("DELETE", to.object_url(MODULE, named), None, to.routing(named, mark.partner))
        except PartnerFault as fault:
            # What is not there needs no deleting.
            if fault.status != _NOT_THERE:
                raise
    return None


async def _put(to: Connection, partner: str, document: bytes) -> None:
    named = Named.of(orjson.loads(document))
    await to.send("PUT", to.object_url(MODULE, named), to.whole(MODULE, document), to.routing(named, partner))
