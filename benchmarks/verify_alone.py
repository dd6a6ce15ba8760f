"""Measures `verify`: the whole book derived again from the stored events and every invariant checked."""

import time
from collections.abc import Callable

from benchmarks.end_to_end import WrongOutcome, rows_written
from benchmarks.figures import Figure, figures
from benchmarks.stage import Stage
from ledger.audit.audit import verify


def measure(stage: Stage, rounds: int, report: Callable[[str], None]) -> list[Figure]:
    """Stored events, entries and events of the topics a second; raises WrongOutcome when the book is not sound."""
    events, template = stage.events, stage.filled()
    found = []
    with stage.database(template) as dsn:
        rows = rows_written(dsn)
        for number in range(1, rounds + 1):
            report(f"round {number} of {rounds}: verify")
            began = time.perf_counter()
            audit = verify(dsn)
            seconds = time.perf_counter() - began
            if not audit.passed:
                raise WrongOutcome("verify found fault with the book of a measurement: see what it says of it")
            found.append([("events", events / seconds), ("stored events", rows.events / seconds)])
            found[-1].append(("entries", rows.entries / seconds))
    return figures("a second", found)
