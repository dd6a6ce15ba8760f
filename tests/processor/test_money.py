"""Whoever is killed whenever, and whatever the bank does: no line is debited twice, and no cent is lost or made."""

import os
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from ledger.audit import verify
from tests.conftest import Stores
from tests.processor.world import Kill, World

EXAMPLES = int(os.environ.get("WATTLEDGER_TEST_INTERLEAVINGS", "4"))

# Each round has every step once, in some order, of some size, killed or not.
STEPS = ("tell", "pass_time", "advance", "relay", "take", "work", "answer", "consume", "decide")
KILLS = st.sampled_from([Kill.NOT, Kill.NOT, Kill.BEFORE, Kill.AFTER])
ROUNDS = st.lists(st.permutations([*STEPS, "work", "take"]), min_size=3, max_size=6)
OUTCOMES = ["pay", "accept", "reject:AC04", "reject:AM04", "reject:DU01", "return", "partial", "silent"]
MANNERS = ["", "+twice", "+shuffled", "+unknown", "+duplicate"]
CONDUCTS = st.sampled_from([f"{outcome}{manner}" for outcome in OUTCOMES for manner in MANNERS])


@pytest.mark.timeout(120 + 20 * EXAMPLES)
# Nothing is shrunk: an example takes seconds, and what is told of it can be tried again by hand.
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(
    seed=st.integers(0, 2**32 - 1), rounds=ROUNDS, conducts=st.lists(CONDUCTS, min_size=3, max_size=3), data=st.data()
)
def test_no_line_is_debited_twice_and_what_came_in_is_what_went_out_and_what_is_held(
    stores: Stores, seed: int, rounds: list[list[str]], conducts: list[str], data: st.DataObject
) -> None:
    note(f"seed {seed}, {conducts}")
    shares = [f"{conduct}=0.3" for conduct in dict.fromkeys(conducts)]
    with stores() as dsn, TemporaryDirectory(dir=memory()) as folder:
        world = World(dsn, Path(folder), seed, shares)
        try:
            for name in chain(*rounds):
                world.do(name, data.draw(st.integers(1, 12)), data.draw(KILLS))
                assert world.debits_at_any_moment() <= {0, 1}
            world.come_to_rest()
            assert world.debits_at_any_moment() <= {0, 1}
            assert world.driven.processor.desk.refusals() == []
            held = world.engine.balances()
            for currency in ("EUR", "SEK"):
                cash = held.get(f"1010 {currency}", 0)
                assert world.came_in[currency] == world.went_out()[currency] + cash
                in_transit = sum(-held[name] for name in held if name.startswith("2050/") and name.endswith(currency))
                assert in_transit == world.under_way()[currency]
                assert sum(amount for name, amount in held.items() if name.endswith(currency)) == 0
            assert verify(dsn).passed
        finally:
            world.close()


def memory() -> str | None:
    """Where files are quick, since each step of the processor waits for the disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
