"""Ways to share a limit among cars, to be compared: the rule of WattLedger, and what others do or might.

Each says at a moment what cars may draw, by session in tenths of an ampere a phase. All but the rule are taken at
their best: they may tell any current, with no floor and no steps.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

from domain.exact import Exact
from domain.load.allocation import Car, allocate
from domain.load.circuits import Circuit, Tree
from domain.load.stays import SECONDS_AN_HOUR, TENTHS_AN_AMPERE, Plugged, Trial

Currents: TypeAlias = Mapping[str, int]
# Of the cars that are plugged in, those included that have all they need, at a moment in seconds since 1970.
Policy: TypeAlias = Callable[[Sequence[Plugged], Trial, int], Currents]


def unmanaged(cars: Sequence[Plugged], trial: Trial, now: int) -> Currents:
    """Each draws what it can: no limit at all."""
    return {car.stay.session_id: car.stay.max_a for car in cars}


def equal_share(cars: Sequence[Plugged], trial: Trial, now: int) -> Currents:
    """The limit divided by all that are plugged in, whether they still charge or not."""
    each = trial.room // sum(len(car.stay.phases) for car in cars)
    return {car.stay.session_id: min(each, car.stay.max_a) for car in cars}


def first_come(cars: Sequence[Plugged], trial: Trial, now: int) -> Currents:
    """Who came first draws what it can, and who came last what is left."""
    return _in_order(_wanting(cars), lambda car: (car.stay.connected_at,), trial, now, is_declared=False)


def max_min(cars: Sequence[Plugged], trial: Trial, now: int) -> Currents:
    """Equal levels of all that still charge, of which nothing is known."""
    left = trial.room
    found = {}
    rising = sorted(_wanting(cars), key=lambda car: (car.stay.max_a, car.stay.session_id))
    phases = sum(len(car.stay.phases) for car in rising)
    for car in rising:
        a = min(car.stay.max_a, left // phases)
        found[car.stay.session_id] = a
        left -= a * len(car.stay.phases)
        phases -= len(car.stay.phases)
    return found


def earliest_departure(cars: Sequence[Plugged], trial: Trial, now: int) -> Currents:
    """Who leaves first draws what it can (EDF): all needs and departures are known."""
    return _in_order(_wanting(cars), lambda car: (car.stay.departs_at,), trial, now, is_declared=True)


def least_laxity(cars: Sequence[Plugged], trial: Trial, now: int) -> Currents:
    """Who could wait the shortest and still be full draws what it can (LLF): all needs and departures are known."""

    def laxity(car: Plugged) -> tuple[Exact]:
        return (car.stay.departs_at - now - Fraction(car.missing, car.stay.max_a * len(car.stay.phases)),)

    return _in_order(_wanting(cars), laxity, trial, now, is_declared=True)


def the_rule(cars: Sequence[Plugged], trial: Trial, now: int) -> Currents:
    """Promises before floors before equal levels, in steps, as `wattledger load allocate` has it."""
    shares = allocate(
        [_car(car, trial, now) for car in _wanting(cars)],
        Tree([Circuit(circuit_id="site", max_w=trial.limit_w)]),
        step_a=trial.step_a,
        voltage_v=trial.voltage_v,
        interval_s=trial.interval_s,
    )
    return {session_id: share.a for session_id, share in shares.items()}


POLICIES: Mapping[str, Policy] = {
    "unmanaged": unmanaged,
    "equal share": equal_share,
    "first come": first_come,
    "max-min": max_min,
    "earliest departure": earliest_departure,
    "least laxity": least_laxity,
    "the rule": the_rule,
}


def _wanting(cars: Iterable[Plugged]) -> list[Plugged]:
    return [car for car in cars if car.missing > 0]


def _car(car: Plugged, trial: Trial, now: int) -> Car:
    stay, voltage_v = car.stay, trial.voltage_v
    energy = SECONDS_AN_HOUR * TENTHS_AN_AMPERE
    declared: dict[str, Any] = {}
    if trial.is_declared:
        declared = {"need_wh": Fraction(car.missing * voltage_v, energy), "departs_in_s": stay.departs_at - now}
    return Car(
        session_id=stay.session_id,
        circuit="site",
        phases=stay.phases,
        min_a=trial.floor_a,
        max_a=stay.max_a,
        connected_s=now - stay.connected_at,
        delivered_wh=Fraction(car.got * voltage_v, energy),
        **declared,
    )


def _in_order(
    cars: list[Plugged], key: Callable[[Plugged], tuple[Exact]], trial: Trial, now: int, *, is_declared: bool
) -> Currents:
    """What each can draw, one after the other; where needs are known, no more than finishes them in the interval."""
    left = trial.room
    found = {}
    for car in sorted(cars, key=lambda each: (*key(each), each.stay.session_id)):
        phases = len(car.stay.phases)
        a = min(car.stay.max_a, left // phases)
        if is_declared:
            a = min(a, -(-car.missing // (phases * trial.interval_s)))
        found[car.stay.session_id] = a
        left -= a * phases
    return found
