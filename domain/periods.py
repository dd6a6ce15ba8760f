"""Charging periods: of a raw session, split wherever its price can change, and of an OCPI CDR."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from domain.cuts import points, power_curve, time_cuts
from domain.document import exact_number, utc_instant
from domain.errors import AmountError, DomainError
from domain.exact import Exact
from domain.menu import Menu
from domain.rating import US_PER_HOUR, WH_PER_KWH, ChargingPeriod, Phase, microseconds
from domain.session_trace import Reading, SessionTrace, StateChange, time_of
from domain.tariff import Tariff

__all__ = ["Reading", "SessionTrace", "from_cdr", "split", "split_no_show"]

_ZERO = Fraction(0)


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
    cuts = [start, *sorted(time_cuts(start, end, menu, time_zone)), end]
    return tuple(
        ChargingPeriod(earlier, later, Phase.RESERVED, _ZERO, metered=False) for earlier, later in pairwise(cuts)
    )


def _connected_periods(trace: SessionTrace, menu: Menu, time_zone: ZoneInfo) -> tuple[ChargingPeriod, ...]:
    phases = _phases(trace)
    ends = points(trace, menu, time_zone, [at for at, _ in phases[1:]])
    powers = power_curve(trace) if menu.edges.power else ()
    currents = trace.currents if menu.edges.current else ()
    periods = []
    for (start, low_wh), (end, high_wh) in pairwise(ends):
        phase = phases[0][1] if len(phases) == 1 else phases[bisect_right(phases, start, key=time_of) - 1][1]
        power, current = _level_at(powers, start), _level_at(currents, start)
        periods.append(ChargingPeriod(start, end, phase, high_wh - low_wh, power, power, current, current))
    return tuple(periods)


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


def _level_at(curve: Sequence[Reading], at: datetime) -> Exact | None:
    if not curve:
        return None
    index = bisect_right(curve, at, key=time_of) - 1
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
