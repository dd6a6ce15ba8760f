"""What is known of a raw session: its registers, states, powers and currents over time."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from domain.charging import Phase
from domain.errors import DomainError, ImplausibleSession
from domain.exact import Exact
from domain.values import value

# When a cumulative register (or power, or current) was read, in UTC, and what it said.
Reading = tuple[datetime, Exact]
StateChange = tuple[datetime, Phase | str]


@value
class SessionTrace:
    """What is known of a raw session: times in UTC, cumulative register in Wh, power in W, current in A.

    All sequences are in time order. `registers` begins with the start register at `started_at` and ends with the stop
    register at `ended_at`. `states` are (time, CHARGING or IDLE); the session starts CHARGING, one from before the
    start holds from there, one from the end on changes nothing. Powers and currents lie within the session.
    Raises ImplausibleSession when the end precedes the start or a register falls, DomainError for missing registers.
    """

    started_at: datetime
    ended_at: datetime
    registers: Sequence[Reading]
    states: Sequence[StateChange] = ()
    powers: Sequence[Reading] = ()
    currents: Sequence[Reading] = ()
    reserved_from: datetime | None = None

    def __post_init__(self) -> None:
        if self.ended_at < self.started_at:
            raise ImplausibleSession("END_BEFORE_START", f"session ends at {self.ended_at}, before {self.started_at}")
        registers = self.registers
        if len(registers) < 2 or registers[0][0] != self.started_at or registers[-1][0] != self.ended_at:
            raise DomainError("registers must begin with the one at started_at and end with the one at ended_at")
        if not (rises([at for at, _ in registers]) and rises([register_wh for _, register_wh in registers])):
            _refuse(registers)


def rises(values: list[Any]) -> bool:
    """Whether none is less than the one before it."""
    return values == sorted(values)


def _refuse(registers: Sequence[Reading]) -> None:
    for (earlier, low_wh), (later, high_wh) in pairwise(registers):
        if later < earlier:
            raise DomainError(f"registers are out of order: {later} after {earlier}")
        if high_wh < low_wh:
            raise ImplausibleSession("REGISTER_FALLS", f"register falls from {low_wh} to {high_wh} Wh at {later}")


def time_of(pair: tuple[datetime, object]) -> datetime:
    """The time of a reading or state, for searches."""
    return pair[0]
