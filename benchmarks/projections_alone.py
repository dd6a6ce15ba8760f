"""Measures each projection alone, catching up with a filled store from zero."""

import time
from collections.abc import Callable

import psycopg

from benchmarks.figures import Figure, figures
from benchmarks.stage import Stage
from projections.rebuild import rebuild
from projections.registry import PROJECTIONS

_FOLDED = "SELECT count(*) FROM event_store.stored_events WHERE topic = ANY(%s)"


def measure(stage: Stage, rounds: int, report: Callable[[str], None]) -> list[Figure]:
    """Events a second by projection: those of the topics that it is through with, and those it has folded."""
    events, template = stage.events, stage.filled()
    whole, folded = [], []
    for number in range(1, rounds + 1):
        report(f"round {number} of {rounds}: {', '.join(PROJECTIONS)}")
        with stage.database(template) as dsn:
            seconds = {name: _rebuilt(dsn, name) for name in PROJECTIONS}
            counts = {name: _count(dsn, name) for name in PROJECTIONS}
        whole.append([(f"{name}, from zero", events / seconds[name]) for name in PROJECTIONS])
        folded.append([(f"{name}, folded", counts[name] / seconds[name]) for name in PROJECTIONS])
    return [*figures("events/s", whole), *figures("stored events/s", folded)]


def _rebuilt(dsn: str, name: str) -> float:
    began = time.perf_counter()
    rebuild(dsn, [name])
    return time.perf_counter() - began


def _count(dsn: str, name: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(_FOLDED, (sorted(PROJECTIONS[name].topics),)).fetchone()
        return int(row[0]) if row else 0
