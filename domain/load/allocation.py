"""The shares of charging cars in a tree of circuits: promises before floors, then equal levels (max-min), then steps.

Currents are per phase, in tenths of an ampere, and integers throughout. What decides, of each class of priority, the
highest first:

A. who declared a need and a departure gets need / time left, the earliest departure first;
B. everybody else gets the floor, the least delivered first, as long as every circuit above holds; else it pauses;
C. all that are in rise together, the lowest first, each up to its maximum or to a full circuit;
D. down to whole steps (a car at its maximum stays there), and what that leaves goes out again by steps in the order
   of A and B.

A car cannot be told less than its floor (IEC 61851: 6 A); below it is a pause. None gets more than finishes the need
that it declared within the interval, or before it leaves if that is sooner.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from domain.errors import DomainError
from domain.exact import Exact
from domain.load.circuits import Path, Tree
from domain.load.levels import Seat, level
from domain.values import named_value, value

TENTHS_AN_AMPERE: Final = 10
_SECONDS_AN_HOUR: Final = 3_600


class Why(StrEnum):
    """Why a car gets what it gets; of LIMITED cars the circuit is told that has no room for another step."""

    MAXIMUM = "MAXIMUM"
    LIMITED = "LIMITED"
    PAUSED = "PAUSED"
    SATISFIED = "SATISFIED"


@named_value
class Car:
    """A session that wants to charge below a circuit.

    `phases` are those it uses, of 1 to 3; `min_a` and `max_a` its floor and its maximum, in tenths of an ampere.
    `need_wh` is what it still needs by its declaration, `departs_in_s` when it leaves from now on (below 0: it should
    have left), None where that was not declared. Raises DomainError for what cannot be.
    """

    session_id: str
    circuit: str
    phases: tuple[int, ...]
    min_a: int
    max_a: int
    need_wh: Exact | None = None
    departs_in_s: Exact | None = None
    connected_s: Exact = 0
    delivered_wh: Exact = 0
    priority: int = 0

    def __post_init__(self) -> None:
        if not self.phases or len({*self.phases}) != len(self.phases) or not {*self.phases} <= {1, 2, 3}:
            raise DomainError(f"session {self.session_id}: phases are some of 1 to 3, which {self.phases} are not")
        if self.min_a <= 0 or self.max_a < 0:
            raise DomainError(f"session {self.session_id}: its floor is above 0 A, and its maximum not below 0")


@value
class Share:
    """What a car gets, in tenths of an ampere, and why; `circuit` is the one that limits it, where one does."""

    a: int
    why: Why
    circuit: str | None = None

    def __str__(self) -> str:
        return str(self.why) if self.circuit is None else f"{self.why}:{self.circuit}"


def allocate(
    cars: Iterable[Car], tree: Tree, *, step_a: int, voltage_v: Exact, interval_s: Exact
) -> Mapping[str, Share]:
    """The share of each car by session, the same for every order that they come in.

    `step_a` is in tenths of an ampere, `voltage_v` between a phase and neutral; the shares are for the next
    `interval_s`. No limit of the tree is exceeded by them, and no car that is in could take another step. Raises
    DomainError for a step, a voltage or an interval that is not above 0, a session that is there twice and a circuit
    that is not in the tree.
    """
    if step_a < 1 or interval_s <= 0 or voltage_v <= 0:
        raise DomainError("a step, a voltage and an interval have to be above 0")
    limits = tree.limits(voltage_v)
    seated: dict[str, tuple[Car, Seat]] = {}
    for car in cars:
        if car.session_id in seated:
            raise DomainError(f"session {car.session_id}: is there twice")
        path = limits.above(car.circuit, car.phases)
        seated[car.session_id] = car, _seat(car, path, step_a, voltage_v, interval_s)
    shares: dict[str, Share] = {}
    for priority in sorted({car.priority for car, _ in seated.values()}, reverse=True):
        of_class = [(car, seat) for car, seat in seated.values() if car.priority == priority]
        _serve(of_class)
        shares |= {car.session_id: _share(seat) for car, seat in of_class}
    return {session_id: shares[session_id] for session_id in seated}


def _share(seat: Seat) -> Share:
    """What a car came to, and why."""
    if seat.cap == 0 and seat.is_sated:
        return Share(0, Why.SATISFIED)
    if seat.a == 0:
        return Share(0, Why.PAUSED)
    if seat.a == seat.cap:
        return Share(seat.a, Why.SATISFIED if seat.is_sated else Why.MAXIMUM)
    full = next(limit for limit, weight in seat.path if limit.room < weight * seat.next_step)
    return Share(seat.a, Why.LIMITED, full.circuit)


def _seat(car: Car, path: Path, step_a: int, voltage_v: Exact, interval_s: Exact) -> Seat:
    # A car that draws less than the floor can only be told the floor.
    highest = max(car.max_a, car.min_a) if car.max_a else 0
    if car.need_wh is None:
        return Seat(path, step_a, car.min_a, highest)
    if car.need_wh <= 0:
        return Seat(path, step_a, car.min_a, 0, is_sated=True)
    # The need is this quotient of steps times seconds: in integers, since fractions would take most of the time.
    need = car.need_wh.numerator * _SECONDS_AN_HOUR * TENTHS_AN_AMPERE * voltage_v.denominator
    a_step_a_second = car.need_wh.denominator * voltage_v.numerator * len(car.phases) * step_a

    def finishing(seconds: Exact) -> int:
        """What finishes the need in so many seconds: up to the next step, and the floor at least."""
        return max(-(-need * seconds.denominator // (a_step_a_second * seconds.numerator)) * step_a, car.min_a)

    # A departure that has passed is one within the interval.
    left_s = car.departs_in_s if car.departs_in_s is not None and car.departs_in_s > 0 else interval_s
    enough = finishing(min(interval_s, left_s))
    cap = min(enough, highest)
    promise = min(finishing(left_s), cap) if car.departs_in_s is not None and cap else None
    return Seat(path, step_a, car.min_a, cap, is_sated=0 < enough < highest, promise=promise)


def _serve(of_class: Iterable[tuple[Car, Seat]]) -> None:
    """Give the cars of a class what is theirs of what is left."""
    wanting = [(car, seat) for car, seat in of_class if seat.cap]
    promised = sorted((each for each in wanting if each[1].promise is not None), key=lambda each: _departure(each[0]))
    others = sorted((each for each in wanting if each[1].promise is None), key=lambda each: _delivered(each[0]))
    for _, seat in promised:
        _promise(seat)
    for _, seat in others:
        if seat.fits(seat.floor):
            seat.take(seat.floor)
    served = [seat for _, seat in (*promised, *others) if seat.a]
    level(served)
    for seat in served:
        seat.take(seat.in_steps - seat.a)
    _hand_out(served)


def _departure(car: Car) -> tuple[Exact, Exact, str]:
    return car.departs_in_s or 0, -car.connected_s, car.session_id


def _delivered(car: Car) -> tuple[Exact, Exact, str]:
    return car.delivered_wh, -car.connected_s, car.session_id


def _promise(seat: Seat) -> None:
    """As much of a promise as there is room for, in whole steps; nothing where not even the floor fits."""
    assert seat.promise is not None
    room = min((limit.room // weight for limit, weight in seat.path), default=seat.promise)
    if room >= seat.promise:
        seat.take(seat.promise)
    elif room >= seat.floor:
        seat.take(max(room // seat.step_a * seat.step_a, seat.floor))


def _hand_out(seats: Iterable[Seat]) -> None:
    """Give a step to each in turn, again and again, until nobody can take another one."""
    taking = list(seats)
    while taking:
        still = []
        for seat in taking:
            if seat.a < seat.cap and seat.fits(seat.next_step):
                seat.take(seat.next_step)
                still.append(seat)
        taking = still
