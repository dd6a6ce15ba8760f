"""Measures two consumer processes beside one: with the database alone, and with the broker on the same processors."""

import time
from collections.abc import Callable

import psycopg

from benchmarks import backlog
from benchmarks.consumer_process import start_consumer
from benchmarks.end_to_end import WrongOutcome
from benchmarks.figures import Figure, figures
from benchmarks.stage import Stage
from ledger.migrate import migrate

_ACCEPTED = "SELECT coalesce(sum(accepted), 0)::bigint FROM intake.tally"
_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 900
# Joining the group takes seconds, and at the end one of two may have nothing left: neither is counted.
_FROM, _TO = 0.1, 0.9


def measure(stage: Stage, rounds: int, report: Callable[[str], None]) -> list[Figure]:
    """Events a second of one and of two, and the ratios of each round."""
    speeds, ratios = [], []
    for number in range(1, rounds + 1):
        report(f"round {number} of {rounds}: one and two consumers, database alone, then with the broker")
        alone = [_without_broker(stage, members) for members in (1, 2)]
        beside = [_with_broker(stage, members) for members in (1, 2)]
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


def _without_broker(stage: Stage, members: int) -> float:
    with stage.database() as dsn:
        backlog.prepare(dsn)
        return backlog.take_in(dsn, max(1_000, stage.wanted // 2), members)


def _with_broker(stage: Stage, members: int) -> float:
    events, group = stage.events, stage.group()
    with stage.database() as dsn:
        migrate(dsn)
        order = {"dsn": dsn, "kafka": dict(stage.kafka), "group": group, "step": None}
        processes = [start_consumer(order) for _ in range(members)]
        try:
            return _watched(dsn, events, lambda: all(process.poll() is None for process in processes))
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                with process:
                    process.wait()


def _watched(dsn: str, events: int, alive: Callable[[], bool]) -> float:
    """Events a second over the middle of a backlog that others take in."""
    looks: list[tuple[float, int]] = []
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with psycopg.connect(dsn, autocommit=True) as connection:
        while not looks or looks[-1][1] < events:
            row = connection.execute(_ACCEPTED).fetchone()
            looks.append((time.monotonic(), row[0] if row else 0))
            if not alive() or time.monotonic() > deadline:
                raise WrongOutcome(f"the consumers took in {looks[-1][1]} of {events} events: see what they wrote")
            time.sleep(_LOOK_SECONDS)
    first = next(look for look in looks if look[1] >= _FROM * events)
    last = next(look for look in looks if look[1] >= _TO * events)
    if last[0] == first[0]:
        first = looks[0]
    return (last[1] - first[1]) / (last[0] - first[0])
