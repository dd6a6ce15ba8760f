"""Random trees of circuits with cars below them, from a seed, and what is wrong with an allocation of one.

The check knows nothing of how shares are found: it adds up what each circuit carries, in fractions, and tries one
step more.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from random import Random
from typing import Any, NamedTuple

from domain.exact import Exact
from domain.load.allocation import Car, Share, Why, allocate
from domain.load.circuits import Circuit, Tree

_PHASES = ((1,), (2,), (3,), (1, 2), (2, 3), (1, 2, 3), (1, 2, 3))
_VOLTS: tuple[Exact, ...] = (230, 208, Fraction(4_001, 10))


class Problem(NamedTuple):
    """What is to be allocated."""

    circuits: list[Circuit]
    cars: list[Car]
    step_a: int
    voltage_v: Exact
    interval_s: int

    def solved(self) -> Mapping[str, Share]:
        """The share of each car."""
        return allocate(
            self.cars,
            Tree(self.circuits),
            step_a=self.step_a,
            voltage_v=self.voltage_v,
            interval_s=self.interval_s,
        )


def random_problem(seed: int, *, circuits: int = 8, cars: int = 12) -> Problem:
    """A tree of up to so many circuits, or several, with up to so many cars; the same for the same seed."""
    random = Random(seed)
    tree = [_circuit(random, number, cars) for number in range(random.randint(1, circuits))]
    return Problem(
        tree,
        [_car(random, number, random.choice(tree).circuit_id) for number in range(random.randint(0, cars))],
        random.choice((1, 10, 10, 25)),
        random.choice(_VOLTS),
        random.choice((60, 300, 900)),
    )


def site_problem(seed: int, cars: int) -> Problem:
    """One tree of 121 circuits in three levels, with so many cars in it: about half of what they could draw."""
    random = Random(seed)
    tree = [Circuit(circuit_id="site", max_a=cars * 80, max_w=cars * 80 * 45)]
    for hall in range(20):
        tree.append(Circuit(circuit_id=f"h{hall}", parent="site", max_a=cars * 45 // 10 + random.randint(-500, 500)))
        for row in range(5):
            most_a = cars + random.randint(-150, 150)
            tree.append(Circuit(circuit_id=f"h{hall}r{row}", parent=f"h{hall}", max_a=most_a))
    rows = [each.circuit_id for each in tree if "r" in each.circuit_id]
    return Problem(tree, [_car(random, number, random.choice(rows)) for number in range(cars)], 10, 230, 300)


def _circuit(random: Random, number: int, cars: int) -> Circuit:
    above = [f"c{each}" for each in range(number)]
    limits: dict[str, Any] = {}
    if random.random() < 0.7:
        limits |= {"max_a": random.randint(0, 80 * cars), "base_a": tuple(random.randint(0, 100) for _ in range(3))}
    if random.random() < 0.4:
        limits |= {"max_w": random.randint(0, 3_000 * cars), "base_w": Fraction(random.randint(0, 9_000), 7)}
    parent = random.choice(above) if above and random.random() < 0.9 else None
    return Circuit(circuit_id=f"c{number}", parent=parent, **limits)


def _car(random: Random, number: int, circuit: str) -> Car:
    return Car(
        session_id=f"s{number}",
        circuit=circuit,
        phases=random.choice(_PHASES),
        min_a=60,
        max_a=random.choice((random.randint(60, 320), random.randint(0, 320))),
        need_wh=random.choice((None, random.randint(0, 5_000), Fraction(random.randint(0, 60_000), 7))),
        departs_in_s=random.choice((None, random.randint(-600, 30_000))),
        connected_s=random.randint(0, 3),
        delivered_wh=random.randint(0, 3),
        priority=random.choice((0, 0, 0, 5)),
    )


def violations(problem: Problem, shares: Mapping[str, Share]) -> Iterator[str]:
    """What is wrong with an allocation: a sentence each."""
    currents = {session_id: share.a for session_id, share in shares.items()}
    yield from (f"circuit {each} is exceeded" for each in exceeded(problem, currents))
    for car in problem.cars:
        share, most = shares[car.session_id], _most(car, problem)
        if share.a and not car.min_a <= share.a <= max(car.min_a, most):
            yield f"session {car.session_id}: {share.a} is not from its floor to its most, {most}"
        more = min(share.a - share.a % problem.step_a + problem.step_a, most) if share.a else car.min_a
        may_have_more = share.a < more <= max(car.min_a * (most > 0), most)
        full = exceeded(problem, currents | {car.session_id: more}) if may_have_more else []
        if may_have_more and not full:
            yield f"session {car.session_id}: could have {more}, and has {share.a}"
        if share.why is Why.LIMITED and share.circuit not in full:
            yield f"session {car.session_id}: is not limited by {share.circuit}"
        if (share.why is Why.LIMITED) != bool(share.a and may_have_more):
            yield f"session {car.session_id}: {share} is not why it has {share.a}"


def _most(car: Car, problem: Problem) -> int:
    """The most that a car may have: its maximum, and what finishes its need, in whole steps."""
    most = car.max_a
    if car.need_wh is None or not car.max_a:
        return most
    left_s = problem.interval_s
    if car.departs_in_s is not None and 0 < car.departs_in_s < left_s:
        left_s = int(car.departs_in_s)
    steps = Fraction(car.need_wh) * 3_600 * 10 / (problem.voltage_v * len(car.phases) * left_s * problem.step_a)
    return min(most, -(-steps.numerator // steps.denominator) * problem.step_a)


def exceeded(problem: Problem, currents: Mapping[str, int]) -> list[str]:
    """The circuits that carry more than they can, and some of it for cars."""
    parents = {each.circuit_id: each.parent for each in problem.circuits}
    phases: dict[str, list[int]] = {each.circuit_id: [0, 0, 0] for each in problem.circuits}
    for car in problem.cars:
        above: str | None = car.circuit
        while above is not None:
            for phase in car.phases:
                phases[above][phase - 1] += currents[car.session_id]
            above = parents[above]
    return [each.circuit_id for each in problem.circuits if _is_exceeded(each, phases[each.circuit_id], problem)]


def _is_exceeded(circuit: Circuit, phases: list[int], problem: Problem) -> bool:
    power_w = sum(phases) * Fraction(problem.voltage_v) / 10 + circuit.base_w
    if circuit.max_w is not None and any(phases) and power_w > circuit.max_w:
        return True
    if circuit.max_a is None:
        return False
    return any(a and a + base > circuit.max_a for a, base in zip(phases, circuit.base_a, strict=True))
