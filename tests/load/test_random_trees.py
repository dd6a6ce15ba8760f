"""Random trees of circuits: nothing is exceeded, nobody could have more, and the order of cars says nothing.

`python -m benchmarks --only allocation` tries ten thousand; here there are some, drawn anew in each run.
"""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.allocation_trees import Problem, random_problem, site_problem, violations
from domain.load.allocation import Share, Why
from tests.load.test_allocation import car, site
from tests.support.examples import examples

SEEDS = st.integers(0, 2**63)


@settings(max_examples=examples(150))
@given(SEEDS)
def test_an_allocation_violates_nothing(seed: int) -> None:
    problem = random_problem(seed)
    assert [*violations(problem, problem.solved())] == []


@settings(max_examples=examples(40))
@given(SEEDS)
def test_the_order_of_cars_and_circuits_says_nothing(seed: int) -> None:
    problem = random_problem(seed)
    found = problem.solved()
    shuffle = Random(seed).shuffle
    shuffle(problem.cars)
    shuffle(problem.circuits)
    assert problem.solved() == found


def test_a_thousand_cars_in_one_tree_violate_nothing() -> None:
    problem = site_problem(1, 1_000)
    found = problem.solved()
    assert [*violations(problem, found)] == []
    assert {share.why for share in found.values()} == {*Why}


@pytest.mark.parametrize(
    ("share", "sentence"),
    [
        (Share(330, Why.MAXIMUM), "is not from its floor to its most"),
        (Share(50, Why.LIMITED, "site"), "is not from its floor to its most"),
        (Share(100, Why.LIMITED, "site"), "could have 110, and has 100"),
        (Share(0, Why.PAUSED), "could have 60, and has 0"),
        (Share(200, Why.LIMITED, "hall"), "is not limited by hall"),
        (Share(200, Why.MAXIMUM), "MAXIMUM is not why it has 200"),
        (Share(210, Why.LIMITED, "site"), "circuit site is exceeded"),
    ],
)
def test_what_is_wrong_is_seen(share: Share, sentence: str) -> None:
    problem = Problem([site(200)], [car("a")], 10, 230, 300)
    assert [*violations(problem, {"a": Share(200, Why.LIMITED, "site")})] == []
    assert any(sentence in each for each in violations(problem, {"a": share}))
