"""What was reported about the charging itself, in any order, and what it says taken together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypeVar

from domain.exact import Exact
from domain.fact import in_order
from domain.session.facts import Ended, MeterCorrected, Metered, ReservationExpired, Started, StateChanged

_Reported = TypeVar("_Reported", Started, Ended)


@dataclass(slots=True)
class MeterFacts:
    """Starts, ends, readings, states and corrections of one session; a no-show's reservation is its start and end."""

    starts: list[Started] = field(default_factory=list)
    ends: list[Ended] = field(default_factory=list)
    readings: list[Metered] = field(default_factory=list)
    states: list[StateChanged] = field(default_factory=list)
    corrections: list[MeterCorrected] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.starts or self.ends or self.readings or self.states or self.corrections)

    def first_start(self) -> Started | None:
        """The start that is taken when several say the same."""
        return _first(self.starts)

    def first_end(self) -> Ended | None:
        """The end that is taken when several say the same."""
        return _first(self.ends)

    def take_in_no_show(self, fact: ReservationExpired) -> None:
        """A reservation that nobody used: from its start to its expiry, without energy."""
        self.starts.append(fact.start)
        self.ends.append(fact.end)


def _first(facts: Sequence[_Reported]) -> _Reported | None:
    """Nearly always there is one, or none yet; this is asked several times a judgement."""
    return facts[0] if len(facts) == 1 else min(facts, key=in_order, default=None)


def contradiction(facts: MeterFacts) -> str:
    """Why a session is INVALID: two different operators, starts or ends were reported; "" when they agree."""
    if len(facts.starts) > 1:
        if len({start.operator_id for start in facts.starts}) > 1:
            return "TWO_OPERATORS"
        if len({(start.at, start.register_wh) for start in facts.starts}) > 1:
            return "TWO_STARTS"
    if len(facts.ends) > 1 and len({(end.at, end.register_wh) for end in facts.ends}) > 1:
        return "TWO_ENDS"
    return ""


class Metering(NamedTuple):
    """From `at` on it was known that the meter counted `energy_wh` in the session."""

    at: datetime
    energy_wh: Exact


def metered(start: Started, end: Ended, corrections: Sequence[MeterCorrected]) -> list[Metering]:
    """What the session's registers say, at its end and after each later correction that changes it.

    What is below zero says nothing about energy and counts as none.
    """
    start_wh, stop_wh = start.register_wh, end.register_wh
    found = [Metering(end.at, max(stop_wh - start_wh, 0))]
    for fact in sorted(corrections, key=in_order):
        start_wh, stop_wh = corrected(fact, start_wh, stop_wh)
        energy_wh = max(stop_wh - start_wh, 0)
        if fact.at <= end.at:
            found = [Metering(end.at, energy_wh)]
        elif energy_wh != found[-1].energy_wh:
            found.append(Metering(fact.at, energy_wh))
    return found


def corrected(fact: MeterCorrected, start_wh: Exact, stop_wh: Exact) -> tuple[Exact, Exact]:
    """The registers at the start and the end after a correction of one or both."""
    return (
        start_wh if fact.start_wh is None else fact.start_wh,
        stop_wh if fact.stop_wh is None else fact.stop_wh,
    )
