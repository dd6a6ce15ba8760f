"""Measures growth: the same slice of events on top of histories of growing size, which was loaded once for each."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

import psycopg

from benchmarks import end_to_end
from benchmarks.disk import bytes_per_session, other_choices
from benchmarks.entry_sets import post
from benchmarks.figures import Figure
from benchmarks.history import load_history
from benchmarks.history_lookups import look_ups
from benchmarks.positions import read_from_the_end
from benchmarks.processor_time import MemoryWatch
from benchmarks.stage import MESSAGES_PER_SESSION, Stage

# Of a larger history no copy is made for each round: its slices go on top of each other, and are little beside it.
_COPIED_MAX = 2_000_000
_ENTRIES_PER_EVENT = 0.2


@dataclass(slots=True)
class _Level:
    """What was found on top of one history, each round, by name: rates a second, waits in ms, memory in MiB."""

    events: int
    rates: dict[str, list[float]] = field(default_factory=dict)
    waits: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, list[float]] = field(default_factory=dict)
    loading_s: float = 0.0
    disk: list[Figure] = field(default_factory=list)
    choices: list[Figure] = field(default_factory=list)


def measure(
    stage: Stage, rounds: int, report: Callable[[str], None], history: Sequence[int]
) -> dict[str, list[Figure]]:
    """Figures by measure: `growth`, what was measured on top of each history, and `disk`, what histories take.

    Growth is flat when the slowest is near the fastest; memory is of the largest process of each kind.
    """
    # Trying other choices makes copies of tables, which a history of middle size is enough for.
    choices_at = max([events for events in history if events <= _COPIED_MAX], default=0)
    levels = [_level(stage, rounds, report, events, choices_at) for events in sorted(history)]
    made: list[Figure] = []
    for name in levels[0].rates:
        made += [Figure(f"{name}, on {each.events:,}", "a second", tuple(each.rates[name])) for each in levels]
    for name in (*levels[0].rates, *(name for name in levels[0].waits if name.endswith("p50"))):
        medians = [median((each.rates | each.waits)[name]) for each in levels]
        made.append(Figure(f"slowest to fastest, {name}", "", (max(medians) / min(medians),)))
    for name in levels[0].waits:
        made += [Figure(f"{name}, on {each.events:,}", "ms", tuple(each.waits[name])) for each in levels]
    for name in levels[0].memory:
        made += [Figure(f"memory of {name}, on {each.events:,}", "MiB", tuple(each.memory[name])) for each in levels]
    made += [Figure(f"loading of {each.events:,}", "s", (each.loading_s,)) for each in levels]
    in_all = [
        Figure(f"in all, of {each.events:,}", size.unit, size.values) for each in levels for size in each.disk[:1]
    ]
    tried = [choice for each in levels for choice in each.choices]
    return {"growth": made, "disk": [*in_all, *levels[-1].disk[1:], *tried]}


def _level(stage: Stage, rounds: int, report: Callable[[str], None], events: int, choices_at: int) -> _Level:
    name = f"history_{events}"
    with psycopg.connect(stage.server_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        dsn, began = stage.dsn_of(name), time.perf_counter()
        loaded = load_history(stage, dsn, events)
        level = _Level(events, loading_s=time.perf_counter() - began)
        report(f"loaded a history of {loaded:,} events in {level.loading_s:.0f} s")
        level.disk = bytes_per_session(dsn, loaded // MESSAGES_PER_SESSION)
        if events == choices_at:
            level.choices = other_choices(dsn)
        for number in range(1, rounds + 1):
            with _ground(stage, name, events) as ground:
                report(f"round {number} of {rounds} on {events:,} events")
                _round(stage, ground, level, f"S{events}x{number}")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
        connection.execute("CHECKPOINT")
    return level


@contextmanager
def _ground(stage: Stage, name: str, events: int) -> Iterator[str]:
    if events > _COPIED_MAX:
        yield stage.dsn_of(name)
    else:
        with stage.database(name) as dsn:
            yield dsn


def _round(stage: Stage, dsn: str, level: _Level, mark: str) -> None:
    read_from_the_end(dsn, stage.ends())
    events = stage.add_events(stage.wanted, mark)
    watch = MemoryWatch()
    with watch.watching():
        found = end_to_end.run(dsn, stage.kafka, stage.group(), events)
    rates = {"events end to end": found.events_per_second}
    rates |= {f"events of {name} alone": events / seconds for name, seconds in found.phase_s.items()}
    seed = sum(map(len, level.rates.values())) + level.events
    rates["entries posted"] = post(dsn, int(stage.wanted * _ENTRIES_PER_EVENT), 1, seed=seed)
    for name, value in rates.items():
        level.rates.setdefault(name, []).append(value)
    for name, (half, nearly_all) in look_ups(dsn, level.events // MESSAGES_PER_SESSION, seed).items():
        level.waits.setdefault(f"{name}, p50", []).append(half)
        level.waits.setdefault(f"{name}, p99", []).append(nearly_all)
    for name, value in watch.named():
        level.memory.setdefault(name, []).append(value)
