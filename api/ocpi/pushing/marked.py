"""A batch of what is marked of a module: read as it is now, sent, and written down in one transaction."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, TypeAlias

from api.ocpi.client import PartnerFault
from api.ocpi.pushing.sources import Connection, Pushed, cause_of, fault_of_ours, is_of_partner, may_be_of_object
from ledger.errors import MachineryFault
from projections.roaming import marks, outgoing
from projections.roaming.marks import Mark
from projections.roaming.outgoing import TAKEN, Key, Outgoing

# So many are on their way to one partner at once.
BATCH = 16
# An object that a partner may break at is tried again after pauses that double up to this one.
_PAUSE_S_MAX = 60
# A partner that breaks at each of so many is at fault, and not what it was sent.
_ALL_BROKEN = 3

_log = logging.getLogger(__name__)

# Sends one object; or for how long it is to wait, since it is not due yet. Raises PartnerFault.
Deliver: TypeAlias = Callable[[Connection, Mark, Outgoing], Awaitable[timedelta | None]]


async def push_marked(to: Connection, module: str, deliver: Deliver, *, gone: bool = False) -> Pushed:
    """Send a batch by `deliver`; what is refused is marked no more, what broke or is early is tried again later.

    `gone` for what is no more, once what may name it was sent.
    Raises PartnerFault for what concerns the partner, once all is written down.
    """
    if to.url(module) is None:
        await to.at_the_door(lambda cursor: outgoing.drop(cursor, to.party, module))
        return Pushed(0)

    def read(cursor: Any) -> tuple[list[Mark], dict[Key, Outgoing]]:
        due = marks.due(cursor, to.party, module, BATCH, gone=gone)
        return due, outgoing.newest(cursor, to.party, module, due, newer=to.is_newer) if due else {}

    while True:
        due, found = await to.at_the_door(read)
        if not due:
            return Pushed(0, await to.at_the_door(lambda cursor: marks.next_at(cursor, to.party, module)))
        results = await asyncio.gather(*(_came_of(deliver(to, each, found[_key(each)])) for each in due))
        early = [(each, wait) for each, wait in zip(due, results, strict=True) if isinstance(wait, timedelta)]
        if early:
            await to.at_the_door(partial(marks.put_off, connection=to.party, module=module, waits=early))
        came = [(each, fault) for each, fault in zip(due, results, strict=True) if not isinstance(fault, timedelta)]
        if came:
            break
    faults = [fault for _, fault in came]
    if await _has_moved(to, faults):
        came = [(each, fault) for each, fault in came if fault is None]
    await _write(to, module, came, found)
    if (fault := _of_partner(faults)) is not None:
        raise fault
    return Pushed(sum(fault is None or not is_of_partner(fault) for _, fault in came))


def _of_partner(faults: Sequence[PartnerFault | None]) -> PartnerFault | None:
    """The fault that keeps a partner from all pushes; what it breaks at by itself is none while it takes others."""
    found = [fault for fault in faults if fault is not None and is_of_partner(fault)]
    surely = [fault for fault in found if not may_be_of_object(fault)]
    if not surely and len(found) == len(faults) >= _ALL_BROKEN:
        surely = found
    return surely[0] if surely else None


async def _came_of(sent: Awaitable[timedelta | None]) -> PartnerFault | timedelta | None:
    try:
        return await sent
    except PartnerFault as fault:
        return fault
    except MachineryFault:
        raise
    except Exception as error:
        # An object that we cannot send is not sent, and keeps none of the others back.
        _log.exception("an object could not be sent")
        return fault_of_ours(error)


async def _has_moved(to: Connection, faults: Sequence[PartnerFault | None]) -> bool:
    """Whether the interfaces are elsewhere by now, which is looked up where it may be so."""
    return any(fault is not None and fault.is_elsewhere for fault in faults) and await to.read_again()


async def _write(
    to: Connection, module: str, came: Sequence[tuple[Mark, PartnerFault | None]], found: dict[Key, Outgoing]
) -> None:
    broke = [
        (each, timedelta(seconds=min(2.0**each.attempts, _PAUSE_S_MAX)))
        for each, fault in came
        if fault is not None and may_be_of_object(fault)
    ]
    over = [(each, fault) for each, fault in came if fault is None or not is_of_partner(fault)]
    taken = [_key(each) for each, fault in over if fault is None]
    for each, fault in over:
        if fault is not None:
            _log.warning("%s refuses %s %s: %s", to.party, module, each.object_id, fault)

    def write(cursor: Any) -> None:
        marks.take_off(cursor, to.party, module, [each for each, _ in over])
        marks.put_off(cursor, to.party, module, broke, failed=True)
        outgoing.remember(cursor, to.party, module, (key for key in taken if found[key].document is not None))
        outgoing.forget(cursor, to.party, module, (key for key in taken if found[key].document is None))
        outgoing.tally(cursor, to.party, module, tallied([fault for _, fault in came]))

    await to.at_the_door(write)


def tallied(faults: Sequence[PartnerFault | None]) -> dict[str, tuple[int, str]]:
    """How many came to what, and what the last of each said."""
    numbers = Counter(TAKEN if fault is None else cause_of(fault) for fault in faults)
    said = {cause_of(fault): str(fault) for fault in faults if fault is not None}
    return {cause: (number, said.get(cause, "")) for cause, number in sorted(numbers.items())}


def _key(mark: Mark) -> Key:
    return (mark.partner, mark.operator_id, mark.object_id)
