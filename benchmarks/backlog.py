"""A backlog without a broker: records in memory, taken in by one intake or by several processes side by side."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

from benchmarks.load_parts import more_sessions
from benchmarks.side_by_side import Run, side_by_side
from benchmarks.stage import MESSAGES_PER_SESSION, OPERATORS
from consumers.app import BATCH_MAX_RECORDS
from contracts.messages import CATALOGUE_TOPIC
from engine.intake import Intake
from engine.ports import Record
from projections.schema import migrate
from wattledger.demo.load import load

_TOPIC = "charging.sessions"


@dataclass(frozen=True, slots=True)
class _Order:
    """The part of a backlog that one member takes in: the sessions whose names fall to it."""

    dsn: str
    events: int
    member: int
    members: int
    mark: str


@dataclass(frozen=True, slots=True)
class Drained:
    """A backlog that was taken in: its events, the time that took, and the processor time of the intakes."""

    events: int
    seconds: float
    python_s: float

    @property
    def events_per_second(self) -> float:
        """By the whole time, without the making of the records."""
        return self.events / self.seconds


def prepare(dsn: str) -> None:
    """Make the schema and take in the catalogue of the load."""
    migrate(dsn)
    intake = Intake(dsn)
    try:
        home = (CATALOGUE_TOPIC, 0)
        claim = intake.claim([home])[home]
        values = [value for _, _, value in load(0, operators=OPERATORS)]
        intake.process([Record(*home, n, None, value) for n, value in enumerate(values)], {home: claim.epoch})
    finally:
        intake.close()


def take_in(dsn: str, events: int, members: int, mark: str = "B") -> Drained:
    """What so many intakes take in together, each in a process of its own with its own partition."""
    orders = [_Order(dsn, events, member, members, mark) for member in range(members)]
    run: Run[tuple[int, float]] = side_by_side(_take_in, orders)
    return Drained(sum(taken for taken, _ in run.answers), run.seconds, sum(spent_s for _, spent_s in run.answers))


def _take_in(order: _Order, ready: Callable[[], None]) -> tuple[int, float]:
    """Takes its part in; how many records that were, and the processor time of this process."""
    home = (_TOPIC, order.member)
    made = more_sessions(order.events, MESSAGES_PER_SESSION, OPERATORS, order.mark)
    values = [value for _, key, value in made if crc32(key) % order.members == order.member]
    records = [Record(*home, offset, None, value) for offset, value in enumerate(values)]
    intake = Intake(order.dsn)
    epochs = {home: intake.claim([home])[home].epoch}
    ready()
    before = time.process_time()
    try:
        for start in range(0, len(records), BATCH_MAX_RECORDS):
            intake.process(records[start : start + BATCH_MAX_RECORDS], epochs)
    finally:
        intake.close()
    return len(records), time.process_time() - before
