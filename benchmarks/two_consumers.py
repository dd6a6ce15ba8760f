"""Measures two consumer processes beside one: with the database alone, and with the broker on the same processors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks import backlog, end_to_end
from benchmarks.figures import Figure, figures
from benchmarks.processor_time import processor_time
from benchmarks.stage import Stage
from projections.schema import migrate


@dataclass(frozen=True, slots=True)
class _Found:
    """What so many processes took in a second, and how many processors they and the servers kept busy."""

    events_per_second: float
    busy: float


def measure(stage: Stage, rounds: int, report: Callable[[str], None]) -> list[Figure]:
    """Events a second that one and two processes take in, the ratios of each round, and processors kept busy."""
    speeds, ratios, busy = [], [], []
    for number in range(1, rounds + 1):
        report(f"round {number} of {rounds}: one and two consumers, database alone, then with the broker")
        found = {
            f"{count}, {name}": run(stage, processes)
            for name, run in _SURROUNDINGS.items()
            for count, processes in (("one", 1), ("two", 2))
        }
        speed = {name: each.events_per_second for name, each in found.items()}
        speeds.append(list(speed.items()))
        ratios.append([(f"ratio of two to one, {name}", _ratio(speed, name)) for name in _SURROUNDINGS])
        busy.append([(f"processors busy, {name}", each.busy) for name, each in found.items()])
    return [*figures("events/s", speeds), *figures("", ratios), *figures("processors", busy)]


def _ratio(speed: Mapping[str, float], name: str) -> float:
    return speed[f"two, {name}"] / speed[f"one, {name}"]


def _without_broker(stage: Stage, processes: int) -> _Found:
    events = max(1_000, stage.wanted // 2)
    with stage.database() as dsn:
        backlog.prepare(dsn)
        before = processor_time()
        found = backlog.take_in(dsn, events, processes)
        # The processes have made their records, too, which is no part of what is measured.
        spent_s = found.python_s + (processor_time() - before).postgres_s
        return _Found(found.events_per_second, spent_s / found.seconds)


def _with_broker(stage: Stage, processes: int) -> _Found:
    events = stage.events
    with stage.database() as dsn:
        migrate(dsn)
        found = end_to_end.run(dsn, stage.kafka, stage.group(), events, processes)
        return _Found(events / found.phase_s["intake"], found.spent.in_all_s / found.seconds)


_SURROUNDINGS = {"database alone": _without_broker, "with the broker": _with_broker}
