"""Measures posting alone: entries written in sets with all guards on, from one connection and from two."""

from collections.abc import Callable

from benchmarks.entry_sets import ENTRIES_PER_SET, post
from benchmarks.figures import Figure, figures
from benchmarks.stage import Stage
from projections.schema import migrate

# A session has between four and five entries; about as many as the sessions of the load have are posted.
_ENTRIES_PER_EVENT = 0.4


def measure(stage: Stage, rounds: int, report: Callable[[str], None]) -> list[Figure]:
    """Entries a second, each round on an empty book."""
    entries = max(ENTRIES_PER_SET * 2, int(stage.wanted * _ENTRIES_PER_EVENT))
    found = []
    for number in range(1, rounds + 1):
        report(f"round {number} of {rounds}: {entries:,} entries in sets of {ENTRIES_PER_SET:,}")
        found.append([(name, _posted(stage, entries, count)) for name, count in _CONNECTIONS.items()])
    return figures("entries/s", found)


_CONNECTIONS = {"one connection": 1, "two connections": 2}


def _posted(stage: Stage, entries: int, connections: int) -> float:
    with stage.database() as dsn:
        migrate(dsn)
        return post(dsn, entries, connections)
