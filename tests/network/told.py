"""Sessions as they are told: random ones, and what they come to, worked out second by second."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

BEGIN = datetime(2026, 3, 28, 22, 50, tzinfo=UTC)


@dataclass(slots=True)
class Told:
    """A session in whole seconds after BEGIN: registers rise, states alternate as they like; no end: it is open."""

    session_id: str
    evse: int
    started: int
    ended: int | None
    # (second, tenths of a Wh since the start) of each reading, in order; the last is the end's where it ended.
    readings: list[tuple[int, int]]
    states: list[tuple[int, str]] = field(default_factory=list)
    start_tenths: int = 0


@st.composite
def sessions(draw: st.DrawFn, number: int = 0) -> Told:
    """One session of at most some hours."""
    started = draw(st.integers(0, 20_000))
    length = draw(st.integers(0, 9_000))
    times = sorted(draw(st.lists(st.integers(0, length), max_size=6, unique=True)))
    energy, readings = 0, []
    for time in times:
        energy += draw(st.one_of(st.just(0), st.integers(0, 60_000)))
        readings.append((started + time, energy))
    has_end = draw(st.booleans())
    if has_end and length and (not readings or readings[-1][0] < started + length):
        readings.append((started + length, energy + draw(st.integers(0, 60_000))))
    ended = started + length if has_end else None
    moments = sorted(draw(st.lists(st.integers(-50, length + 50), max_size=5, unique=True)))
    states = [(started + moment, draw(st.sampled_from(["CHARGING", "IDLE"]))) for moment in moments]
    start_tenths = draw(st.sampled_from([0, 10, 123]))
    return Told(f"S-{number}", draw(st.integers(1, 2)), started, ended, readings, states, start_tenths)


def at(second: int) -> str:
    """A second after BEGIN as a message says it."""
    return (BEGIN + timedelta(seconds=second)).isoformat().replace("+00:00", "Z")


def messages(
    told: Told, operator_id: str = "OP-1", location_id: str = "LOC-1"
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is told of a session: (type, data) of each message."""
    session_id = told.session_id
    start = {"operator_id": operator_id, "location_id": location_id, "evse_uid": f"EVSE-{told.evse}"}
    more = {"connector_id": "1", "tariff_id": "T-1", "auth_method": "WHITELIST"}
    begin = {"started_at": at(told.started), "meter_start_wh": told.start_tenths / 10}
    yield "charging.session.started", {"session_id": session_id, **start, **more, **begin}
    for second, tenths in told.readings:
        register = {"read_at": at(second), "register_wh": (told.start_tenths + tenths) / 10}
        yield "charging.session.metered", {"session_id": session_id, **register}
    for second, state in told.states:
        yield "charging.session.state_changed", {"session_id": session_id, "at": at(second), "state": state}
    if told.ended is not None:
        last = told.readings[-1][1] if told.readings else 0
        end = {"ended_at": at(told.ended), "meter_stop_wh": (told.start_tenths + last) / 10}
        yield "charging.session.ended", {"session_id": session_id, **end}


def second_by_second(told: Told) -> Mapping[datetime, Fraction]:
    """The Wh of each quarter hour: each second's state is looked up, each second is given its share."""
    registers = {told.started: 0}
    for second, tenths in told.readings:
        registers[second] = max(tenths, registers.get(second, 0)) if second > told.started else 0
    if told.readings and told.readings[-1][0] == told.started:
        # All of it at once.
        registers[told.started + 1] = told.readings[-1][1]
    seconds = sorted(registers)
    found: dict[datetime, Fraction] = defaultdict(Fraction)
    for since, until in pairwise(seconds):
        span = range(since, until)
        charging = [second for second in span if _state(told, second) == "CHARGING"] or list(span)
        share = Fraction(registers[until] - registers[since], 10 * len(charging))
        for second in charging:
            moment = BEGIN + timedelta(seconds=second)
            found[moment - timedelta(minutes=moment.minute % 15, seconds=moment.second)] += share
    return {quarter: energy for quarter, energy in found.items() if energy}


def _state(told: Told, second: int) -> str:
    """The last state that was told by a second; a session starts CHARGING."""
    known = "CHARGING"
    for moment, state in told.states:
        if moment <= second:
            known = state
    return known
