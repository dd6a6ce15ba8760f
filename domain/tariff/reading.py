"""Reads the restrictions of a tariff element from its document; what cannot be priced is refused by its place."""

from collections.abc import Callable
from fractions import Fraction

from domain.charging import WH_PER_KWH
from domain.document import Part
from domain.tariff.keys import RESTRICTIONS
from domain.tariff.restrictions import (
    WEEKDAYS,
    CurrentBand,
    DateRange,
    DurationBand,
    EnergyBand,
    PowerBand,
    Restriction,
    TimeWindow,
    Weekdays,
)

_US_PER_SECOND = 1_000_000


def _time_window(part: Part) -> Restriction | None:
    start, end = part.minute("start_time", 0), part.minute("end_time", 0)
    return None if start == end == 0 else TimeWindow(start, end)


def _date_range(part: Part) -> Restriction:
    return DateRange(part.day("start_date"), part.day("end_date"))


def _energy_band(part: Part) -> Restriction:
    return EnergyBand(*_scaled(part, "min_kwh", "max_kwh", WH_PER_KWH))


def _power_band(part: Part) -> Restriction:
    return PowerBand(*_scaled(part, "min_power", "max_power", WH_PER_KWH))


def _current_band(part: Part) -> Restriction:
    return CurrentBand(*_scaled(part, "min_current", "max_current", 1))


def _scaled(part: Part, low: str, high: str, factor: int) -> tuple[Fraction | None, Fraction | None]:
    bounds = part.optional_number(low), part.optional_number(high)
    return bounds[0] and bounds[0] * factor, bounds[1] and bounds[1] * factor


def _duration_band(part: Part) -> Restriction:
    low = part.whole_number("min_duration") * _US_PER_SECOND if part.has("min_duration") else None
    high = part.whole_number("max_duration") * _US_PER_SECOND if part.has("max_duration") else None
    return DurationBand(low, high)


def _weekdays(part: Part) -> Restriction | None:
    days = part.fields["day_of_week"]
    if not isinstance(days, list | tuple):
        raise part.refuse("day_of_week", "is not a list")
    unknown = [day for day in days if day not in WEEKDAYS]
    if unknown:
        raise part.refuse("day_of_week", f"has {unknown[0]!r}, which is no day of the week")
    return Weekdays(frozenset(WEEKDAYS.index(day) for day in days)) if days else None


_READERS: tuple[tuple[tuple[str, ...], Callable[[Part], Restriction | None]], ...] = (
    (("start_time", "end_time"), _time_window),
    (("start_date", "end_date"), _date_range),
    (("day_of_week",), _weekdays),
    (("min_kwh", "max_kwh"), _energy_band),
    (("min_duration", "max_duration"), _duration_band),
    (("min_power", "max_power"), _power_band),
    (("min_current", "max_current"), _current_band),
)


def restrictions(part: Part) -> tuple[Restriction, ...]:
    """The restrictions of an element, `reservation` apart; an unknown one raises UnsupportedTariff.

    An empty day_of_week and a window from 00:00 to 00:00 restrict nothing.
    """
    part.refuse_fields(frozenset(part.fields) - RESTRICTIONS, "is a restriction this engine does not price")
    found = [reader(part) for names, reader in _READERS if any(part.has(name) for name in names)]
    return tuple(restriction for restriction in found if restriction is not None)
