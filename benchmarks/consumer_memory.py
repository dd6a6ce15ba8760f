"""Measures a consumer process that drains a long backlog: its memory, and whether it keeps its speed."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.consumer_process import start_consumer
from benchmarks.end_to_end import WrongOutcome
from benchmarks.figures import Figure
from benchmarks.processor_time import MemoryWatch
from benchmarks.stage import Stage
from projections.schema import migrate

# How long the backlog is, as a multiple of the load.
BACKLOG = 5
_STEPS = 10
# The first and the last so many steps are compared; a step is a tenth of the backlog.
_PART = 2


@dataclass(frozen=True, slots=True)
class Look:
    """What the consumer told of itself: events taken in, memory in MiB, its peak so far, and seconds on a clock."""

    events: int
    resident_mib: float
    peak_mib: float
    at_s: float


def measure(stage: Stage, rounds: int, report: Callable[[str], None]) -> list[Figure]:
    """Resident memory by events taken in, its peak, whether it grows, and the speed at both ends; one run always.

    Raises WrongOutcome when the consumer failed.
    """
    missing = stage.wanted * BACKLOG - stage.events
    if missing > 0:
        report(f"publishing {missing:,} more events")
        stage.add_events(missing, "M")
    looks: list[Look] = []
    watch = MemoryWatch()
    with stage.database() as dsn:
        migrate(dsn)
        with watch.watching():
            for look in _run(stage, dsn):
                looks.append(look)
                report(f"{look.resident_mib:.0f} MiB after {look.events:,} events")
    if not looks or looks[-1].events < stage.events:
        raise WrongOutcome(f"the consumer ended after {looks[-1].events if looks else 0} of {stage.events} events")
    return [*_memory(looks[1:]), *_others(watch), *_speeds(looks)]


def _run(stage: Stage, dsn: str) -> Iterator[Look]:
    """What the consumer process tells: when it begins, at each step and at the end."""
    order = {
        "dsn": dsn,
        "kafka": dict(stage.kafka),
        "group": stage.group(),
        "step": max(1, stage.events // _STEPS),
    }
    with start_consumer(order) as process:
        for line in process.stdout or ():
            yield Look(*json.loads(line))
    if process.returncode:
        raise WrongOutcome(f"the consumer process ended with status {process.returncode}; see what it wrote")


def _memory(looks: list[Look]) -> list[Figure]:
    by_events = [Figure(f"resident after {look.events:,} events", "MiB", (look.resident_mib,)) for look in looks]
    # The look at which the peak so far was last raised: the peak lies in the stretch before it.
    raised = [after.events for before, after in pairwise(looks) if after.peak_mib > before.peak_mib]
    middle = looks[len(looks) // 2].resident_mib
    return [
        *by_events,
        Figure("peak", "MiB", (looks[-1].peak_mib,)),
        Figure("peak reached by", "events", (raised[-1] if raised else looks[0].events,)),
        Figure("memory at the end to that in the middle", "", (looks[-1].resident_mib / middle,)),
    ]


def _others(watch: MemoryWatch) -> list[Figure]:
    names = {"postgres": "largest process of PostgreSQL, without shared pages", "kafka": "broker"}
    return [Figure(names[who], "MiB", (peak,)) for who, peak in watch.named() if who in names]


def _speeds(looks: list[Look]) -> list[Figure]:
    part = min(_PART, len(looks) - 1)
    first, last = _speed(looks[0], looks[part]), _speed(looks[-1 - part], looks[-1])
    return [
        Figure("first part of the backlog", "events/s", (first,)),
        Figure("last part of the backlog", "events/s", (last,)),
        Figure("ratio of the last part to the first", "", (last / first,)),
    ]


def _speed(before: Look, after: Look) -> float:
    return (after.events - before.events) / (after.at_s - before.at_s)
