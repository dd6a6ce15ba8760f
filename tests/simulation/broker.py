"""A broker in memory: partitions as lists, and a publisher whose acknowledgements get lost."""

from collections.abc import Iterable
from random import Random
from typing import Any
from zlib import crc32

from consumers.publisher import Outgoing
from engine.ports import Record
from ledger.errors import MachineryFault
from ledger.intake.positions import Partition
from tests.simulation.chaos import Chaos, Crash, Kind

PARTITIONS = 2


class Broker:
    """What every topic holds, in the order in which it came."""

    def __init__(self) -> None:
        self.logs: dict[Partition, list[Record]] = {}

    def append(self, record: Outgoing) -> None:
        """Keep a record where its key belongs."""
        home = self.home_of(record)
        log = self.logs.setdefault(home, [])
        log.append(Record(*home, len(log), record.key, record.value, tuple(record.headers)))

    @staticmethod
    def home_of(record: Outgoing) -> Partition:
        """The partition of a record."""
        return record.topic, crc32(record.key or record.value) % PARTITIONS


class LossyPublisher:
    """Sends to the broker in memory; of what was not acknowledged each partition may have the first ones."""

    def __init__(self, broker: Broker, chaos: Chaos, random: Random) -> None:
        self._broker, self._chaos, self._random = broker, chaos, random
        self._on_the_way: list[Outgoing] = []

    async def send_all(self, records: Iterable[Outgoing]) -> None:
        """Put records on their way."""
        for record in records:
            self._on_the_way.append(record)
            self._strike(self._chaos.draw("send"))

    async def flush(self) -> None:
        """Have all of them arrive, unless an accident says otherwise; others may act before the answer."""
        self._chaos.between_transactions()
        struck = self._chaos.draw("acknowledgement", can_answer=True)
        if struck in (Kind.CRASH, Kind.AWAY):
            self._strike(struck)
        for record in self._on_the_way:
            self._broker.append(record)
        self._on_the_way.clear()
        self._strike(struck)

    def _strike(self, struck: Kind | None) -> None:
        if struck is None:
            return
        waiting: dict[Partition, list[Outgoing]] = {}
        for record in self._on_the_way:
            waiting.setdefault(self._broker.home_of(record), []).append(record)
        for records in waiting.values():
            for record in records[: self._random.randint(0, len(records))]:
                self._broker.append(record)
        self._on_the_way.clear()
        if struck in (Kind.CRASH, Kind.DIES_AFTER):
            raise Crash
        raise MachineryFault("the broker went away before it acknowledged all records")


def as_publisher(publisher: LossyPublisher) -> Any:
    """As the relay takes it: it has the two methods that the relay calls."""
    return publisher
