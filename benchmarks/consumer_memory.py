"""Measures the memory of a consumer process while the history behind it grows."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise

from benchmarks.end_to_end import WrongOutcome
from benchmarks.figures import Figure
from benchmarks.stage import Stage
from ledger.migrate import migrate

_STEP_MAX = 100_000
_STEPS_MIN = 5


def measure(stage: Stage, rounds: int, report: Callable[[str], None]) -> list[Figure]:
    """Resident memory by events taken in, its peak, and its growth over the second half; one run, whatever `rounds`.

    Raises WrongOutcome when the consumer failed.
    """
    looks: list[tuple[int, float, float]] = []
    with stage.database() as dsn:
        migrate(dsn)
        for events, resident, peak in _run(stage, dsn):
            looks.append((events, resident, peak))
            report(f"consumer memory: {resident:.0f} MiB after {events:,} events")
    if not looks or looks[-1][0] < stage.events:
        raise WrongOutcome(f"the consumer ended after {looks[-1][0] if looks else 0} of {stage.events} events")
    return _figures(looks)


def _run(stage: Stage, dsn: str) -> Iterator[tuple[int, float, float]]:
    """What the consumer process tells: events taken in, resident MiB and the peak in MiB so far."""
    step = max(1, min(_STEP_MAX, stage.events // _STEPS_MIN))
    order = {"dsn": dsn, "kafka": dict(stage.kafka), "group": stage.group(), "step": step}
    command = [sys.executable, "-m", "benchmarks.consumer_process"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdin is None or process.stdout is None:
            raise WrongOutcome("the consumer process has no standard streams")
        with process.stdin as told:
            told.write(json.dumps(order))
        for line in process.stdout:
            events, resident, peak = json.loads(line)
            yield events, resident, peak
    if process.returncode:
        raise WrongOutcome(f"the consumer process ended with status {process.returncode}; see what it wrote")


def _figures(looks: list[tuple[int, float, float]]) -> list[Figure]:
    by_events = [Figure(f"resident after {events:,} events", "MiB", (resident,)) for events, resident, _ in looks]
    # The look at which the peak so far was last raised: the peak lies in the stretch before it.
    raised = [after[0] for before, after in pairwise(looks) if after[2] > before[2]]
    middle = looks[len(looks) // 2][1]
    return [
        *by_events,
        Figure("peak", "MiB", (looks[-1][2],)),
        Figure("peak reached by", "events", (raised[-1] if raised else looks[0][0],)),
        Figure("growth over the second half", "MiB", (looks[-1][1] - middle,)),
    ]
