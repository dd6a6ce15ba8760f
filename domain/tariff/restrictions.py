"""The restrictions of a tariff element: when each holds, and what can switch it (OCPI TariffRestrictions).

Every kind answers two questions: does it hold at a Moment, and which Edges can turn it on or off.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from typing import NamedTuple, TypeVar

from domain.charging import ChargingPeriod
from domain.exact import Exact

T = TypeVar("T")

MINUTES_PER_DAY = 24 * 60
_DAYS_PER_WEEK = 7
WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")


class Moment(NamedTuple):
    """What restrictions look at, as of the start of a period: the location's wall clock and its minute of the day."""

    local: datetime
    minute: int
    energy_wh: Exact
    elapsed_us: int
    period: ChargingPeriod


@dataclass(frozen=True, slots=True)
class Edges:
    """Where restrictions can switch: minutes and days of the local calendar, energy and time so far, power, current.

    Days change at minute 0, which is then among the minutes.
    """

    clock_minutes: frozenset[int] = frozenset()
    dates: frozenset[date] = frozenset()
    weekdays: bool = False
    energy_wh: frozenset[Fraction] = frozenset()
    elapsed_us: frozenset[int] = frozenset()
    min_power_w: frozenset[Fraction] = frozenset()
    max_power_w: frozenset[Fraction] = frozenset()
    min_current_a: frozenset[Fraction] = frozenset()
    max_current_a: frozenset[Fraction] = frozenset()

    @property
    def power(self) -> bool:
        return bool(self.min_power_w or self.max_power_w)

    @property
    def current(self) -> bool:
        return bool(self.min_current_a or self.max_current_a)

    def __or__(self, other: "Edges") -> "Edges":
        return Edges(
            self.clock_minutes | other.clock_minutes,
            self.dates | other.dates,
            self.weekdays or other.weekdays,
            self.energy_wh | other.energy_wh,
            self.elapsed_us | other.elapsed_us,
            self.min_power_w | other.min_power_w,
            self.max_power_w | other.max_power_w,
            self.min_current_a | other.min_current_a,
            self.max_current_a | other.max_current_a,
        )


def _given(*bounds: T | None) -> frozenset[T]:
    return frozenset(bound for bound in bounds if bound is not None)


class Restriction(ABC):
    """One condition of a tariff element; all of an element's conditions must hold together."""

    __slots__ = ()

    @abstractmethod
    def holds(self, moment: Moment) -> bool:
        """Whether the element may be active in a period that starts at this moment."""

    @abstractmethod
    def edges(self) -> Edges:
        """Everything that can make `holds` change its answer."""

    @property
    def is_contradiction(self) -> bool:
        """Whether its own bounds leave nothing between them, so that it is never met."""
        return False


@dataclass(frozen=True, slots=True)
class TimeWindow(Restriction):
    """A daily window on the local wall clock, in minutes from midnight: start inclusive, end exclusive."""

    start_minute: int
    end_minute: int
    wraps: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "wraps", window_wraps(self.start_minute, self.end_minute))

    def holds(self, moment: Moment) -> bool:
        if self.wraps:
            return moment.minute >= self.start_minute or moment.minute < self.end_minute
        return self.start_minute <= moment.minute < self.end_minute

    def edges(self) -> Edges:
        return Edges(clock_minutes=frozenset({self.start_minute, self.end_minute % MINUTES_PER_DAY}))


def window_wraps(start_minute: int, end_minute: int) -> bool:
    """Whether a window runs past midnight (OCPI mod_tariffs, TariffRestrictions start_time and end_time).

    The text has an end before the start wrap and says nothing of an end equal to the start. Decided: that is a
    whole day, as `00:00` to `00:00` is.
    """
    return end_minute <= start_minute


@dataclass(frozen=True, slots=True)
class DateRange(Restriction):
    """Local calendar days from `first` up to but not including `end`; either may be open."""

    first: date | None
    end: date | None

    def holds(self, moment: Moment) -> bool:
        today = moment.local.date()
        return (self.first is None or today >= self.first) and (self.end is None or today < self.end)

    def edges(self) -> Edges:
        return Edges(clock_minutes=frozenset({0}), dates=_given(self.first, self.end))

    @property
    def is_contradiction(self) -> bool:
        return self.first is not None and self.end is not None and self.first >= self.end

    def weekdays(self) -> frozenset[int]:
        """The days of the week, Monday 0, that it has; all of them where it is open or long."""
        if self.first is None or self.end is None:
            return frozenset(range(_DAYS_PER_WEEK))
        days = min((self.end - self.first).days, _DAYS_PER_WEEK)
        return frozenset((self.first.weekday() + number) % _DAYS_PER_WEEK for number in range(days))


@dataclass(frozen=True, slots=True)
class Weekdays(Restriction):
    """Days of the week, Monday 0, of the local calendar.

    OCPI (day_of_week) leaves open what a window past midnight means for the day. Decided: the calendar day at that
    moment counts, so Saturday 01:00 is not FRIDAY even inside a window that began on Friday at 22:00.
    """

    days: frozenset[int]

    def holds(self, moment: Moment) -> bool:
        return moment.local.weekday() in self.days

    def edges(self) -> Edges:
        return Edges(clock_minutes=frozenset({0}), weekdays=True)


@dataclass(frozen=True, slots=True)
class EnergyBand(Restriction):
    """Energy of the session so far, in Wh: min inclusive, max exclusive."""

    min_wh: Fraction | None
    max_wh: Fraction | None

    def holds(self, moment: Moment) -> bool:
        return _within(moment.energy_wh, self.min_wh, self.max_wh)

    def edges(self) -> Edges:
        return Edges(energy_wh=_given(self.min_wh, self.max_wh))

    @property
    def is_contradiction(self) -> bool:
        return _leaves_nothing(self.min_wh, self.max_wh)


@dataclass(frozen=True, slots=True)
class DurationBand(Restriction):
    """Real time since the session (or its reservation) began, in microseconds: min inclusive, max exclusive."""

    min_us: int | None
    max_us: int | None

    def holds(self, moment: Moment) -> bool:
        elapsed_us = moment.elapsed_us
        return (self.min_us is None or elapsed_us >= self.min_us) and (
            self.max_us is None or elapsed_us < self.max_us
        )

    def edges(self) -> Edges:
        return Edges(elapsed_us=_given(self.min_us, self.max_us))

    @property
    def is_contradiction(self) -> bool:
        return _leaves_nothing(self.min_us, self.max_us)


@dataclass(frozen=True, slots=True)
class PowerBand(Restriction):
    """Momentary power in W: min inclusive, max exclusive."""

    min_w: Fraction | None
    max_w: Fraction | None

    def holds(self, moment: Moment) -> bool:
        return range_within(moment.period.min_power_w, moment.period.max_power_w, self.min_w, self.max_w)

    def edges(self) -> Edges:
        return Edges(min_power_w=_given(self.min_w), max_power_w=_given(self.max_w))

    @property
    def is_contradiction(self) -> bool:
        return _leaves_nothing(self.min_w, self.max_w)


@dataclass(frozen=True, slots=True)
class CurrentBand(Restriction):
    """Momentary current in A, summed over the phases: min inclusive, max exclusive."""

    min_a: Fraction | None
    max_a: Fraction | None

    def holds(self, moment: Moment) -> bool:
        return range_within(moment.period.min_current_a, moment.period.max_current_a, self.min_a, self.max_a)

    def edges(self) -> Edges:
        return Edges(min_current_a=_given(self.min_a), max_current_a=_given(self.max_a))

    @property
    def is_contradiction(self) -> bool:
        return _leaves_nothing(self.min_a, self.max_a)


def range_within(
    lowest: Exact | None, highest: Exact | None, minimum: Fraction | None, maximum: Fraction | None
) -> bool:
    """Whether a period's measured range meets a power or current restriction (OCPI mod_cdrs, CdrDimensionType).

    OCPI does not say which of MIN_* and MAX_* to compare, nor what holds when they are missing. Decided: a minimum
    is compared with the highest value, a maximum with the lowest, and what was not measured counts as met.
    """
    if minimum is not None and highest is not None and highest < minimum:
        return False
    return maximum is None or lowest is None or lowest < maximum


def _within(value: Exact, minimum: Fraction | None, maximum: Fraction | None) -> bool:
    return (minimum is None or value >= minimum) and (maximum is None or value < maximum)


def _leaves_nothing(minimum: Exact | None, maximum: Exact | None) -> bool:
    """Whether no value from 0 on is at least a minimum and below a maximum."""
    return maximum is not None and maximum <= (minimum or 0)


def contradict(restrictions: Sequence[Restriction]) -> bool:
    """Whether restrictions can never hold together (OCPI mod_tariffs, TariffRestrictions).

    OCPI does not say what an element is whose bounds leave nothing between them. Decided: it is left out, also where
    a band that was not measured would count as met, or energy below zero would be below a maximum of 0.
    """
    if any(each.is_contradiction for each in restrictions):
        return True
    dates = [each.weekdays() for each in restrictions if isinstance(each, DateRange)]
    return any(each.days.isdisjoint(days) for each in restrictions if isinstance(each, Weekdays) for days in dates)
