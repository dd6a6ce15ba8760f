"""The worker of one partner: asks its sources in turn, each with a pause of its own where the partner fails."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from api.ocpi.client import PartnerFault
from api.ocpi.pushing.sources import PAUSE_S, PAUSE_S_MAX, Connection, Pushed, Source
from api.outward.pauses import doubled, jittered
from ledger.errors import MachineryFault
from ledger.patience import wait_for_event
from projections.roaming import marks

# How long one that has heard nothing waits before it looks by itself.
POLL_S = 5.0
_SHORTEST_S, _DATABASE_AWAY_S = 0.05, 1.0
# After so many failures in a row it was an outage: whole objects are sent then.
_OUTAGE = 3
# What waits for so long when a worker begins has been through an outage that nobody remembers.
_OLD_S = 60.0

_FAILED = "a push of %s to %s failed: %s; again in %.0f s"

_log = logging.getLogger(__name__)


@dataclass
class _Lane:
    """A source, how often it failed in a row, and until when it waits."""

    source: Source
    failures: int = 0
    not_before: float = 0.0


class Worker:
    """Sends one partner what is due, until it is cancelled; no other partner waits for it."""

    def __init__(self, to: Connection, sources: Sequence[Source], pause_s: float = PAUSE_S) -> None:
        """`pause_s` is how long a partner is left alone after a first failure, doubled by each one after it."""
        self._to, self._pause_s = to, pause_s
        self._lanes = [_Lane(source) for source in sources]
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Something may be due."""
        self._woken.set()

    async def run(self) -> None:
        """Send on; faults of the partner and of the database are waited out."""
        makes_whole = True
        while True:
            self._woken.clear()
            try:
                if makes_whole:
                    await self._make_whole(_OLD_S)
                    makes_whole = False
                wait_s = await self._round()
            except MachineryFault as fault:
                _log.warning("%s; pushes to %s wait", fault, self._to.party)
                await asyncio.sleep(_DATABASE_AWAY_S)
            else:
                await wait_for_event(self._woken, wait_s)

    async def _round(self) -> float:
        """Ask each source in its order until none has anything; in how many seconds something is due by the clock."""
        while True:
            sent, waits = 0, [POLL_S]
            for lane in self._lanes:
                if (wait_s := lane.not_before - time.monotonic()) > 0:
                    waits.append(wait_s)
                    continue
                pushed = await self._push_some(lane)
                sent += pushed.sent
                if pushed.next_at is not None:
                    waits.append((pushed.next_at - datetime.now(UTC)).total_seconds())
            if not sent:
                return max(_SHORTEST_S, min(waits))

    async def _push_some(self, lane: "_Lane") -> Pushed:
        """What a source sent. One whose interface fails, however it does, has a pause, and the others go on."""
        if lane.failures >= _OUTAGE:
            await self._make_whole(0.0)
        try:
            pushed = await lane.source.push_some(self._to)
        except PartnerFault as fault:
            pause_s = pause_of(lane.failures, fault, self._pause_s)
            lane.failures, lane.not_before = lane.failures + 1, time.monotonic() + pause_s
            _log.log(_level(lane.failures), _FAILED, lane.source.module, self._to.party, fault, pause_s)
            return Pushed(0, datetime.now(UTC) + timedelta(seconds=pause_s))
        if pushed.sent and lane.failures:
            _log.info("%s takes %s again, after %d failures", self._to.party, lane.source.module, lane.failures)
            lane.failures = 0
            # Who answers again may do so at all interfaces: what failed there is tried at once.
            for each in self._lanes:
                each.not_before = 0.0
        return pushed

    async def _make_whole(self, older_s: float) -> None:
        await self._to.at_the_door(partial(marks.make_whole, connection=self._to.party, older_s=older_s))


def _level(failures: int) -> int:
    """An outage is told when it begins and when it turns out to be one."""
    return logging.WARNING if failures in (1, _OUTAGE) else logging.DEBUG


def pause_of(failures: int, fault: PartnerFault, first_s: float = PAUSE_S) -> float:
    """For how long a partner is left alone after a fault, `failures` having come before it."""
    # A token that is not known there is so until somebody renews it, which makes another worker.
    pause_s = PAUSE_S_MAX if fault.is_not_let_in else doubled(failures, first_s, PAUSE_S_MAX)
    return max(jittered(pause_s), fault.retry_after_s)
