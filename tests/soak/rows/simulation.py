"""The whole engine in one process, with accidents from a seed (decision 80): the result is that of the quiet run."""

from collections.abc import Iterator

from tests.simulation.plan import Plan
from tests.simulation.running import Runner
from tests.soak.row import Row, Soak, Try, held

_SEEDS, _MESSAGES, _TOLD_MAX = 10_000, 200, 2_000


def _simulate(soak: Soak) -> Iterator[Try]:
    runner = Runner(soak.stores, soak.folder)
    for seed in range(soak.seed, soak.seed + _SEEDS):
        outcome = runner.run(Plan.of(seed, _MESSAGES))
        alone = f"python -m tests.simulation --seed {seed} --messages {_MESSAGES}"
        yield held("seeds", not outcome.fault, f"{alone}: {outcome.fault[:_TOLD_MAX]}")


ROWS = (Row("simulation", "Whatever is killed, lost, doubled or late: the result is the quiet run's.", _simulate),)
