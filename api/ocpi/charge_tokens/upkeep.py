"""What goes on with tokens while the surface is served: lists are pulled as they are due, old answers forgotten."""

import asyncio
import logging
from contextlib import suppress
from functools import partial
from typing import Any

from tenacity import wait_exponential

from api.ocpi.answers import OcpiFault
from api.ocpi.charge_tokens.partners import Partners
from api.ocpi.charge_tokens.pulling import pull
from api.ocpi.surface import OcpiSurface
from ledger.access import charge_answers, charge_token_pulls, ocpi_partners
from ledger.access.ocpi_partners import Partner, PartnerState
from ledger.errors import MachineryFault
from ledger.patience import Patience, Stopping, wait_for_event

# How soon after a partner has connected its list is pulled.
LOOK_S = 1.0
_FORGET_EVERY_S = 600.0
# One slow partner holds up no other.
_AT_ONCE = 16

_log = logging.getLogger(__name__)


async def keep_up(surface: OcpiSurface, partners: Partners, stop: asyncio.Event) -> None:
    """Go on until `stop` is set; a database that is away is waited for, and pages in hand are given up."""
    patience, running = Patience(wait_exponential(multiplier=0.5, max=5.0)), dict[str, asyncio.Task[None]]()
    forgets_at = 0.0

    async def look() -> None:
        nonlocal forgets_at
        while not stop.is_set():
            for connection in [name for name, task in running.items() if task.done()]:
                _tell(connection, running.pop(connection))
            for connection in await surface.transact(partial(_taken, free=_AT_ONCE - len(running))):
                running[connection] = asyncio.create_task(pull(surface, partners, connection))
            if (now := asyncio.get_running_loop().time()) >= forgets_at:
                # Many are forgotten in several sets, each with its turn.
                many = await surface.transact(charge_answers.forget)
                forgets_at = now if many else now + _FORGET_EVERY_S
            patience.worked()
            await wait_for_event(stop, LOOK_S)

    try:
        with suppress(Stopping):
            await patience.do_async(look, stop)
    finally:
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)
        with suppress(MachineryFault):
            # Whoever goes on need not wait until it is clear that we are gone.
            await surface.transact(lambda cursor: charge_token_pulls.give_back(cursor, list(running)))


async def has_partners(surface: OcpiSurface) -> bool:
    """Whether any partner is connected; a database that is away tells of none."""
    try:
        known: list[Partner] = await surface.transact(ocpi_partners.partners)
    except MachineryFault:
        return False
    return any(each.state == PartnerState.CONNECTED for each in known)


def _taken(cursor: Any, free: int) -> list[str]:
    return [each for each in charge_token_pulls.due(cursor, free) if charge_token_pulls.take(cursor, each)]


def _tell(connection: str, task: "asyncio.Task[None]") -> None:
    """A pull notes by itself what a partner did wrong; what is left is the database, or a fault of ours."""
    fault = task.exception()
    if fault is not None:
        expected = isinstance(fault, OcpiFault)
        _log.error("the tokens of %s were not pulled: %s", connection, fault, exc_info=None if expected else fault)
