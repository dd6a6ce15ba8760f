"""Charging periods: of a raw session, split wherever its price can change, and of an OCPI CDR."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from domain.document import exact_number, utc_instant
from domain.errors import AmountError, DomainError, ImplausibleSession
from domain.exact import Exact
from domain.rating import US_PER_HOUR, WH_PER_KWH, ChargingPeriod, Phase, microseconds
from domain.tariff import Menu, Tariff
from domain.values import value
from domain.wall_clock import wall_clock_instants

_ZERO = Fraction(0)

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
        for (earlier, low_wh), (later, high_wh) in pairwise(registers):
            if later < earlier:
                raise DomainError(f"registers are out of order: {later} after {earlier}")
            if high_wh < low_wh:
                raise ImplausibleSession("REGISTER_FALLS", f"register falls from {low_wh} to {high_wh} Wh at {later}")


def split(
    *,
    tariff: Tariff,
    time_zone: ZoneInfo,
    started_at: datetime,
    ended_at: datetime,
    registers: Sequence[Reading],
    states: Sequence[StateChange] = (),
    powers: Sequence[Reading] = (),
    currents: Sequence[Reading] = (),
    reserved_from: datetime | None = None,
) -> tuple[ChargingPeriod, ...]:
    """The charging periods of a raw session, split at state changes and wherever the tariff's price can change.

    The arguments are those of SessionTrace. Window edges and day changes follow the local wall clock, durations
    real time, tiers the interpolated energy, bands the power and current that were measured. A tariff
    without restrictions is split at state changes only. There is always at least one period, of length zero where
    the session is.
    """
    trace = SessionTrace(started_at, ended_at, registers, states, powers, currents, reserved_from)
    reserved: tuple[ChargingPeriod, ...] = ()
    if trace.reserved_from is not None and trace.reserved_from < trace.started_at:
        reserved = _reserved_periods(trace.reserved_from, trace.started_at, tariff.reserved, time_zone)
    return reserved + _connected_periods(trace, tariff.charging, time_zone)


def split_no_show(
    reserved_from: datetime, expired_at: datetime, tariff: Tariff, time_zone: ZoneInfo
) -> tuple[ChargingPeriod, ...]:
    """The charging periods of a reservation that expired without a session."""
    return _reserved_periods(reserved_from, expired_at, tariff.expired, time_zone)


def _reserved_periods(start: datetime, end: datetime, menu: Menu, time_zone: ZoneInfo) -> tuple[ChargingPeriod, ...]:
    cuts = [start, *sorted(_time_cuts(start, end, menu, time_zone)), end]
    return tuple(
        ChargingPeriod(earlier, later, Phase.RESERVED, _ZERO, metered=False) for earlier, later in pairwise(cuts)
    )


def _connected_periods(trace: SessionTrace, menu: Menu, time_zone: ZoneInfo) -> tuple[ChargingPeriod, ...]:
    phases = _phases(trace)
    points = _points(trace, menu, time_zone, [at for at, _ in phases[1:]])
    powers = _power_curve(trace) if menu.edges.power else ()
    currents = trace.currents if menu.edges.current else ()
    periods = []
    for (start, low_wh), (end, high_wh) in pairwise(points):
        phase = phases[0][1] if len(phases) == 1 else phases[bisect_right(phases, start, key=_time_of) - 1][1]
        power, current = _level_at(powers, start), _level_at(currents, start)
        periods.append(ChargingPeriod(start, end, phase, high_wh - low_wh, power, power, current, current))
    return tuple(periods)


def _time_of(pair: tuple[datetime, object]) -> datetime:
    return pair[0]


def _phases(trace: SessionTrace) -> list[tuple[datetime, Phase]]:
    """When each phase begins, from started_at on, without repetitions."""
    phases = [(trace.started_at, Phase.CHARGING)]
    for at, state in trace.states:
        if at >= trace.ended_at and at > trace.started_at:
            break
        phase = Phase(state)
        if at <= trace.started_at:
            phases[0] = (trace.started_at, phase)
        elif phases[-1][0] == at:
            phases[-1] = (at, phase)
        elif phase is not phases[-1][1]:
            phases.append((at, phase))
    return phases


def _points(trace: SessionTrace, menu: Menu, time_zone: ZoneInfo, state_cuts: list[datetime]) -> list[Reading]:
    """The ends of the periods: times with the register as of then, in order, the first and last readings included."""
    registers = trace.registers
    first, last = registers[0], registers[-1]
    cuts = set(state_cuts)
    tiers: list[Reading] = []
    if menu.restricted:
        cuts |= _time_cuts(trace.started_at, trace.ended_at, menu, time_zone)
        cuts |= _band_cuts(trace, menu)
        tiers = [(tier_reached_at(registers, tier), first[1] + tier) for tier in _tiers_within(trace, menu)]
        cuts -= {at for at, _ in tiers}
    if not cuts and not tiers:
        return [first, last]
    # Each cut is another instant; only tiers may be reached at one instant, the first or the last among them.
    inner = [(at, _register_at(registers, at)) for at in cuts if trace.started_at < at < trace.ended_at]
    inner += {tier for tier in tiers if tier not in (first, last)}
    return [first, *sorted(inner), last]


def _time_cuts(start: datetime, end: datetime, menu: Menu, time_zone: ZoneInfo) -> set[datetime]:
    edges = menu.edges
    cuts = {start + timedelta(microseconds=elapsed_us) for elapsed_us in edges.elapsed_us}
    if edges.clock_minutes:
        cuts |= wall_clock_instants(start, end, edges.clock_minutes, time_zone)
    return {at for at in cuts if start < at < end}


def _tiers_within(trace: SessionTrace, menu: Menu) -> Iterable[Fraction]:
    total_wh = trace.registers[-1][1] - trace.registers[0][1]
    return (tier for tier in menu.edges.energy_wh if 0 < tier < total_wh)


def tier_reached_at(registers: Sequence[Reading], tier_wh: Exact) -> datetime:
    """When the session's energy reaches a tier, interpolated between registers (OCPI mod_cdrs, CDR object).

    The exact instant is rounded to the nearest microsecond here and nowhere else; the energy at it stays exact.
    """
    target_wh = registers[0][1] + tier_wh
    later = next(index for index, (_, register_wh) in enumerate(registers) if register_wh >= target_wh)
    (start, low_wh), (end, high_wh) = registers[later - 1], registers[later]
    share = Fraction(target_wh - low_wh, high_wh - low_wh)
    return start + timedelta(microseconds=round(share * microseconds(end - start)))


def _register_at(registers: Sequence[Reading], at: datetime) -> Exact:
    """The register at an instant within the session, linear between readings."""
    later = bisect_right(registers, at, key=_time_of)
    start, low_wh = registers[later - 1]
    end, high_wh = registers[later] if later < len(registers) else (at, low_wh)
    if at == start or high_wh == low_wh:
        return low_wh
    part_us, whole_us = microseconds(at - start), microseconds(end - start)
    scale = low_wh.denominator * high_wh.denominator
    low, high = low_wh.numerator * high_wh.denominator, high_wh.numerator * low_wh.denominator
    return Fraction(low * (whole_us - part_us) + high * part_us, scale * whole_us)


def _band_cuts(trace: SessionTrace, menu: Menu) -> set[datetime]:
    """Where power or current changes, when the tariff looks at them."""
    cuts: set[datetime] = set()
    if menu.edges.power:
        cuts |= {at for at, _ in _power_curve(trace)}
    if menu.edges.current:
        cuts |= {at for at, _ in trace.currents}
    return cuts


def _power_curve(trace: SessionTrace) -> Sequence[Reading]:
    """Power as steps (OCPI mod_tariffs, min_power and max_power), by the times from which each value holds.

    OCPI wants momentary power and does not say how to get it. Decided: a power reading holds until the next one;
    before the first, and without any, it is the mean power between registers.
    """
    first = trace.powers[0][0] if trace.powers else trace.ended_at
    pairs = pairwise(trace.registers)
    means = [
        (start, Fraction((high_wh - low_wh) * US_PER_HOUR, microseconds(end - start)))
        for (start, low_wh), (end, high_wh) in pairs
        if start < end and start < first
    ]
    return [*means, *trace.powers]


def _level_at(curve: Sequence[Reading], at: datetime) -> Exact | None:
    if not curve:
        return None
    index = bisect_right(curve, at, key=_time_of) - 1
    return curve[index][1] if index >= 0 else None


def from_cdr(cdr: Mapping[str, Any]) -> tuple[ChargingPeriod, ...]:
    """The charging periods of a parsed OCPI 2.2.1 CDR, as its sender split them.

    Raises DomainError (AmountError for a number or time) when they cannot be read.
    """
    listed = cdr.get("charging_periods")
    if not isinstance(listed, Sequence) or not listed:
        raise DomainError("the CDR has no charging_periods")
    starts = [utc_instant(period.get("start_date_time")) for period in listed]
    ends = [*starts[1:], utc_instant(cdr.get("end_date_time"))]
    periods: list[ChargingPeriod] = []
    for period, start, end in zip(listed, starts, ends, strict=True):
        periods += _read_period(_volumes(period), start, end)
    return tuple(periods)


def _volumes(period: Mapping[str, Any]) -> dict[str, Fraction]:
    volumes: dict[str, Fraction] = {}
    for dimension in period.get("dimensions") or ():
        kind = str(dimension.get("type"))
        volumes[kind] = volumes.get(kind, _ZERO) + exact_number(dimension.get("volume"))
    return volumes


def _read_period(volumes: Mapping[str, Fraction], start: datetime, end: datetime) -> list[ChargingPeriod]:
    if end < start:
        raise AmountError(f"charging period {start} ends at {end}, before it starts")
    energy_wh = volumes.get("ENERGY", _ZERO) * WH_PER_KWH
    stretches = stretches_of(volumes, start, end)
    return [
        ChargingPeriod(
            since,
            until,
            phase,
            energy_wh if index == 0 else _ZERO,
            _times(volumes.get("MIN_POWER"), WH_PER_KWH),
            _times(volumes.get("MAX_POWER"), WH_PER_KWH),
            volumes.get("MIN_CURRENT"),
            volumes.get("MAX_CURRENT"),
            metered="ENERGY" in volumes and index == 0,
        )
        for index, (phase, since, until) in enumerate(stretches)
    ]


def _times(value: Exact | None, factor: int) -> Exact | None:
    return None if value is None else value * factor


_ROUNDING_OF_HOURS_US = 720_000


def stretches_of(
    volumes: Mapping[str, Fraction], start: datetime, end: datetime
) -> list[tuple[Phase, datetime, datetime]]:
    """What a CDR period's time was spent on, in order (OCPI mod_cdrs, CdrDimensionType).

    Four decimals of an hour are too coarse for seconds. Decided: the period's own length counts, unless the stated
    volume differs by more than two units of the last decimal (0.72 s), when the volume does; a period that states no
    time is charging.
    """
    stated = [(phase, microseconds_of(volumes[kind])) for kind, phase in _PHASE_OF_DIMENSION if kind in volumes] or [
        (Phase.CHARGING, microseconds(end - start))
    ]
    if len(stated) > 1:
        stated = [entry for entry in stated if entry[1]] or stated[:1]
    stretches = []
    length_us = microseconds(end - start)
    if abs(sum(volume_us for _, volume_us in stated) - length_us) <= _ROUNDING_OF_HOURS_US * len(stated):
        earlier_us = sum(volume_us for _, volume_us in stated[:-1])
        stated[-1] = (stated[-1][0], max(length_us - earlier_us, 0))
    since = start
    for phase, volume_us in stated:
        until = since + timedelta(microseconds=volume_us)
        stretches.append((phase, since, until))
        since = until
    return stretches


_PHASE_OF_DIMENSION = (
    ("RESERVATION_TIME", Phase.RESERVED),
    ("TIME", Phase.CHARGING),
    ("PARKING_TIME", Phase.IDLE),
)


def microseconds_of(hours: Fraction) -> int:
    """Stated hours in whole microseconds; a negative volume raises AmountError."""
    if hours < 0:
        raise AmountError(f"a time volume of {hours} hours is below zero")
    return round(hours * US_PER_HOUR)
