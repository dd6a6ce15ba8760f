"""What a session's facts say of its time and its energy: when it was there, when it charged, and how much when.

A session counts once it has a start, rated or not, and while it is open up to its last reading. Corrections and
reviews count as in its bill; its energy in time is `spread`'s, while CDRs are priced along a straight line.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from domain.charging import microseconds
from domain.errors import ImplausibleSession
from domain.exact import Exact, exact
from domain.network.moments import microsecond_of, moment_of
from domain.network.spread import Interval, Moment, Part, charging_intervals, spread
from domain.rating.consumption import whole_numbers
from domain.session.facts import Ended, MeterCorrected, Reviewed, Started, Verdict
from domain.session.meter_facts import MeterFacts, contradiction, latest
from domain.session.orphans import SILENCE_MAX
from domain.session.power import is_above
from domain.session.registers import falls, registers_as_known
from domain.values import value

START_MISSING, VOIDED, ENDS_BEFORE_START = "START_MISSING", "VOIDED", "ENDS_BEFORE_START"
LASTS_TOO_LONG, POWER_ABOVE_CONNECTOR = "LASTS_TOO_LONG", "POWER_ABOVE_CONNECTOR"
_SILENCE_US = microseconds(SILENCE_MAX)


class Start(NamedTuple):
    """A start as it was told: where, at which register, by whose token.

    `party` is that of the token (as `CC*PPP`), `driver` what tells one driver from another; None without a token.
    """

    at: Moment
    source: str
    id: str
    register_wh: Exact
    operator_id: str
    location_id: str
    evse_uid: str
    connector_id: str
    party: str | None
    driver: str | None


class End(NamedTuple):
    """An end as it was told."""

    at: Moment
    source: str
    id: str
    register_wh: Exact


class State(NamedTuple):
    """CHARGING or IDLE from `at` on; states at one moment are taken by (source, id), the last rules."""

    at: Moment
    source: str
    id: str
    state: str


@dataclass(slots=True)
class UseFacts:
    """What was told of a session, in any order: registers that were read as pairs of a moment and Wh.

    `payer` is the roaming partner that pays for it, by its latest assessment; None where the driver does.
    """

    session_id: str
    starts: list[Start] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)
    readings: list[tuple[Moment, Exact]] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    corrections: list[MeterCorrected] = field(default_factory=list)
    reviews: list[Reviewed] = field(default_factory=list)
    payer: str | None = None


@value
class SessionUse:
    """A session in time: where, from when to when, when its state was CHARGING, and the energy of each quarter hour.

    `ended_at` is None while no end was told; `until` is the end, or the last that was read or told of it. `parts`
    are the quarter hours with energy, their Wh as quotients; `quarters` has the same as numbers. They add up to
    `energy_wh`. One that is `left_out` of all figures of energy says why, and has none.
    `operator_id` is "" where starts name several, or none was told: then there is no `started_at` either.
    """

    session_id: str
    operator_id: str
    location_id: str
    evse_uid: str
    connector_id: str
    party: str | None
    driver: str | None
    partner: str | None
    started_at: datetime | None
    ended_at: datetime | None
    until: datetime | None
    charging: tuple[Interval, ...]
    energy_wh: Exact
    parts: tuple[Part, ...]
    left_out: str | None

    @property
    def quarters(self) -> tuple[tuple[int, Exact], ...]:
        """The number of each quarter hour (`quarter_start` says when it begins) with its exact Wh, in order."""
        return tuple([(number, wh if per == 1 else Fraction(wh, per)) for number, wh, per in self.parts])


def session_use(facts: UseFacts, power_w: Exact | None = None) -> SessionUse:
    """The use of a session by all that was told of it, in whatever order; `power_w` is what its connector can give.

    Without `power_w` its power is not judged.
    """
    if not facts.starts:
        return _use(facts, None, None, None, left_out=START_MISSING)
    start = min(facts.starts)
    end = min(facts.ends) if facts.ends else None
    if len(facts.starts) == 1 and len(facts.ends) < 2 and not facts.corrections and not facts.reviews:
        return _measured(facts, start, end, None, power_w)
    told = _as_told(facts)
    verdict, known = told.verdict(), latest(told)
    contradicted = contradiction(told, known, Verdict.BILL)
    if contradicted or verdict is Verdict.VOID:
        return _use(facts, start, end, None, left_out=VOIDED if verdict is Verdict.VOID else contradicted)
    return _measured(facts, _corrected_start(told, start), _corrected_end(told, end), told, power_w)


def _measured(
    facts: UseFacts, start: Start, end: End | None, told: MeterFacts | None, power_w: Exact | None
) -> SessionUse:
    """The use of a session whose reports agree; `told` where something of it was corrected or reviewed."""
    if end is not None and end.at < start.at:
        return _use(facts, start, end, None, left_out=ENDS_BEFORE_START)
    until = end.at if end is not None else _last_heard(facts, start.at)
    if until - start.at > _SILENCE_US:
        return _use(facts, start, end, None, left_out=LASTS_TOO_LONG)
    begin = start.at
    readings = sorted([each for each in facts.readings if begin <= each[0] <= until])
    if end is None and told is not None and (stop_wh := latest(told).stop_wh) is not None:
        # What is above a corrected stop is not used, and the last reading is no better than the others.
        readings = [each for each in readings if not falls(each[1], stop_wh)]
    if end is not None:
        stop = (end.at, end.register_wh)
    else:
        stop = readings.pop() if readings else (start.at, start.register_wh)
    registers, scale = _in_whole_parts([(start.at, start.register_wh), *readings, stop])
    verdict = None
    if told is not None or any(later[1] < earlier[1] for earlier, later in pairwise(registers)):
        try:
            registers, scale = _as_billed(told, start, readings, stop)
        except ImplausibleSession as doubt:
            reason = doubt.reason if end is not None else "REGISTER_FALLS"
            return _use(facts, start, end, until, left_out=reason)
        verdict = told.verdict() if told is not None else None
    if power_w is not None and verdict is not Verdict.BILL and is_above(registers, power_w, scale):
        return _use(facts, start, end, until, left_out=POWER_ABOVE_CONNECTOR)
    return _use(facts, start, end, until, registers, scale)


def _use(
    facts: UseFacts,
    start: Start | None,
    end: End | None,
    until: Moment | None,
    registers: Sequence[tuple[Moment, int]] = (),
    scale: int = 1,
    left_out: str | None = None,
) -> SessionUse:
    charging: tuple[Interval, ...] = ()
    if start is not None and until is not None:
        states = [(at, state) for at, _, _, state in sorted(facts.states)]
        charging = charging_intervals(states, start.at, until)
    parts = spread(registers, charging, scale) if registers else ()
    energy = registers[-1][1] - registers[0][1] if registers else 0
    starts = facts.starts
    one_operator = len(starts) == 1 or len({each.operator_id for each in starts}) == 1
    last = until if until is not None else end.at if end is not None else None
    return SessionUse(
        facts.session_id,
        start.operator_id if start is not None and one_operator else "",
        start.location_id if start is not None else "",
        start.evse_uid if start is not None else "",
        start.connector_id if start is not None else "",
        start.party if start is not None else None,
        start.driver if start is not None else None,
        facts.payer,
        moment_of(start.at) if start is not None else None,
        moment_of(end.at) if end is not None else None,
        moment_of(last) if last is not None else None,
        charging,
        energy if scale == 1 else _quotient(energy, scale),
        parts,
        left_out,
    )


def _quotient(number: int, scale: int) -> Exact:
    found = Fraction(number, scale)
    return found.numerator if found.denominator == 1 else found


def _last_heard(facts: UseFacts, started_at: Moment) -> Moment:
    """The last that was read or told of an open session; what is told after too long a silence is not heard."""
    last = started_at
    for at in sorted([*(at for at, _ in facts.readings), *(each.at for each in facts.states)]):
        if at - last > _SILENCE_US:
            break
        last = max(last, at)
    return last


def _in_whole_parts(registers: Sequence[tuple[Moment, Exact]]) -> tuple[Sequence[tuple[Moment, int]], int]:
    """The same registers as whole numbers of parts, and how many parts make a Wh."""
    values = [register_wh for _, register_wh in registers]
    if not [each for each in values if type(each) is not int]:
        return registers, 1  # type: ignore[return-value]
    numbers, scale = whole_numbers(values)
    return list(zip([at for at, _ in registers], numbers, strict=True)), scale


def _as_billed(
    told: MeterFacts | None, start: Start, readings: Iterable[tuple[Moment, Exact]], stop: tuple[Moment, Exact]
) -> tuple[Sequence[tuple[Moment, int]], int]:
    """Registers that rise, as the session is billed by them; raises ImplausibleSession where they fall."""
    found = registers_as_known(
        latest(told if told is not None else MeterFacts()),
        told.verdict() if told is not None else None,
        (moment_of(start.at), start.register_wh),
        [(moment_of(at), register_wh) for at, register_wh in readings],
        (moment_of(stop[0]), stop[1]),
    )
    return _in_whole_parts([(microsecond_of(at), register_wh) for at, register_wh in found])


def _as_told(facts: UseFacts) -> MeterFacts:
    """The same as facts of a session, without readings and states."""
    return MeterFacts(
        [_started(each) for each in facts.starts],
        [_ended(each) for each in facts.ends],
        corrections=facts.corrections,
        reviews=facts.reviews,
    )


def _started(start: Start) -> Started:
    return Started(
        at=moment_of(start.at),
        source=start.source,
        id=start.id,
        operator_id=start.operator_id,
        location_id=start.location_id,
        evse_uid=start.evse_uid,
        connector_id=start.connector_id,
        register_wh=start.register_wh,
        # Neither says anything about time or energy.
        tariff_id="",
        auth_method="",
        token=None,
        partner=start.party,
        reserved_from=None,
    )


def _ended(end: End) -> Ended:
    return Ended(at=moment_of(end.at), source=end.source, id=end.id, register_wh=end.register_wh)


def _corrected_start(told: MeterFacts, start: Start) -> Start:
    corrected = latest(told).start(_started(start))
    return start._replace(at=microsecond_of(corrected.at), register_wh=corrected.register_wh)


def _corrected_end(told: MeterFacts, end: End | None) -> End | None:
    if end is None:
        return None
    corrected = latest(told).end(_ended(end))
    return end._replace(at=microsecond_of(corrected.at), register_wh=corrected.register_wh)


def told_number(value: float | int | str) -> Exact:
    """A register as JSON has it, exactly."""
    return value if type(value) is int else exact(value)
