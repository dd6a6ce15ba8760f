"""Reads the parts of an OCPI tariff document strictly: every refusal names the place and the value."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from re import compile as pattern
from typing import Any

from domain.errors import AmountError, UnsupportedTariff
from domain.money import parse_decimal
from domain.rating import WH_PER_KWH
from domain.tariff_restrictions import (
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

_CLOCK = pattern(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_US_PER_SECOND = 1_000_000
_MAX_DIGITS = 40


def exact_number(value: object) -> Fraction:
    """A JSON number or numeric string as an exact fraction; a float means its shortest decimal text.

    Raises AmountError for anything else, NaN, infinities and absurdly long numbers included.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise AmountError(f"{value!r} is not a number")
    number = parse_decimal(repr(value) if isinstance(value, float) else str(value))
    if abs(number.adjusted()) > _MAX_DIGITS:
        raise AmountError(f"{value!r} is out of range")
    return Fraction(number)


def utc_instant(value: object) -> datetime:
    """An OCPI DateTime: RFC 3339 in UTC, where a missing designator means UTC. Raises AmountError otherwise."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise AmountError(f"{value!r} is not a date and time") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Part:
    """One object of the document and where it stands; a field that is null counts as absent."""

    path: str
    fields: Mapping[str, Any]

    def has(self, name: str) -> bool:
        return self.fields.get(name) is not None

    def refuse(self, name: str, why: str) -> UnsupportedTariff:
        return UnsupportedTariff(f"{self.path}.{name} {why}")

    def text(self, name: str) -> str:
        value = self.fields.get(name)
        if not isinstance(value, str) or not value:
            raise self.refuse(name, f"is {value!r}, not a text")
        return value

    def number(self, name: str) -> Fraction:
        """A required number of zero or more."""
        try:
            value = exact_number(self.fields.get(name))
        except AmountError as error:
            raise self.refuse(name, f"is unusable: {error}") from None
        if value < 0:
            raise self.refuse(name, f"is {value}, below zero")
        return value

    def optional_number(self, name: str) -> Fraction | None:
        return self.number(name) if self.has(name) else None

    def whole_number(self, name: str) -> int:
        value = self.number(name)
        if value.denominator != 1:
            raise self.refuse(name, f"is {value}, not a whole number")
        return value.numerator

    def instant(self, name: str) -> datetime | None:
        if not self.has(name):
            return None
        try:
            return utc_instant(self.fields[name])
        except AmountError as error:
            raise self.refuse(name, f"is unusable: {error}") from None

    def day(self, name: str) -> date | None:
        if not self.has(name):
            return None
        try:
            return date.fromisoformat(self.text(name))
        except ValueError:
            raise self.refuse(name, f"is {self.fields[name]!r}, not a day as YYYY-MM-DD") from None

    def minute(self, name: str, absent: int) -> int:
        """A local time `HH:MM` in minutes from midnight."""
        if not self.has(name):
            return absent
        clock = _CLOCK.fullmatch(self.text(name))
        if clock is None:
            raise self.refuse(name, f"is {self.fields[name]!r}, not a time from 00:00 to 23:59")
        return int(clock[1]) * 60 + int(clock[2])

    def part(self, name: str) -> "Part | None":
        return as_part(self.fields[name], f"{self.path}.{name}") if self.has(name) else None

    def parts(self, name: str) -> Iterator["Part"]:
        listed = self.fields.get(name)
        if not isinstance(listed, list | tuple):
            raise self.refuse(name, "is not a list")
        for index, item in enumerate(listed):
            yield as_part(item, f"{self.path}.{name}[{index}]")

    def has_any(self, names: frozenset[str]) -> bool:
        return any(self.has(name) for name in names)

    def refuse_fields(self, names: frozenset[str], why: str) -> None:
        """Refuses the part when it carries one of the named fields."""
        for name in sorted(names & self.fields.keys()):
            if self.has(name):
                raise self.refuse(name, why)


def as_part(value: object, path: str) -> Part:
    """A JSON object as a Part; raises UnsupportedTariff for anything else."""
    if not isinstance(value, Mapping):
        raise UnsupportedTariff(f"{path} is not an object")
    return Part(path, value)


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
_KNOWN = frozenset(name for names, _ in _READERS for name in names) | {"reservation"}


def restrictions(part: Part) -> tuple[Restriction, ...]:
    """The restrictions of an element, `reservation` apart; an unknown one raises UnsupportedTariff.

    An empty day_of_week and a window from 00:00 to 00:00 restrict nothing.
    """
    part.refuse_fields(frozenset(part.fields) - _KNOWN, "is a restriction this engine does not price")
    found = [reader(part) for names, reader in _READERS if any(part.has(name) for name in names)]
    return tuple(restriction for restriction in found if restriction is not None)
