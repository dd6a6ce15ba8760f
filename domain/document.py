"""Reads the parts of an OCPI document strictly: every refusal names the place and the value."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from re import compile as pattern
from typing import Any

from domain.errors import AmountError, UnsupportedTariff
from domain.money import parse_decimal

_CLOCK = pattern(r"([01][0-9]|2[0-3]):([0-5][0-9])")
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
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is not None:
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise AmountError(f"{value!r} is not a date and time")


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

    def signed_number(self, name: str) -> Fraction:
        """A required number of either sign."""
        try:
            return exact_number(self.fields.get(name))
        except AmountError as error:
            raise self.refuse(name, f"is unusable: {error}") from None

    def number(self, name: str) -> Fraction:
        """A required number of zero or more."""
        value = self.signed_number(name)
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
