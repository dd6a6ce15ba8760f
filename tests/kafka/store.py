"""An intake that keeps what it took in memory, with positions and epochs as the database keeps them."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.errors import PartitionLost
from engine.ports import Claim, Record
from ledger.errors import MachineryFault
from ledger.intake.positions import Partition


@dataclass
class Store:
    """What several intakes share: the one place where a batch is taken in as a whole or not at all."""

    positions: dict[Partition, int] = field(default_factory=dict)
    epochs: Counter[Partition] = field(default_factory=Counter)
    taken: list[Record] = field(default_factory=list)
    quarantined: list[tuple[Record, Exception]] = field(default_factory=list)
    unread: list[tuple[Partition, int]] = field(default_factory=list)
    again: int = 0
    batches: list[int] = field(default_factory=list)
    down: bool = False
    refusals: int = 0
    lost: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def values(self) -> list[bytes | None]:
        """The values taken in, in the order of taking."""
        return [record.value for record in self.taken]

    def by_key(self) -> dict[bytes | None, list[bytes | None]]:
        """The values taken in, by key, in order."""
        found: dict[bytes | None, list[bytes | None]] = {}
        for record in self.taken:
            found.setdefault(record.key, []).append(record.value)
        return found


class StoreIntake:
    """An intake on a store; `breaks_on` says on which it fails, `before_write` runs inside each transaction."""

    def __init__(
        self,
        store: Store,
        *,
        breaks_on: Callable[[Record], bool] = lambda record: False,
        before_write: Callable[[Sequence[Record]], None] = lambda records: None,
    ) -> None:
        self.store = store
        self.taken = 0
        self.claimed: dict[Partition, Claim] = {}
        self._breaks_on = breaks_on
        self._before_write = before_write

    def claim(self, partitions: Sequence[Partition]) -> dict[Partition, Claim]:
        with self.store.lock:
            self._answer()
            self.store.epochs.update(partitions)
            self.claimed = {
                home: Claim(self.store.epochs[home], self.store.positions.get(home)) for home in partitions
            }
            return dict(self.claimed)

    def process(self, records: Sequence[Record], epochs: Mapping[Partition, int]) -> None:
        self._before_write(records)
        with self.store.lock:
            self._answer()
            self._check(epochs)
            if any(self._breaks_on(record) for record in records):
                raise ValueError("a record of this batch cannot be processed")
            for record in records:
                if record.offset < self.store.positions.get(record.home, 0):
                    self.store.again += 1
                else:
                    self.store.taken.append(record)
                    self.taken += 1
                self.store.positions[record.home] = record.offset + 1
            self.store.batches.append(len(records))

    def quarantine(self, record: Record, error: Exception, epochs: Mapping[Partition, int]) -> None:
        with self.store.lock:
            self._answer()
            self._check(epochs)
            self.store.quarantined.append((record, error))
            self.store.positions[record.home] = record.offset + 1

    def note_unread(self, partition: Partition, epoch: int, offset: int, reason: str) -> None:
        with self.store.lock:
            self._answer()
            self._check({partition: epoch})
            self.store.unread.append((partition, offset))

    def _answer(self) -> None:
        if self.store.down:
            self.store.refusals += 1
            raise MachineryFault("the database does not answer")

    def _check(self, epochs: Mapping[Partition, int]) -> None:
        for home, epoch in epochs.items():
            if self.store.epochs[home] != epoch:
                self.store.lost += 1
                raise PartitionLost(f"{home} has epoch {self.store.epochs[home]}, not {epoch}")


async def until(condition: Callable[[], bool], seconds_max: float = 60.0) -> None:
    """Waits for a condition that another thread or task brings about."""
    async with asyncio.timeout(seconds_max):
        while not condition():
            await asyncio.sleep(0.01)
