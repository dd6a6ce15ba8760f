"""Measures hot accounts: entries that all touch one platform account, beside the same entries spread over many."""

from collections.abc import Callable

from benchmarks.entry_sets import COUNTERPARTS, ENTRIES_PER_SET, post
from benchmarks.figures import Figure, figures
from benchmarks.stage import Stage
from projections.schema import migrate

_ENTRIES_PER_EVENT = 0.5
_COUNTERPARTS = {"hot": 1, "spread": COUNTERPARTS}
_CONNECTIONS = 2


def measure(stage: Stage, rounds: int, report: Callable[[str], None]) -> list[Figure]:
    """Entries a second through two connections, all on one account and spread, and the ratio of each round."""
    entries = max(ENTRIES_PER_SET * _CONNECTIONS, int(stage.wanted * _ENTRIES_PER_EVENT))
    speeds, ratios = [], []
    for number in range(1, rounds + 1):
        report(f"round {number} of {rounds}: hot and spread")
        # What is measured first is not always the same one.
        order = sorted(_COUNTERPARTS, reverse=number % 2 == 0)
        found = {name: _posted(stage, entries, _COUNTERPARTS[name]) for name in order}
        hot, spread = found["hot"], found["spread"]
        speeds.append([("all on one account", hot), (f"spread over {COUNTERPARTS:,} accounts", spread)])
        ratios.append([("ratio of hot to spread", hot / spread)])
    return [*figures("entries/s", speeds), *figures("", ratios)]


def _posted(stage: Stage, entries: int, counterparts: int) -> float:
    with stage.database() as dsn:
        migrate(dsn)
        return post(dsn, entries, _CONNECTIONS, counterparts)
