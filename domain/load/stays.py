"""Stays of cars that were there, and what a limit is tried on them by."""

from typing import Final

from domain.errors import DomainError
from domain.exact import Exact
from domain.values import named_value

SECONDS_AN_HOUR: Final = 3_600
TENTHS_AN_AMPERE: Final = 10


@named_value
class Stay:
    """A car at a site: from when to when, in seconds since 1970, and what it needed.

    `max_a` is the most that it draws a phase, in tenths of an ampere; `phases` those that it uses. Raises DomainError
    for what cannot be.
    """

    session_id: str
    connected_at: int
    departs_at: int
    need_wh: Exact
    max_a: int
    phases: tuple[int, ...] = (1,)

    def __post_init__(self) -> None:
        if self.departs_at <= self.connected_at:
            raise DomainError(f"session {self.session_id}: leaves no later than it came")
        if self.need_wh <= 0 or self.max_a <= 0 or not self.phases:
            raise DomainError(f"session {self.session_id}: needs no energy, draws no current or uses no phase")


@named_value
class Trial:
    """What a limit is tried by: the power of all cars in W, and how currents are told.

    `step_a` and `floor_a` are in tenths of an ampere, `voltage_v` between a phase and neutral; who may draw how much
    is decided anew when a car comes or leaves, and every `interval_s`. `is_declared` where drivers say what they need
    and when they leave. Raises DomainError for what is not above 0.
    """

    limit_w: Exact
    voltage_v: Exact
    step_a: int = 10
    floor_a: int = 60
    interval_s: int = 300
    is_declared: bool = False

    def __post_init__(self) -> None:
        if min(self.limit_w, self.voltage_v, self.step_a, self.floor_a, self.interval_s) <= 0:
            raise DomainError("a limit, a voltage, a step, a floor and an interval have to be above 0")

    @property
    def room(self) -> int:
        """What the limit has room for over all phases, in tenths of an ampere."""
        return int(self.limit_w * TENTHS_AN_AMPERE // self.voltage_v)


class Plugged:
    """A car while it is there: what it has, in tenths of an ampere and seconds over all of its phases."""

    __slots__ = ("got", "needed", "stay")

    def __init__(self, stay: Stay, voltage_v: Exact) -> None:
        self.stay = stay
        self.got = 0
        self.needed = int(-(-stay.need_wh * SECONDS_AN_HOUR * TENTHS_AN_AMPERE // voltage_v))

    @property
    def missing(self) -> int:
        """What it needs still."""
        return self.needed - self.got
