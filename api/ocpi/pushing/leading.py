"""Who pushes: of several processes one, which has a worker for each connected partner."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import uvloop
from tenacity import wait_exponential

from api.ocpi.keeping import Keeper
from api.ocpi.pushing.sources import PAUSE_S, Connection, Source
from api.ocpi.pushing.working import Worker
from api.ocpi.surface import OcpiSurface
from api.ocpi.vault import VaultClosed
from ledger.access import ocpi_partners
from ledger.access.ocpi_partners import Partner, PartnerState
from ledger.patience import Patience, Stopping
from projections.roaming.leader import Leader
from projections.roaming.push_state import PushState, Queue, push_states

# How long who does not lead waits until it tries, how soon who leads notices that it is told to end, and how often it
# looks at its partners by itself.
_TRY_S, _LISTEN_S, _LOOK_S = 2.0, 0.2, 1.0
_RETRY_S_MAX = 5.0
_REPORT_S = 60.0
# After a fault of ours.
_BROKEN_S = 30.0
_QUEUE = "pushes to %s: %s: %d wait, the oldest since %s, the last taken at %s, failures of the last minute: %s"

_log = logging.getLogger(__name__)

# The sources of a worker, made for each connection.
Sources: TypeAlias = Callable[[], Sequence[Source]]


def push_forever(
    surface: OcpiSurface,
    dsn: str,
    sources: Sources,
    stop: threading.Event,
    *,
    pause_s: float = PAUSE_S,
    moves: Callable[[], None] = lambda: None,
) -> None:
    """Push to all partners until `stop` is set, in a loop of this thread's own; the database is waited for.

    `surface` is this pusher's own, so that partners that ask never wait for it. Of several processes one pushes.
    `pause_s` is how long a partner is left alone after a first failure.
    """
    patience = Patience(wait_exponential(multiplier=0.1, max=_RETRY_S_MAX))

    def push_on() -> None:
        moves()
        uvloop.run(_Pusher(surface, dsn, sources, stop, pause_s, moves, patience.worked).run())

    while not stop.is_set():
        try:
            with suppress(Stopping):
                patience.do(push_on, stop)
        except Exception:
            _log.exception("pushes to roaming partners broke off; they begin again in %.0f s", _BROKEN_S)
            stop.wait(_BROKEN_S)


class _Pusher:
    """One lead, from when it is had until it is lost."""

    def __init__(
        self,
        surface: OcpiSurface,
        dsn: str,
        sources: Sources,
        stop: threading.Event,
        pause_s: float,
        moves: Callable[[], None],
        worked: Callable[[], None],
    ) -> None:
        self._surface, self._dsn, self._sources = surface, dsn, sources
        self._stop, self._pause_s, self._moves, self._worked = stop, pause_s, moves, worked
        self._at_work: dict[str, tuple[Partner, Worker, asyncio.Task[None]]] = {}
        self._broken: dict[str, float] = {}
        self._reported_at = time.monotonic()
        # Partners whose token cannot be opened here, as they were when it was said.
        self._closed: dict[str, Partner] = {}

    async def run(self) -> None:
        """Lead until we are told to stop. Raises MachineryFault when the database goes away."""
        loop = asyncio.get_running_loop()
        # One thread, since what is heard comes by one connection.
        with ThreadPoolExecutor(1, thread_name_prefix="pushes") as thread:
            leader = await loop.run_in_executor(thread, Leader, self._dsn)
            try:
                while not self._stop.is_set():
                    self._moves()
                    if await loop.run_in_executor(thread, leader.leads):
                        await self._lead(lambda: loop.run_in_executor(thread, leader.heard, _LISTEN_S))
                    else:
                        await self._pause(_TRY_S)
                    self._worked()
            finally:
                await self._end(list(self._at_work))
                await loop.run_in_executor(thread, leader.__exit__, None, None, None)

    async def _lead(self, hear: "Callable[[], asyncio.Future[set[str]]]") -> None:
        _log.info("this process pushes to roaming partners")
        keeping = asyncio.create_task(Keeper(self._surface).run(), name="keeps connections")
        try:
            await self._send_on(hear)
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])

    async def _send_on(self, hear: "Callable[[], asyncio.Future[set[str]]]") -> None:
        heard, looked_at = {""}, 0.0
        while not self._stop.is_set():
            self._moves()
            self._fail_with_workers()
            if time.monotonic() > looked_at + _LOOK_S or "" in heard:
                looked_at = time.monotonic()
                await self._look()
            for party, (_, worker, _) in self._at_work.items():
                if party in heard or "" in heard:
                    worker.wake()
            self._worked()
            heard = await hear()
            await self._report()

    async def _report(self) -> None:
        """Say once a minute how the queues are in which anything waits or failed since."""
        now = time.monotonic()
        if now < self._reported_at + _REPORT_S:
            return
        self._reported_at, since = now, datetime.now(UTC) - timedelta(seconds=_REPORT_S)

        found: dict[Queue, PushState] = await self._surface.transact(push_states)
        for (party, module), state in found.items():
            failed = [f"{each.cause} ({each.number} in all)" for each in state.failures if each.last_at >= since]
            if state.waiting or failed:
                _log.info(_QUEUE, party, module, state.waiting, state.oldest, state.last_taken_at, ", ".join(failed))

    async def _look(self) -> None:
        """Have a worker for each partner that is connected, another one where anything of its row changed."""

        rows: list[Partner] = await self._surface.transact(ocpi_partners.partners)
        found = {each.party: each for each in rows if each.state == PartnerState.CONNECTED}
        await self._end([party for party, (known, *_) in self._at_work.items() if found.get(party) != known])
        for party, partner in found.items():
            if party not in self._at_work and self._broken.get(party, 0.0) <= time.monotonic():
                self._begin(partner)

    def _begin(self, partner: Partner) -> None:
        try:
            client = self._surface.client(partner)
        except VaultClosed as closed:
            if self._closed.get(partner.party) != partner:
                _log.error("nothing is pushed to %s: %s", partner.party, closed)
            self._closed[partner.party] = partner
            return
        worker = Worker(Connection(partner, client, self._surface), self._sources(), self._pause_s)

        async def work() -> None:
            async with client:
                await worker.run()

        task = asyncio.create_task(work(), name=f"pushes to {partner.party}")
        self._at_work[partner.party] = (partner, worker, task)

    async def _end(self, parties: Sequence[str]) -> None:
        tasks = [self._at_work.pop(party)[2] for party in parties]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _fail_with_workers(self) -> None:
        """A worker ends by itself only by a fault of ours: it is told, and another one begins after a while."""
        for party in [party for party, (*_, task) in self._at_work.items() if task.done()]:
            _, _, task = self._at_work.pop(party)
            if not task.cancelled() and (error := task.exception()) is not None:
                _log.error("pushes to %s broke off; they begin again in %.0f s", party, _BROKEN_S, exc_info=error)
                self._broken[party] = time.monotonic() + _BROKEN_S

    async def _pause(self, seconds: float) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self._stop.wait, seconds)
