"""Measures intake beside a projector that stands still in the middle of a transaction, and without any projector."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks import backlog
from benchmarks.figures import Figure, figures
from benchmarks.stage import Stage
from ledger.database import Role, connect
from projections.registry import PROJECTIONS
from projections.runner import advance_live

_ALONE, _BESIDE = "intake without a projector", "intake beside a projector that stands still"


def measure(stage: Stage, rounds: int, report: Callable[[str], None]) -> list[Figure]:
    """Events a second that one intake takes in without a broker, and the ratio of each round."""
    events = max(1_000, stage.wanted // 2)
    speeds, ratios = [], []
    for number in range(1, rounds + 1):
        report(f"round {number} of {rounds}: {events:,} events twice")
        # What is measured first is not always the same one.
        names = (_ALONE, _BESIDE) if number % 2 else (_BESIDE, _ALONE)
        found = {name: _speed(stage, events, halted=name == _BESIDE) for name in names}
        speeds.append([(name, found[name]) for name in (_ALONE, _BESIDE)])
        ratios.append([("ratio of intake beside it to without", found[_BESIDE] / found[_ALONE])])
    return [*figures("events/s", speeds), *figures("", ratios)]


def _speed(stage: Stage, events: int, *, halted: bool) -> float:
    with stage.database() as dsn:
        backlog.prepare(dsn)
        if not halted:
            return backlog.take_in(dsn, events, 1).events_per_second
        backlog.take_in(dsn, 1_000, 1, "W")
        with halted_projector(dsn):
            return backlog.take_in(dsn, events, 1).events_per_second


@contextmanager
def halted_projector(dsn: str) -> Iterator[None]:
    """A projector that has applied a set of events and does not come to its commit while the block runs."""
    with connect(dsn, Role.PROJECTOR, autocommit=True) as connection, connection.transaction():
        advance_live(connection, sorted(PROJECTIONS))
        yield
