"""Measures two consumer processes beside one: with the database alone, and with the broker on the same processors."""

from collections.abc import Callable

from benchmarks import backlog, end_to_end
from benchmarks.figures import Figure, figures
from benchmarks.stage import Stage
from ledger.migrate import migrate


def measure(stage: Stage, rounds: int, report: Callable[[str], None]) -> list[Figure]:
    """Events a second that one and two processes take in, and the ratios of each round."""
    speeds, ratios = [], []
    for number in range(1, rounds + 1):
        report(f"round {number} of {rounds}: one and two consumers, database alone, then with the broker")
        alone = [_without_broker(stage, processes) for processes in (1, 2)]
        beside = [_with_broker(stage, processes) for processes in (1, 2)]
        speeds.append(
            [
                ("one, database alone", alone[0]),
                ("two, database alone", alone[1]),
                ("one, with the broker", beside[0]),
                ("two, with the broker", beside[1]),
            ]
        )
        ratios.append(
            [
                ("ratio of two to one, database alone", alone[1] / alone[0]),
                ("ratio of two to one, with the broker", beside[1] / beside[0]),
            ]
        )
    return [*figures("events/s", speeds), *figures("", ratios)]


def _without_broker(stage: Stage, processes: int) -> float:
    with stage.database() as dsn:
        backlog.prepare(dsn)
        return backlog.take_in(dsn, max(1_000, stage.wanted // 2), processes)


def _with_broker(stage: Stage, processes: int) -> float:
    events = stage.events
    with stage.database() as dsn:
        migrate(dsn)
        found = end_to_end.run(dsn, stage.kafka, stage.group(), events, processes)
        return events / found.phase_s["intake"]
