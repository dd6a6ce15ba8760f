"""What statuses say of an EVSE over time: when it was up, blocked, down, and out of service.

A status is OCPI's (2.2.1, mod_locations, Status) and holds until the next one. Times are whole microseconds.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from domain.network.spans import Span, united


class State(StrEnum):
    """How an EVSE stands: BLOCKED is up and counted apart, OUT_OF_SERVICE counts nowhere."""

    UP = "UP"
    BLOCKED = "BLOCKED"
    DOWN = "DOWN"
    OUT_OF_SERVICE = "OUT_OF_SERVICE"


STATE_OF: Mapping[str, State] = {
    "AVAILABLE": State.UP,
    "CHARGING": State.UP,
    "RESERVED": State.UP,
    "BLOCKED": State.BLOCKED,
    "INOPERATIVE": State.DOWN,
    "OUTOFORDER": State.DOWN,
    "UNKNOWN": State.DOWN,
    "PLANNED": State.OUT_OF_SERVICE,
    "REMOVED": State.OUT_OF_SERVICE,
}


class Told(NamedTuple):
    """A status as it was told; of several at one moment the last by (source, id) rules, as they sort."""

    at: int
    source: str
    id: str
    status: str


class Stretch(NamedTuple):
    """A status and from when to when it held."""

    begin: int
    end: int
    status: str


def history(told: Iterable[Told], until: int) -> list[Stretch]:
    """The statuses of an EVSE one after the other, whatever order they came in, up to `until`.

    What is told again while it holds is no change, and what another one replaces at the same moment never held.
    """
    found: list[Stretch] = []
    statuses = sorted(told)
    for place, each in enumerate(statuses):
        end = min(statuses[place + 1].at if place + 1 < len(statuses) else until, until)
        if end <= each.at:
            continue
        if found and found[-1].status == each.status and found[-1].end == each.at:
            found[-1] = found[-1]._replace(end=end)
        else:
            found.append(Stretch(each.at, end, each.status))
    return found


def spans_of(stretches: Iterable[Stretch], state: State) -> list[Span]:
    """When an EVSE was in a state."""
    return united((each.begin, each.end) for each in stretches if STATE_OF[each.status] is state)
