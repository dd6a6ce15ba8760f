"""Measures the allocator of load: a thousand sessions in one tree, and violations in ten thousand random trees."""

import gc
import time
from collections.abc import Callable

from benchmarks.allocation_trees import random_problem, site_problem, violations
from benchmarks.figures import Figure, figures
from benchmarks.stage import Stage

SESSIONS, TREES = 1_000, 10_000
_TRIES, _TREES_OF_A_SMALL_RUN, _SMALL = 20, 200, 50_000


def measure(stage: Stage, rounds: int, report: Callable[[str], None]) -> list[Figure]:
    """Milliseconds of an allocation, and violations among random trees; in one process and without a database."""
    trees = _TREES_OF_A_SMALL_RUN if stage.wanted < _SMALL else TREES
    found = figures("ms", [_times(each) for each in range(rounds)])
    report(f"{trees:,} random trees")
    wrong = sum(1 for seed in range(trees) for _ in _violations(seed))
    return [*found, Figure(f"violations in {trees:,} random trees", "", (float(wrong),))]


def _violations(seed: int) -> list[str]:
    problem = random_problem(seed)
    return [*violations(problem, problem.solved())]


def _times(seed: int) -> list[tuple[str, float]]:
    """The time of the processor for one tree, the middle and the slowest of some tries."""
    problem = site_problem(seed, SESSIONS)
    times = []
    # As where problems are answered: what was loaded is not looked through by the collector.
    gc.collect()
    gc.freeze()
    for _ in range(_TRIES):
        began = time.process_time()
        problem.solved()
        times.append((time.process_time() - began) * 1_000)
    gc.unfreeze()
    times.sort()
    name = f"{SESSIONS:,} sessions in one tree"
    return [(f"{name}, median", times[len(times) // 2]), (f"{name}, slowest of {_TRIES}", times[-1])]
