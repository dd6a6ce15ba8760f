"""What a seed means: a history, its phases, the order in which each phase arrives, and the accidents."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from random import Random
from typing import Any, TypeAlias

import orjson

from consumers.publisher import Outgoing
from domain.payout.cover import CoverRule
from tests.simulation.chaos import Accident, Kind
from tests.support.histories import DAYS, FIRST_DAY, UNTIL, history

Event: TypeAlias = dict[str, Any]

# So many seeds disturb one history, each in its own way: the undisturbed run is made once for all of them.
SEEDS_PER_HISTORY = 5
_GARBAGE = (b"", b"no json", b'{"specversion": "1.0"}', b"[" * 60, b'{"id": 1, "type": "nothing"}')


@dataclass(frozen=True, slots=True)
class Phase:
    """Records that are all taken in before the clock moves to `until`."""

    records: tuple[Outgoing, ...]
    until: datetime


@dataclass(frozen=True)
class History:
    """What happened, whoever tells it: phases in the order of their times, and records that break the engine."""

    number: int
    messages: int

    @cached_property
    def _drawn(self) -> tuple[tuple[Phase, ...], frozenset[bytes], CoverRule]:
        random = Random(f"history {self.number}")
        events = _as_many(random, self.messages)
        cuts = sorted(random.sample(range(1, DAYS + 8), random.choice((0, 0, 1, 2))))
        ends = [*(FIRST_DAY + timedelta(days=day, hours=random.randrange(24)) for day in cuts), UNTIL]
        told: list[list[Outgoing]] = [[] for _ in ends]
        for event in events:
            first = next(number for number, end in enumerate(ends) if _time(event) <= end)
            late = random.randrange(100) < 5
            told[random.randrange(first, len(ends)) if late else first].append(Outgoing.of_event(event))
        for garbage in random.sample(_GARBAGE, 2):
            random.choice(told).append(Outgoing("charging.sessions", b"garbage", garbage))
        facts = [event for event in events if event["type"].startswith(("charging.", "payment."))]
        breaking = random.sample(facts, random.choice((0, 0, 1, 2)))
        return (
            tuple(Phase(tuple(records), end) for records, end in zip(told, ends, strict=True)),
            frozenset(orjson.dumps(event) for event in breaking),
            random.choice(tuple(CoverRule)),
        )

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The records by when they are told."""
        return self._drawn[0]

    @property
    def breaking(self) -> frozenset[bytes]:
        """The values of records that break the engine whenever it takes them in."""
        return self._drawn[1]

    @property
    def cover_rule(self) -> CoverRule:
        """What becomes of runs that take client money below zero."""
        return self._drawn[2]


def _as_many(random: Random, messages: int) -> list[Event]:
    """A history of about so many messages, in the order of their times."""
    events: list[Event] = []
    sessions = max(1, messages // 18)
    while len(events) < messages:
        events = history(Random(random.randrange(2**32)), sessions)
        sessions += max(1, (messages - len(events)) // 14)
    return events


def _time(event: Event) -> datetime:
    return min(datetime.fromisoformat(event["time"]), UNTIL)


@dataclass(frozen=True)
class Plan:
    """A seed, drawn out; `accidents` and `left_out` are what shrinking takes away from."""

    seed: int
    history: History
    deliveries: tuple[tuple[Outgoing, ...], ...]
    accidents: tuple[Accident, ...]
    before_clock: bool
    switches_percent: int
    records_max: int = field(default=20)

    @staticmethod
    def of(seed: int, messages: int = 200) -> "Plan":
        """What a seed means, always the same."""
        random = Random(f"plan {seed}")
        told = History(seed // SEEDS_PER_HISTORY, messages)
        deliveries: list[tuple[Outgoing, ...]] = []
        before: list[Outgoing] = []
        for phase in told.phases:
            deliveries.append(tuple(_disturbed(random, phase.records, before)))
            before += phase.records
        return Plan(
            seed,
            told,
            tuple(deliveries),
            tuple(_accidents(random)),
            before_clock=random.randrange(4) == 0,
            switches_percent=random.choice((0, 5, 15)),
            records_max=random.choice((1, 7, 20, 60, 60)),
        )

    def with_accidents(self, accidents: Sequence[Accident]) -> "Plan":
        """The same with these accidents alone."""
        return replace(self, accidents=tuple(accidents))


def _disturbed(random: Random, records: Sequence[Outgoing], before: Sequence[Outgoing]) -> list[Outgoing]:
    """All records of a phase in some order, some of them twice or thrice, and some of earlier phases again."""
    doubled_percent = random.choice((0, 20, 60))
    again = [record for record in records if random.randrange(100) < doubled_percent]
    older = [record for record in before if random.randrange(100) < 5]
    told = [*records, *again, *older]
    match random.randrange(3):
        case 0:
            random.shuffle(told)
        case 1:  # Near their order, as of gateways that are late.
            places = {id(record): number + random.gauss(0, 12) for number, record in enumerate(told)}
            told.sort(key=lambda record: places[id(record)])
        case _:
            told.reverse()
    return told


def _accidents(random: Random) -> Iterator[Accident]:
    kinds = (Kind.CRASH, Kind.CRASH, Kind.AWAY, Kind.DIES_AFTER, Kind.UNANSWERED)
    at = 0
    for _ in range(random.choice((0, 5, 15, 30))):
        at += int(random.expovariate(1 / random.choice((3, 60, 150)))) + 1
        yield Accident(at, random.choice(kinds))
