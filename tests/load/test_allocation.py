"""What cars get of a tree of circuits: worked examples, and what holds of every problem."""

from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import DomainError
from domain.exact import Exact
from domain.load.allocation import Car, Share, allocate
from domain.load.circuits import Circuit, Tree

VOLTS = 230
VOLTAGES: list[Exact] = [230, 208, Fraction(231, 2)]


def car(session_id: str, circuit: str = "site", **changes: Any) -> Car:
    """A car of three phases that may have 6 to 32 A."""
    usual: dict[str, Any] = {"phases": (1, 2, 3), "min_a": 60, "max_a": 320}
    return Car(session_id=session_id, circuit=circuit, **usual | changes)


def shares(cars: list[Car], *circuits: Circuit, step_a: int = 10) -> dict[str, str]:
    """What each gets, in words."""
    found = allocate(cars, Tree(circuits), step_a=step_a, voltage_v=VOLTS, interval_s=300)
    return {session_id: f"{share.a / 10:g} {share}" for session_id, share in found.items()}


def site(max_a: int | None = None, **more: Any) -> Circuit:
    return Circuit(circuit_id="site", max_a=max_a, **more)


def test_equal_cars_get_equal_shares_and_the_rest_by_steps() -> None:
    found = shares([car("a", delivered_wh=5), car("b"), car("c", connected_s=9)], site(320))
    # 32 A among three: 10.67 each, which is 10 in steps; two of them get one more, the least delivered first.
    assert found == {"a": "10 LIMITED:site", "b": "11 LIMITED:site", "c": "11 LIMITED:site"}


def test_who_can_take_less_leaves_the_rest_to_others() -> None:
    assert shares([car("a", max_a=80), car("b"), car("c")], site(320)) == {
        "a": "8 MAXIMUM",
        "b": "12 LIMITED:site",
        "c": "12 LIMITED:site",
    }


def test_a_car_at_its_maximum_stays_there_between_two_steps() -> None:
    assert shares([car("a", max_a=154), car("b")], site(400)) == {"a": "15.4 MAXIMUM", "b": "24 LIMITED:site"}
    # 15.2 A each by level, 15 A in steps; what is left is enough for the part of a step that one is short of.
    assert shares([car("a", max_a=154), car("b")], site(304)) == {"a": "15.4 MAXIMUM", "b": "15 LIMITED:site"}
    assert shares([car("a", max_a=154), car("b")], site(303)) == {"a": "15 LIMITED:site", "b": "15 LIMITED:site"}


def test_the_floor_is_for_as_many_as_there_is_room_for() -> None:
    found = shares([car("a"), car("b", delivered_wh=9), car("c")], site(170))
    assert found == {"a": "9 LIMITED:site", "b": "0 PAUSED", "c": "8 LIMITED:site"}


def test_a_promise_comes_before_the_floors_of_others() -> None:
    # 13.8 kWh in two hours are 10 A on three phases; the level of 10.5 A leaves a step, and promises come first.
    leaves = car("a", need_wh=13_800, departs_in_s=7_200)
    assert shares([leaves, car("b"), car("c")], site(210)) == {
        "a": "11 LIMITED:site",
        "b": "10 LIMITED:site",
        "c": "0 PAUSED",
    }


def test_of_promises_the_earliest_departure_comes_first_and_the_last_gets_less() -> None:
    hour = car("hour", need_wh=11_040, departs_in_s=3_600)
    two = car("two", need_wh=22_080, departs_in_s=7_200)
    passed = car("passed", need_wh=230, departs_in_s=-60)
    # 6 A finish 230 Wh within the interval; 16 A and 16 A are the others', of which 26 A are left.
    assert shares([two, hour, passed], site(320)) == {
        "two": "10 LIMITED:site",
        "hour": "16 LIMITED:site",
        "passed": "6 SATISFIED",
    }


def test_nobody_gets_more_than_finishes_the_need() -> None:
    # 575 Wh in five minutes are 10 A on three phases.
    found = shares([car("a", need_wh=575), car("b", need_wh=0), car("c", need_wh=1)], site(320))
    assert found == {"a": "10 SATISFIED", "b": "0 SATISFIED", "c": "6 SATISFIED"}


def test_phases_and_power_are_counted_as_they_are_used() -> None:
    tree = site(160, max_w=9_000, base_a=(0, 100, 0))
    found = shares([car("one", phases=(1,)), car("two", phases=(2,)), car("three", phases=(3,))], tree)
    assert found == {"one": "16 LIMITED:site", "two": "6 LIMITED:site", "three": "16 LIMITED:site"}
    assert shares([car("all")], site(None, max_w=9_000)) == {"all": "13 LIMITED:site"}


def test_each_circuit_above_has_its_say() -> None:
    hall = Circuit(circuit_id="hall", parent="site", max_a=160)
    found = shares([car("a", "hall"), car("b", "hall"), car("c"), car("d")], site(400), hall)
    assert found == {"a": "8 LIMITED:hall", "b": "8 LIMITED:hall", "c": "12 LIMITED:site", "d": "12 LIMITED:site"}


def test_a_class_is_served_before_the_next_one() -> None:
    found = shares([car("low"), car("high", priority=3)], site(370))
    assert found == {"low": "0 PAUSED", "high": "32 MAXIMUM"}


@pytest.mark.parametrize(
    ("circuits", "cars", "sentence"),
    [
        ([site(1), site(2)], [], "circuit site: is there twice"),
        ([Circuit(circuit_id="a", parent="b")], [], "its parent b is not among"),
        ([Circuit(circuit_id="a", parent="b"), Circuit(circuit_id="b", parent="a")], [], "is its own ancestor"),
        ([site(1)], [car("a", "hall")], "circuit hall: is not among"),
        ([site(1)], [car("a"), car("a")], "session a: is there twice"),
    ],
)
def test_what_cannot_be_is_refused(circuits: list[Circuit], cars: list[Car], sentence: str) -> None:
    with pytest.raises(DomainError, match=sentence):
        allocate(cars, Tree(circuits), step_a=10, voltage_v=VOLTS, interval_s=300)


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[Circuit], list[Car], Exact]:
    """Trees, or several, of up to five circuits, and up to seven cars."""
    whole = st.integers
    circuits = [
        Circuit(
            circuit_id=f"c{number}",
            parent=draw(st.none() | st.sampled_from([f"c{each}" for each in range(number)])) if number else None,
            max_a=draw(st.none() | whole(0, 500)),
            max_w=draw(st.none() | whole(0, 20_000)),
            base_a=(draw(whole(0, 60)), 0, draw(whole(0, 90))),
            base_w=draw(whole(0, 3_000)),
        )
        for number in range(draw(whole(1, 5)))
    ]
    cars = [
        Car(
            session_id=f"s{number}",
            circuit=draw(st.sampled_from(circuits)).circuit_id,
            phases=draw(st.sampled_from([(1,), (2,), (1, 2), (1, 2, 3)])),
            min_a=60,
            max_a=draw(whole(60, 320)),
            need_wh=draw(st.none() | whole(0, 5_000)),
            departs_in_s=draw(st.none() | whole(-100, 4_000)),
            connected_s=draw(whole(0, 2)),
            delivered_wh=draw(whole(0, 2)),
            priority=draw(st.sampled_from([0, 0, 5])),
        )
        for number in range(draw(whole(0, 7)))
    ]
    return circuits, cars, draw(st.sampled_from(VOLTAGES))


def exceeded(circuits: list[Circuit], cars: list[Car], currents: Mapping[str, int], volts: Exact) -> list[str]:
    """The circuits that carry more than they can because of the cars below them."""
    parents = {each.circuit_id: each.parent for each in circuits}

    def is_below(name: str | None, circuit: str) -> bool:
        while name is not None and name != circuit:
            name = parents[name]
        return name == circuit

    found = []
    for circuit in circuits:
        below = [each for each in cars if currents[each.session_id] and is_below(each.circuit, circuit.circuit_id)]
        phases = [sum(currents[each.session_id] for each in below if phase in each.phases) for phase in (1, 2, 3)]
        watts = sum(phases) * Fraction(volts) / 10 + circuit.base_w
        too_many_a = circuit.max_a is not None and any(
            a and a + base > circuit.max_a for a, base in zip(phases, circuit.base_a, strict=True)
        )
        if too_many_a or (below and circuit.max_w is not None and watts > circuit.max_w):
            found.append(circuit.circuit_id)
    return found


@given(problems(), st.randoms(use_true_random=False), st.sampled_from([1, 10, 25]))
def test_no_limit_is_exceeded_and_nobody_could_take_another_step(
    problem: tuple[list[Circuit], list[Car], Exact], shuffle: Any, step_a: int
) -> None:
    circuits, cars, volts = problem

    def answer(of: list[Car]) -> dict[str, Share]:
        return dict(allocate(of, Tree(circuits), step_a=step_a, voltage_v=volts, interval_s=300))

    found = answer(cars)
    currents = {session_id: share.a for session_id, share in found.items()}
    assert exceeded(circuits, cars, currents, volts) == []
    for each in cars:
        a, why = found[each.session_id].a, found[each.session_id].why
        assert a == 0 or 60 <= a <= each.max_a
        if why == "LIMITED":
            more = currents | {each.session_id: min((a // step_a + 1) * step_a, each.max_a)}
            assert found[each.session_id].circuit in exceeded(circuits, cars, more, volts)
        elif why == "MAXIMUM":
            assert a == each.max_a
    shuffled = [*cars]
    shuffle.shuffle(shuffled)
    assert answer(shuffled) == found


@given(st.data())
def test_levels_are_the_leximin_of_all_that_the_circuits_allow(data: st.DataObject) -> None:
    # Limits that steps of half an ampere share out without a rest, so that the continuous optimum is one of few.
    whole, where = st.integers, st.sampled_from(["site", "hall"])
    circuits = [site(data.draw(whole(36, 60)) * 10), Circuit(circuit_id="hall", parent="site", max_a=240)]
    cars = [
        car(
            f"s{number}",
            data.draw(where),
            phases=(1,),
            max_a=data.draw(whole(6, 16)) * 10,
        )
        for number in range(data.draw(whole(1, 3)))
    ]
    found = allocate(cars, Tree(circuits), step_a=10, voltage_v=VOLTS, interval_s=300)
    best = max(
        sorted(levels)
        for levels in product(*(range(60, each.max_a + 1, 10) for each in cars))
        if not exceeded(circuits, cars, dict(zip((each.session_id for each in cars), levels, strict=True)), VOLTS)
    )
    assert sorted(share.a for share in found.values()) == best
