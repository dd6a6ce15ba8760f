"""What publishes to a store of the tests without Kafka: records are kept, and taken in when a test says so."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import orjson

from api.publishing import Record
from engine.ports import Record as TakenIn
from ledger.errors import MachineryFault
from tests.support.engine import Engine


@dataclass
class Broker:
    """One partition of each topic; while it is `away` nothing is taken, and `lost` says that it took all the same."""

    records: list[Record] = field(default_factory=list)
    away: bool = False
    lost: bool = False
    _taken_in: int = 0

    def publish(self, records: Sequence[Record]) -> "Future[tuple[tuple[int, int], ...]]":
        """Keep records; their places are those in which they came."""
        done: Future[tuple[tuple[int, int], ...]] = Future()
        first = len(self.records)
        if not self.away or self.lost:
            self.records += records
        if self.away:
            done.set_exception(MachineryFault("Kafka does not answer"))
        else:
            done.set_result(tuple((0, first + number) for number in range(len(records))))
        return done

    def events(self, type_: str) -> list[dict[str, Any]]:
        """What was published of a type."""
        found = [orjson.loads(value) for _, _, value, _ in self.records]
        return [each for each in found if each["type"] == type_]

    def feed(self, engine: Engine) -> None:
        """Let a store take in what it has not yet, from the partition that it was published to."""
        claim = engine.intake.claim([("roaming", 0)])["roaming", 0]
        new = self.records[self._taken_in :]
        taken = [
            TakenIn(topic, 0, self._taken_in + number, key, value, headers)
            for number, (topic, key, value, headers) in enumerate(new)
        ]
        if taken:
            engine.intake.process(taken, {("roaming", 0): claim.epoch})
        self._taken_in = len(self.records)
