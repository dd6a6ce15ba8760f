"""The components that are active at a moment, one per dimension (OCPI mod_tariffs, Tariff object).

Restrictions change their answers at their edges only. So what was found once between the same edges is kept, and the
restrictions themselves are asked no more: that is what makes tariffs of many elements as quick as plain ones.
"""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from domain.charging import DIMENSIONS, ENERGY, FLAT, PARKING_TIME, TIME, ChargingPeriod, microseconds
from domain.exact import Exact, whole
from domain.tariff.elements import Component, Element, first_of_dimension
from domain.tariff.restrictions import Edges, Moment, Restriction

_Candidate = tuple[tuple[Restriction, ...], Component]
# Enough for every hour of a week in every energy band; a tariff whose sessions meet more starts over.
_MOST_KEPT = 1024
_MOST_SCALES = 16


class Choice(NamedTuple):
    """The active component of each dimension; None where nothing is: the dimension costs nothing then."""

    energy: Component | None
    time: Component | None
    parking: Component | None
    flat: Component | None


NOTHING = Choice(None, None, None, None)


class Menu:
    """The elements that can price one kind of use, searched per dimension in their order."""

    __slots__ = (
        "_always",
        "_bands",
        "_candidates",
        "_clock",
        "_dates",
        "_elapsed",
        "_energy",
        "_kept",
        "_local",
        "_weekdays",
        "edges",
        "restricted",
    )

    def __init__(self, elements: Iterable[Element]) -> None:
        elements = tuple(elements)
        self._candidates = {dimension: tuple(_candidates(elements, dimension)) for dimension in DIMENSIONS}
        self.edges = edges = Edges()
        for candidates in self._candidates.values():
            for conditions, _ in candidates:
                for restriction in conditions:
                    edges |= restriction.edges()
        self.edges = edges
        self.restricted = edges != Edges()
        self._clock = tuple(sorted(edges.clock_minutes))
        self._dates = tuple(sorted(day.toordinal() for day in edges.dates))
        self._weekdays = edges.weekdays
        self._local = bool(self._clock)
        self._elapsed = tuple(sorted(edges.elapsed_us))
        self._energy = {1: tuple(whole(wh) for wh in sorted(edges.energy_wh))} if edges.energy_wh else {}
        bands = (edges.min_power_w, edges.max_power_w, edges.min_current_a, edges.max_current_a)
        self._bands = tuple(tuple(whole(level) for level in sorted(band)) for band in bands) if any(bands) else ()
        self._kept: dict[tuple[int, int, int, int, Any], Choice] = {}
        self._always = None if self.restricted else Choice(*(_only(self._candidates[d]) for d in _IN_CHOICE))

    def choice_at(
        self, period: ChargingPeriod, since: datetime, time_zone: ZoneInfo, energy: int, scale: int
    ) -> Choice:
        """What is active from the start of a period on.

        `since` is when durations began to count; the energy so far, before the period, is `energy / scale` Wh.
        """
        if self._always is not None:
            return self._always
        clock = day = 0
        local = period.start
        if self._local:
            local = local.astimezone(time_zone)
            clock = bisect_right(self._clock, local.hour * 60 + local.minute)
            if self._weekdays:
                clock = 8 * clock + local.weekday()
            if self._dates:
                day = bisect_right(self._dates, local.toordinal())
        elapsed_us = microseconds(period.start - since) if self._elapsed else 0
        key = (
            clock,
            day,
            bisect_right(self._tiers(scale), energy) if self._energy else 0,
            bisect_right(self._elapsed, elapsed_us) if self._elapsed else 0,
            self._band(period) if self._bands else None,
        )
        found = self._kept.get(key)
        if found is None:
            found = self._search(
                Moment(local, local.hour * 60 + local.minute, _wh(energy, scale), elapsed_us, period)
            )
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[key] = found
        return found

    def _tiers(self, scale: int) -> tuple[Exact, ...]:
        """The edges of energy in units of Wh divided by `scale`, so that sums need not become fractions."""
        tiers = self._energy.get(scale)
        if tiers is None:
            if len(self._energy) >= _MOST_SCALES:
                self._energy = {1: self._energy[1]}
            tiers = self._energy[scale] = tuple(whole(wh * scale) for wh in self._energy[1])
        return tiers

    def _band(self, period: ChargingPeriod) -> tuple[int | None, ...]:
        """Where power and current lie among the edges that look at them; None where they were not measured."""
        levels = (period.max_power_w, period.min_power_w, period.max_current_a, period.min_current_a)
        return tuple(
            None if level is None else bisect_right(band, level)
            for level, band in zip(levels, self._bands, strict=True)
        )

    def _search(self, moment: Moment) -> Choice:
        return Choice(*(self.select(dimension, moment) for dimension in _IN_CHOICE))

    def select(self, dimension: str, moment: Moment) -> Component | None:
        """The active component of a dimension: that of the first element that has one and whose restrictions hold.

        Source: OCPI mod_tariffs, Tariff object. None when nothing matches: the dimension costs nothing then.
        """
        for conditions, component in self._candidates[dimension]:
            if all(restriction.holds(moment) for restriction in conditions):
                return component
        return None


_IN_CHOICE = (ENERGY, TIME, PARKING_TIME, FLAT)


def _wh(energy: int, scale: int) -> Exact:
    return energy if scale == 1 else Fraction(energy, scale)


def _only(candidates: tuple[_Candidate, ...]) -> Component | None:
    return candidates[0][1] if candidates else None


def _candidates(elements: Iterable[Element], dimension: str) -> Iterable[_Candidate]:
    """The components of a dimension in order of preference; nothing after an unrestricted one can be reached."""
    for element in elements:
        component = first_of_dimension(element, dimension)
        if component is not None:
            yield element.restrictions, component
            if not element.restrictions:
                return
