"""Portions of a command's work, each for one process: partitions to consume, sessions to advance, projections."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from consumers.run import consume_until_caught_up
from engine.clock import Clock
from engine.follow_up import FollowUp
from engine.intake import Intake
from ledger.intake.positions import Partition
from projections.runner import catch_up
from wattledger.patience import patiently
from wattledger.store import Store

# What is done so far, and of how much, where that is known.
OnPortion: TypeAlias = Callable[[int, int | None], None]

_CONSUMING_PATIENCE_S = 600


class Hands:
    """What one process works with; intake and clock share what is warm, so that the clock need not load it again.

    Whoever takes in moves the clock, or follows up, afterwards.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._working_set = store.working_set()
        self.intake, self.clock = Intake(self._working_set, before_clock=True), Clock(self._working_set)

    def follow_up(self) -> None:
        """Judge what was taken in, without moving the clock. Raises MachineryFault when the database stays away."""
        patiently(lambda: FollowUp(self._working_set).run(wait=True))

    def judge_votes(self) -> None:
        """Decide by what people decided of payouts. Raises MachineryFault when the database stays away."""
        patiently(self.clock.judge_votes)

    def close(self) -> None:
        """Give the connection back."""
        self._working_set.close()


class Portion(Protocol):
    """Something that one process does while others do the rest; it can be done again at any time."""

    def do(self, hands: Hands, on_portion: OnPortion) -> None:
        """Do all of it."""
        ...


@dataclass(frozen=True, slots=True)
class Consume:
    """Take in what these partitions hold by now."""

    partitions: tuple[Partition, ...]

    def do(self, hands: Hands, on_portion: OnPortion) -> None:
        """Raises MachineryFault when nothing moves for long, and LogReplaced."""
        asyncio.run(
            consume_until_caught_up(
                hands.store.kafka,
                hands.intake,
                group_id=hands.store.settings.group_id,
                partitions=self.partitions,
                on_progress=on_portion,
                max_records=hands.store.settings.batch_max_records,
                patience_seconds=_CONSUMING_PATIENCE_S,
            )
        )


@dataclass(frozen=True, slots=True)
class AdvanceSessions:
    """Do for sessions what the clock drives up to a moment, beside others who do it, too."""

    until: datetime

    def do(self, hands: Hands, on_portion: OnPortion) -> None:
        """Raises MachineryFault when the database stays away."""
        report = adding_up(lambda _, done: on_portion(done, None))
        patiently(lambda: hands.clock.advance_sessions(self.until, report))


@dataclass(frozen=True, slots=True)
class Project:
    """Bring these projections to the end of the event store."""

    names: tuple[str, ...]

    def do(self, hands: Hands, on_portion: OnPortion) -> None:
        """Raises UnknownProjection, and MachineryFault when the database stays away."""
        patiently(lambda: catch_up(hands.store.dsn, self.names))


def adding_up(tell: Callable[[str, int], None]) -> Callable[[str, int], None]:
    """Takes the counts of sets as the clock tells them, and tells how many there were so far, by stage."""
    done: Counter[str] = Counter()

    def add(stage: str, count: int) -> None:
        done[stage] += count
        tell(stage, done[stage])

    return add


def by_partition(partitions: Sequence[Partition], count: int) -> list[Consume]:
    """Partitions in so many portions; those with one number go together.

    Topics with one key put it into one number: the messages of a session and of its payments meet in one process,
    which has the session warm.
    """
    found: list[list[Partition]] = [[] for _ in range(count)]
    for topic, number in sorted(partitions):
        found[number % count].append((topic, number))
    return [Consume(tuple(each)) for each in found if each]
