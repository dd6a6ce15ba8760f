"""The charging periods of a raw session, split wherever its price can change."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from typing import TypeVar
from zoneinfo import ZoneInfo

from domain.charging import ChargingPeriod, Phase
from domain.exact import Exact
from domain.rating.cuts import GRID_US, points, power_curve, stated_instant, time_cuts
from domain.rating.session_trace import Reading, SessionTrace, StateChange, time_of
from domain.rating.stated_periods import from_cdr
from domain.tariff.menu import Menu
from domain.tariff.tariff import Tariff

__all__ = ["Reading", "SessionTrace", "from_cdr", "split", "split_no_show", "stated"]

T = TypeVar("T")

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
    trace = SessionTrace(
        stated_instant(started_at),
        stated_instant(ended_at),
        stated(registers),
        stated(states),
        stated(powers),
        stated(currents),
        None if reserved_from is None else stated_instant(reserved_from),
    )
    reserved: tuple[ChargingPeriod, ...] = ()
    if trace.reserved_from is not None and trace.reserved_from < trace.started_at:
        reserved = _reserved_periods(trace.reserved_from, trace.started_at, tariff.reserved, time_zone)
    return reserved + _connected_periods(trace, tariff.charging, time_zone)


def split_no_show(
    reserved_from: datetime, expired_at: datetime, tariff: Tariff, time_zone: ZoneInfo
) -> tuple[ChargingPeriod, ...]:
    """The charging periods of a reservation that expired without a session."""
    return _reserved_periods(stated_instant(reserved_from), stated_instant(expired_at), tariff.expired, time_zone)


def stated(reported: Sequence[tuple[datetime, T]]) -> Sequence[tuple[datetime, T]]:
    """What was reported, at the instants that a CDR can say; hardly anybody reports finer ones."""
    if all(at.microsecond % GRID_US == 0 for at, _ in reported):
        return reported
    return [(stated_instant(at), what) for at, what in reported]


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
