"""The processes of a live system as objects: each is made anew after a crash, with nothing but the store to go by."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Protocol

from psycopg import Connection, OperationalError
from psycopg.rows import TupleRow
from tenacity import wait_none

from consumers.delivery import Delivery
from consumers.relay import Relay
from domain.payout.cover import CoverRule
from engine.clock import Clock
from engine.errors import PartitionLost
from engine.intake import Intake
from engine.ports import Claim, Record
from engine.working_set import WorkingSet
from ledger.database import Role, database_faults, open_connection
from ledger.intake.positions import Partition
from projections.registry import KEPT_UP
from projections.runner import advance_live
from tests.simulation.broker import Broker, LossyPublisher, as_publisher
from tests.simulation.chaos import Chaos, StruckGateway, striking
from tests.support.decisions import KEYRING


@dataclass(frozen=True)
class Around:
    """What all parts of one simulated system share."""

    dsn: str
    chaos: Chaos
    broker: Broker
    random: Random
    now: Callable[[], datetime]
    breaking: frozenset[bytes]
    cover_rule: CoverRule
    before_clock: bool
    records_max: int

    def working_set(self) -> WorkingSet:
        """What a new process holds: nothing yet."""
        made = WorkingSet.of(self.dsn, cover_rule=self.cover_rule, decision_keys=KEYRING)
        return WorkingSet(
            StruckGateway(self.dsn, self.chaos),
            made.known,
            cover_rule=self.cover_rule,
            decision_keys=made.decision_keys,
        )


class Actor(Protocol):
    """A process that does one thing at a time."""

    name: str

    async def act(self) -> str:
        """Do the next thing; what it was. Raises Crash where the process is killed."""
        ...

    async def end(self) -> None:
        """Give everything back, as a process that is killed does."""
        ...

    def revive(self) -> None:
        """A new process in its place."""
        ...


class BreakingIntake:
    """The intake, and records that break it wherever they come: none is taken in beside them."""

    def __init__(self, intake: Intake, breaking: frozenset[bytes]) -> None:
        self._intake, self._breaking = intake, breaking

    def claim(self, partitions: Sequence[Partition]) -> dict[Partition, Claim]:
        """As the intake's."""
        return self._intake.claim(partitions)

    def process(self, records: Sequence[Record], epochs: Mapping[Partition, int]) -> None:
        """As the intake's; raises ValueError for a set with such a record."""
        if any(record.value in self._breaking for record in records):
            raise ValueError("a record of this set breaks the engine")
        self._intake.process(records, epochs)

    def quarantine(self, record: Record, error: Exception, epochs: Mapping[Partition, int]) -> None:
        """As the intake's."""
        self._intake.quarantine(record, error, epochs)

    def note_unread(self, partition: Partition, epoch: int, offset: int, reason: str) -> None:
        """As the intake's."""
        self._intake.note_unread(partition, epoch, offset, reason)


@dataclass(slots=True)
class Fetched:
    """Records in a consumer's hands, with the epochs under which they were fetched."""

    records: list[Record]
    epochs: dict[Partition, int]


@dataclass(slots=True)
class Held:
    """A partition as its consumer knows it."""

    epoch: int
    next_offset: int


class Consumer:
    """Fetches from the partitions it was given, and hands over what it fetched before, whoever owns them by then."""

    def __init__(self, name: str, around: Around) -> None:
        self.name, self._around = name, around
        self.given: frozenset[Partition] = frozenset()
        self.revive()

    def revive(self) -> None:
        """A new process, which has to claim what it was given."""
        self._working_set = self._around.working_set()
        intake = Intake(self._working_set, self._around.now, before_clock=self._around.before_clock)
        self._delivery = Delivery(BreakingIntake(intake, self._around.breaking), pauses=wait_none())
        self._held: dict[Partition, Held] = {}
        self._fetched: Fetched | None = None

    def assign(self, partitions: Iterable[Partition]) -> None:
        """What is this consumer's from now on; it hears of it when it acts next, and may have records in hand."""
        self.given = frozenset(partitions)

    async def act(self) -> str:
        """Hand over what is in hand, claim what is new, fetch, or read from before where it was."""
        if self._fetched is not None:
            return await self._hand_over()
        if self.given != self._held.keys():
            return await self._claim()
        if self._held and not self._around.random.randrange(25):
            home = self._around.random.choice(sorted(self._held))
            self._held[home].next_offset = self._around.random.randint(0, self._held[home].next_offset)
            return f"goes back to {home} {self._held[home].next_offset}"
        return self._fetch()

    def has_all(self) -> bool:
        """Whether nothing is left to be fetched or handed over."""
        logs = self._around.broker.logs
        return (
            self._fetched is None
            and self.given == self._held.keys()
            and all(held.next_offset >= len(logs.get(home, ())) for home, held in self._held.items())
        )

    async def _claim(self) -> str:
        self._held = {}
        wanted = sorted(self.given)
        claims = await self._delivery.claim(wanted, lambda: True) if wanted else {}
        self._held = {home: Held(claim.epoch, claim.next_offset or 0) for home, claim in claims.items()}
        return f"claims {[(*home, held.epoch, held.next_offset) for home, held in self._held.items()]}"

    def _fetch(self) -> str:
        room, fetched = self._around.random.randint(1, self._around.records_max), Fetched([], {})
        homes = sorted(self._held)
        self._around.random.shuffle(homes)
        for home in homes:
            held = self._held[home]
            records = self._around.broker.logs.get(home, [])[held.next_offset : held.next_offset + room]
            if records:
                fetched.records += records
                fetched.epochs[home] = held.epoch
                held.next_offset += len(records)
                room -= len(records)
        self._fetched = fetched if fetched.records else None
        return f"fetches {_named(fetched.records)}"

    async def _hand_over(self) -> str:
        fetched = self._fetched
        assert fetched is not None
        try:
            quarantined = await self._delivery.deliver(fetched.records, fetched.epochs)
        except PartitionLost:
            self._fetched, self._held = None, {}
            return f"is told that {_named(fetched.records)} are another's"
        self._fetched = None
        return f"hands over {_named(fetched.records)}, of which {quarantined} are quarantined"

    async def end(self) -> None:
        """The process is gone."""
        await self._delivery.__aexit__(None, None, None)
        self._working_set.close()


class Sending:
    """A relay, with a producer of its own for as long as nothing breaks."""

    def __init__(self, name: str, around: Around, rows: int) -> None:
        self.name, self._around, self._rows = name, around, rows
        self.revive()

    def revive(self) -> None:
        """A new process."""
        self._gateway = StruckGateway(self._around.dsn, self._around.chaos)
        self._connect()

    def _connect(self) -> None:
        publisher = LossyPublisher(self._around.broker, self._around.chaos, self._around.random)
        self._relay = Relay(self._gateway, as_publisher(publisher), self._rows)

    async def act(self) -> str:
        """Send the next rows."""
        self._connect()
        return f"sends {await asyncio.to_thread(lambda: asyncio.run(self._relay.send_batch()))}"

    async def end(self) -> None:
        """The process is gone."""
        self._gateway.close()


class Ticking:
    """A clock, which moves the store to the moment that is due, as often as it is asked."""

    def __init__(self, name: str, around: Around) -> None:
        self.name, self._around = name, around
        self.until: datetime | None = None
        self.is_done = False
        self.revive()

    def revive(self) -> None:
        """A new process."""
        self._working_set = self._around.working_set()
        self._clock = Clock(self._working_set)

    async def act(self) -> str:
        """Advance to the moment that is due, if any is."""
        if self.until is None:
            return "has nothing due"
        until, self.is_done = self.until, False
        made = await asyncio.to_thread(self._clock.advance, until)
        self.is_done = True
        return f"moves to {until:%d %H:%M}, {made} payouts"

    async def end(self) -> None:
        """The process is gone."""
        self._clock.close()


class Projecting:
    """A follower of the store, of some projections at a time."""

    def __init__(self, name: str, around: Around) -> None:
        self.name, self._around = name, around
        self.revive()

    def revive(self) -> None:
        """A new process, which connects when it acts."""
        self._connection: Connection[TupleRow] | None = None

    async def act(self) -> str:
        """One set of events for some of the projections."""
        names = self._around.random.sample(sorted(KEPT_UP), self._around.random.randint(1, len(KEPT_UP)))
        positions = await asyncio.to_thread(self._advance, names)
        return f"projects {sorted(set(positions.values()))}"

    def _advance(self, names: Sequence[str]) -> dict[str, int]:
        with database_faults():
            try:
                if self._connection is None:
                    self._connection = open_connection(self._around.dsn, Role.PROJECTOR, autocommit=True)
                    self._connection.cursor_factory = striking(self._around.chaos)
                positions = advance_live(self._connection, names)
                self._around.chaos.commits += 1
                return positions
            except OperationalError:
                self._close()
                raise

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OperationalError):
                connection.close()

    async def end(self) -> None:
        """The process is gone."""
        self._close()


def _named(records: Sequence[Record]) -> str:
    """Records as a trace names them."""
    homes = sorted({record.home for record in records})
    told = []
    for home in homes:
        offsets = [record.offset for record in records if record.home == home]
        told.append(f"{home[0]}/{home[1]}:{offsets[0]}-{offsets[-1]}")
    return ", ".join(told) or "nothing"
