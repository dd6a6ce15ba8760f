"""Lets the parts of a system act, one at a time, in an order that the seed draws; asks the invariants each time."""

import asyncio
from datetime import datetime
from hashlib import sha256
from random import Random

from ledger.errors import MachineryFault
from tests.simulation.actors import Actor, Around, Consumer, Projecting, Sending, Ticking
from tests.simulation.broker import Broker
from tests.simulation.chaos import Chaos, Crash
from tests.simulation.invariants import Invariants
from tests.simulation.plan import Phase, Plan

# Far more actions than any run needs: one that gets nowhere is a failure, and says so.
_ACTIONS_MAX = 20_000


class World:
    """One simulated system on an empty store; `trace` says what happened, a line an action."""

    def __init__(self, dsn: str, plan: Plan) -> None:
        self._plan, self._random = plan, Random(f"schedule {plan.seed}")
        self.chaos = Chaos(plan.accidents, Random(f"switches {plan.seed}"), plan.switches_percent)
        self.chaos.switch = self._switch
        self.broker = Broker()
        self.trace: list[str] = []
        self._now = plan.history.phases[0].until
        around = Around(
            dsn,
            self.chaos,
            self.broker,
            Random(f"parts {plan.seed}"),
            lambda: self._now,
            plan.history.breaking,
            plan.history.cover_rule,
            plan.before_clock,
            plan.records_max,
        )
        self._consumers = [Consumer(name, around) for name in ("consumer A", "consumer B")]
        self._clocks = [Ticking(name, around) for name in ("clock A", "clock B")]
        self._relays: list[Actor] = [Sending(name, around, rows) for name, rows in (("relay A", 3), ("relay B", 50))]
        self._projector = Projecting("projector", around)
        self._actors: list[Actor] = [*self._consumers, *self._relays, *self._clocks, self._projector]
        self._acting: list[Actor] = []
        self._checked = 0
        self.invariants = Invariants(dsn, self.broker, plan.history)

    async def run(self) -> None:
        """All phases, and then until nothing is left to be done."""
        self._loop = asyncio.get_running_loop()
        try:
            for phase, delivery in zip(self._plan.history.phases, self._plan.deliveries, strict=True):
                self._now = phase.until
                await self._live_through(phase, list(delivery))
            self.chaos.is_over = True
            for relay in self._relays:
                while not (await self._act(relay)).endswith("sends 0"):
                    pass
            await asyncio.to_thread(self.invariants.check_end)
        finally:
            for actor in self._actors:
                await actor.end()
            self.invariants.close()

    @property
    def digest(self) -> str:
        """A hash of all that happened; equal for equal seeds."""
        return sha256("\n".join(self.trace).encode()).hexdigest()

    async def _live_through(self, phase: Phase, waiting: list[object]) -> None:
        """Have records arrive while all parts act, then move the clock."""
        for clock in self._clocks:
            clock.until = None
        self._rebalance()
        while waiting or not all(consumer.has_all() for consumer in self._consumers):
            await self._next(waiting)
        self._move_clocks(phase.until)
        while not any(clock.is_done for clock in self._clocks):
            await self._next(waiting)

    def _move_clocks(self, until: datetime) -> None:
        for clock in self._clocks:
            clock.until, clock.is_done = until, False

    async def _next(self, waiting: list[object]) -> None:
        assert len(self.trace) < _ACTIONS_MAX, f"it gets nowhere; at last {self.trace[-20:]}"
        drawn = self._random.randrange(100)
        if waiting and drawn < 25:
            count = self._random.randint(1, 40)
            for record in waiting[:count]:
                self.broker.append(record)  # type: ignore[arg-type]
            del waiting[:count]
            self._tell("gateways", f"send {count}")
            return
        if drawn < 28:
            self._rebalance()
        await self._act(self._chosen())

    def _chosen(self) -> Actor:
        idle = [actor for actor in self._actors if actor not in self._acting]
        weights = [self._weight(actor) for actor in idle]
        return self._random.choices(idle, weights)[0]

    @staticmethod
    def _weight(actor: Actor) -> int:
        """How often a part acts: consumers most of all, and what is due soon."""
        if isinstance(actor, Ticking):
            return 8 if actor.until is not None and not actor.is_done else 0
        return 12 if isinstance(actor, Consumer) else 2

    def _rebalance(self) -> None:
        """Partitions change hands; a consumer may have been taken for dead and be alive."""
        homes = sorted({home for delivery in self._plan.deliveries for r in delivery for home in [Broker.home_of(r)]})
        cut = self._random.randint(0, len(homes))
        self._random.shuffle(homes)
        for consumer, part in zip(self._consumers, (homes[:cut], homes[cut:]), strict=True):
            consumer.assign(part)
        self._tell("group", f"rebalances {cut} of {len(homes)}")

    def _switch(self) -> None:
        """Let another part act in the middle of what one does; called in that one's thread."""
        if len(self._acting) == 1:
            # Also what a relay is about to send must have been seen.
            self._check()
            asyncio.run_coroutine_threadsafe(self._act(self._chosen()), self._loop).result()

    async def _act(self, actor: Actor) -> str:
        self._acting.append(actor)
        before = len(self.chaos.happened)
        try:
            try:
                done = await actor.act()
            except Crash:
                await actor.end()
                actor.revive()
                done = "is killed"
            except MachineryFault as fault:
                done = f"meets a fault: {fault}".splitlines()[0]
        finally:
            self._acting.remove(actor)
        accidents = self.chaos.happened[before:]
        told = f"{done} [{'; '.join(accidents)}]" if accidents else done
        self._tell(actor.name, told)
        await asyncio.to_thread(self._check)
        return done

    def _check(self) -> None:
        """What holds at any moment, unless nothing was committed since it was asked for last."""
        if self.chaos.commits > self._checked:
            self._checked = self.chaos.commits
            self.invariants.check()

    def _tell(self, who: str, what: str) -> None:
        self.trace.append(f"{len(self.trace)} {'  ' * len(self._acting)}{who} {what}")
