"""`python -m tests.simulation`: seeds one after the other; of the first that fails the trace, and the least of it."""

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

from projections.schema import migrate
from tests.simulation.plan import Plan
from tests.simulation.running import Outcome, Runner, Stores
from tests.simulation.shrinking import shrunk
from wattledger.embedded import EmbeddedPostgres

_MEMORY = Path("/dev/shm")


@contextmanager
def own_stores() -> Iterator[Stores]:
    """Empty stores on a server of one's own, in memory where there is such a place."""
    place = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="wattledger-simulation-", dir=place) as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder)) as server:
            address = server.dsn.rpartition("/")[0]
            with psycopg.connect(server.dsn, autocommit=True) as connection:
                connection.execute("CREATE DATABASE empty_store")
            migrate(f"{address}/empty_store")
            numbers = count(1)

            @contextmanager
            def lend() -> Iterator[str]:
                name = f"store_{next(numbers)}"
                with psycopg.connect(server.dsn, autocommit=True) as connection:
                    connection.execute(f"CREATE DATABASE {name} TEMPLATE empty_store STRATEGY FILE_COPY".encode())
                    yield f"{address}/{name}"
                    connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

            yield lend


def main() -> int:
    """Run what was asked for; 0 where nothing failed."""
    parser = argparse.ArgumentParser("python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many, one after the other")
    parser.add_argument("--messages", type=int, default=200, help="about how many messages a history has")
    parser.add_argument("--trace", action="store_true", help="print what happened, also where nothing was wrong")
    parser.add_argument("--twice", action="store_true", help="run each seed twice, and compare the hashes")
    parser.add_argument("--no-shrink", action="store_true", help="do not look for the least that still fails")
    parser.add_argument("--go-on", action="store_true", help="run the rest after one that failed")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    failed = 0
    began, steps = time.monotonic(), 0
    with own_stores() as stores, tempfile.TemporaryDirectory() as folder:
        runner = Runner(stores, Path(folder))
        for seed in range(asked.seed, asked.seed + asked.seeds):
            plan = Plan.of(seed, asked.messages)
            outcome = runner.run(plan)
            steps += outcome.steps
            if asked.twice and not outcome.fault and runner.run(plan).digest != outcome.digest:
                _say(f"seed {seed}: two runs differ")
                failed += 1
            _print(outcome, with_trace=asked.trace or bool(outcome.fault))
            if outcome.fault:
                failed += 1
                if not asked.no_shrink:
                    _say("the least that still fails:")
                    _print(shrunk(runner, outcome), with_trace=True)
                if not asked.go_on:
                    break
    seconds = time.monotonic() - began
    _say(f"{asked.seeds} seeds, {failed} failed, {steps} steps, {seconds:.0f} s")
    return min(failed, 1)


def _print(outcome: Outcome, *, with_trace: bool) -> None:
    if with_trace:
        _say("\n".join(outcome.trace))
    plan = outcome.plan
    told = f"{outcome.steps} steps, {outcome.accidents} accidents, hash {outcome.digest[:16]}"
    alone = f"python -m tests.simulation --seed {plan.seed} --messages {plan.history.messages} --trace"
    _say(f"seed {plan.seed}: {outcome.fault or 'holds'}; {told}; alone: {alone}")


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
