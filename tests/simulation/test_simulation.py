"""Whatever is killed, lost, doubled or late: invariants hold after each action, and the result is the quiet run's.

WATTLEDGER_TEST_SIMULATIONS says how many seeds are tried, WATTLEDGER_TEST_SIMULATION_SEED which is the first.
"""

import os
import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from consumers.publisher import Outgoing
from ledger.intake import outbox, positions
from tests.conftest import Stores
from tests.simulation.broker import LossyPublisher
from tests.simulation.plan import SEEDS_PER_HISTORY, Plan
from tests.simulation.running import Runner
from tests.simulation.shrinking import shrunk

SEEDS = int(os.environ.get("WATTLEDGER_TEST_SIMULATIONS", "3"))
FIRST = int(os.environ.get("WATTLEDGER_TEST_SIMULATION_SEED", "0")) or random.randrange(1, 10**6) * SEEDS_PER_HISTORY
# A long history takes ten times as long as it finds more; those are for `python -m tests.simulation`.
MESSAGES, FEW = 60, 30


@pytest.fixture(scope="module")
def runner(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    return Runner(stores, tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.timeout(300 + 60 * SEEDS)
def test_a_disturbed_system_comes_to_what_the_undisturbed_one_does(runner: Runner) -> None:
    for seed in range(FIRST, FIRST + SEEDS):
        outcome = runner.run(Plan.of(seed, MESSAGES))
        again = f"python -m tests.simulation --seed {seed} --messages {MESSAGES} --trace"
        assert outcome.fault == "", "\n".join((*outcome.trace, f"{outcome.fault}: {again}"))


def test_a_seed_does_the_same_each_time_and_another_one_does_not(runner: Runner) -> None:
    first = runner.run(Plan.of(3, FEW))
    assert (first.fault, first.accidents > 0) == ("", True)
    assert runner.run(Plan.of(3, FEW)).digest == first.digest
    assert runner.run(replace(Plan.of(3, FEW), seed=4)).digest != first.digest


_DELETE, _ADVANCE, _SEND_ALL = outbox.delete, positions.advance, LossyPublisher.send_all


def _forgets_one_more(cursor: Any, outbox_ids: list[int]) -> None:
    following = [row.outbox_id for row in outbox.pending(cursor, 1, outbox_ids)]
    _DELETE(cursor, [*outbox_ids, *following])


def _passes_one_more(cursor: Any, moves: dict[Any, tuple[int, Any]]) -> None:
    _ADVANCE(cursor, {home: (next_offset + 1, at) for home, (next_offset, at) in moves.items()})


async def _turns_around(publisher: LossyPublisher, records: Iterable[Outgoing]) -> None:
    await _SEND_ALL(publisher, list(records)[::-1])


PLANTED: dict[str, tuple[object, str, Any]] = {
    "were sent": (outbox, "delete", _forgets_one_more),
    "records are counted": (positions, "advance", _passes_one_more),
    "was sent otherwise": (LossyPublisher, "send_all", _turns_around),
}


@pytest.mark.parametrize("told", PLANTED)
def test_a_mistake_in_the_engine_is_seen(runner: Runner, monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setattr(*PLANTED[told])
    assert told in runner.run(Plan.of(3, FEW)).fault


def test_what_fails_is_cut_down_to_what_it_takes(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions, "advance", _passes_one_more)
    outcome = runner.run(Plan.of(3, FEW))
    assert outcome.plan.accidents
    least = shrunk(runner, outcome, tries_max=1)
    assert "records are counted" in least.fault
    assert least.plan.accidents == ()
