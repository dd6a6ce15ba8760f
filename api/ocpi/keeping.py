"""What goes on with connections by itself: our operators are told, hubs asked for parties, CDRs read back.

One process does it, whoever pushes. A partner has the roles that it was given at its last handshake; where ours are
others by now (an operator is new, has another name or party) it gets them by a PUT of credentials, with new tokens on
both sides (OCPI 2.2.1, credentials § Changing endpoints). What fails is tried again later, with longer and longer
pauses.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from api.ocpi.answers import OcpiFault, away
from api.ocpi.client import PartnerFault
from api.ocpi.connecting import renewed
from api.ocpi.credentials import our_roles
from api.ocpi.gaps import find_gaps
from api.ocpi.handshake import MaybeTaken, roles_digest
from api.ocpi.hubs import tell_new
from api.ocpi.pushing.sources import PAUSE_S, PAUSE_S_MAX, Connection
from api.ocpi.surface import OcpiSurface
from api.ocpi.vault import VaultClosed
from api.ocpi.versions import HUB_CLIENT_INFO
from api.ocpi.walking import walked
from api.outward.pauses import doubled, jittered
from contracts.ocpi.client_info import ClientInfo, client_info_of
from ledger.access import ocpi_hubs, ocpi_partners
from ledger.access.ocpi_partners import SENDER_OR_UNTOLD, Partner, PartnerState
from ledger.errors import MachineryFault
from projections.roaming.deliveries_kept import check_begun, checked, last_check, to_check

# How soon after a change it is looked for, and how often a hub is asked for what it may not have told.
LOOK_S = 2.0
_LIST_EVERY = timedelta(days=1)
# How often CDRs are read back by themselves, how soon again where that came to no end, and those of how long at most.
_CHECK_EVERY, _CHECK_AGAIN, _CHECKED_BACK = timedelta(days=1), timedelta(hours=1), timedelta(days=7)
# What was accepted while a check went on is looked at by the next one.
_CHECK_OVERLAP = timedelta(hours=6)
# Whoever refused so often is asked once a day.
_REFUSALS_MAX, _REFUSED_S = 5, 86_400.0
# Kinds of work, beside telling of operators: each has pauses of its own.
_LIST, _CHECK = b"list", b"check"
# Far more than any hub has parties.
_PARTIES_MAX = 50_000

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Pause:
    failures: int = 0
    over_at: float = 0.0


class Keeper:
    """Keeps the connections of a platform, for one event loop."""

    def __init__(self, surface: OcpiSurface) -> None:
        self._surface = surface
        self._running: dict[str, asyncio.Task[None]] = {}
        self._pauses: dict[tuple[str, bytes], _Pause] = {}

    async def run(self) -> None:
        """Go on until cancelled; a database that is away is waited for."""
        try:
            while True:
                try:
                    await self._look()
                except OcpiFault as away:
                    _log.debug("connections are not looked at: %s", away)
                except Exception:
                    _log.exception("connections cannot be looked at")
                await asyncio.sleep(LOOK_S)
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _look(self) -> None:
        """Begin what is due; one thing at a time with a partner, and no partner waits for another one."""

        def due(cursor: Any) -> tuple[list[Partner], list[str], list[str]]:
            connected = [each for each in ocpi_partners.partners(cursor) if each.state == PartnerState.CONNECTED]
            return connected, ocpi_hubs.to_list(cursor, _LIST_EVERY), to_check(cursor)

        partners, hubs, payers = await self._surface.at_the_door(due)
        if not partners:
            return
        digest = roles_digest(await our_roles(self._surface))
        for partner in partners:
            # What a partner refused once it may take of other operators: the pause is of these.
            if partner.told_roles != digest:
                work = partial(_announce, self._surface)
                self._begin(partner, digest, "our operators cannot be told", work)
            if partner.party in hubs:
                self._begin(partner, _LIST, "its parties cannot be read", partial(_list, self._surface))
            if partner.party in payers:
                self._begin(partner, _CHECK, "its CDRs cannot be read back", partial(_check, self._surface))

    def _begin(self, partner: Partner, kind: bytes, failing: str, work: Callable[[Partner], Awaitable[None]]) -> None:
        """Begin some kind of work, unless it has a pause, or something else is done with that partner."""
        pause = self._pauses.setdefault((partner.party, kind), _Pause())
        now = asyncio.get_running_loop().time()
        if partner.party not in self._running and now >= pause.over_at:
            task = asyncio.create_task(self._do(partner, failing, pause, work), name=f"keeps {partner.party}")
            self._running[partner.party] = task
            task.add_done_callback(lambda _: self._running.pop(partner.party))

    async def _do(
        self, partner: Partner, failing: str, pause: _Pause, work: Callable[[Partner], Awaitable[None]]
    ) -> None:
        try:
            await work(partner)
        except (OcpiFault, PartnerFault, VaultClosed) as fault:
            pause_s = doubled(pause.failures, PAUSE_S, PAUSE_S_MAX)
            if pause.failures >= _REFUSALS_MAX and _is_refusal(fault):
                pause_s = _REFUSED_S
            pause_s = jittered(pause_s)
            pause.failures += 1
            pause.over_at = asyncio.get_running_loop().time() + pause_s
            _log.warning("%s: %s: %s; again in %.0f s", partner.party, failing, fault, pause_s)
        except Exception:
            # A fault of ours: said, and left alone for long, so that others are not.
            pause.failures, pause.over_at = 20, asyncio.get_running_loop().time() + PAUSE_S_MAX
            _log.exception("%s: %s", partner.party, failing)
        else:
            pause.failures, pause.over_at = 0, 0.0


def _is_refusal(fault: Exception) -> bool:
    """Whether a partner answered, and does not do what it was asked: many have no PUT of credentials."""
    cause = fault.__cause__
    return not isinstance(fault, MaybeTaken) and isinstance(cause, PartnerFault) and cause.code is not None


async def _announce(surface: OcpiSurface, partner: Partner) -> None:
    await renewed(surface, partner)
    _log.info("%s has our operators as they are now", partner.party)


async def _list(surface: OcpiSurface, hub: Partner) -> None:
    """Read a hub's list (mod_hub_client_info § Pull model); what is not in it is no longer so."""
    url = hub.endpoint(HUB_CLIENT_INFO, *SENDER_OR_UNTOLD)
    begun = await surface.at_the_door(ocpi_hubs.now)
    if url is not None:
        async with surface.client(hub) as client:
            async for page in walked(client, url, _PARTIES_MAX):
                told = [found for each in page if (found := _said(hub, each)) is not None]
                tell_new(hub.party, await surface.at_the_door(partial(ocpi_hubs.hear, hub=hub.party, told=told)))
    forgets = url is not None
    await surface.at_the_door(partial(ocpi_hubs.listed, hub=hub.party, begun=begun, forgets=forgets))


async def _check(surface: OcpiSurface, payer: Partner) -> None:
    """Read back what a partner accepted lately; whatever is found is told, and nothing is sent again for it."""
    client = surface.client(payer)
    since = datetime.now(UTC) - _CHECKED_BACK

    def begin(cursor: Any) -> datetime | None:
        check_begun(cursor, payer.party, _CHECK_AGAIN)
        return last_check(cursor, payer.party)

    # Those that were read back before are a person's to ask for.
    before = await surface.at_the_door(begin)
    if before is not None:
        since = max(since, before - _CHECK_OVERLAP)
    try:
        async with client:
            found = await find_gaps(Connection(payer, client, surface), since)
    except MachineryFault as fault:
        raise away() from fault
    await surface.at_the_door(partial(checked, connection=payer.party, said=found.sentence(), again=_CHECK_EVERY))
    _log.log(logging.WARNING if found.found else logging.INFO, "read back: %s", found.sentence())


def _said(hub: Partner, said: Any) -> ClientInfo | None:
    try:
        return client_info_of(said)
    except ValueError as error:
        _log.warning("%s: one of its parties is left out: %s", hub.party, error)
        return None
