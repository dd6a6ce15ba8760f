"""OCPI basic types: CiString, string, DateTime and number (OCPI 2.2.1, types)."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, PlainSerializer, PlainValidator, StringConstraints, WithJsonSchema

from contracts.amounts import (
    DECIMAL_PATTERN,
    UNSIGNED_PATTERN,
    json_number_or_text,
    parse_number,
    parse_unsigned,
)
from contracts.values import Wire, bad_value, format_time, wrong_type

OCPI_ID_PATTERN = r"^[\x20-\x7E]{1,36}$"
DATE_PATTERN = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
DATE_TIME_PATTERN = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})?$"
)
_DATE_TIME = re.compile(DATE_TIME_PATTERN)
_DATE_TIME_CHARS_MAX = 25
_OFFSET = re.compile(r"[+-][0-9]{2}:[0-9]{2}$")
# The clock of who tells something may be so far ahead of ours.
_AHEAD_MAX = timedelta(days=1)
LATITUDE_PATTERN = r"^-?[0-9]{1,2}(\.[0-9]{1,7})?$"
LONGITUDE_PATTERN = r"^-?[0-9]{1,3}(\.[0-9]{1,7})?$"


def refuse_what_cannot_be_kept(document: Any, bytes_max: int) -> None:
    """Raises ValueError for JSON that a database cannot hold, or that has more bytes than it should."""
    try:
        written = orjson.dumps(document)
    except TypeError:
        raise ValueError("the body: has half a character, or a number that is too large") from None
    if len(written) > bytes_max or b"\\u0000" in written:
        raise ValueError(f"the body: has up to {bytes_max:,} bytes, and no character 0")


def parse_date_time(value: object) -> datetime:
    """A UTC datetime of an OCPI DateTime: always UTC, so a missing designator means UTC (OCPI types, DateTime)."""
    if type(value) is not str:
        raise wrong_type("must be an OCPI DateTime as text, such as 2026-03-01T10:00:00Z")
    try:
        if _DATE_TIME.fullmatch(value) is None:
            raise ValueError(value)
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise bad_value("must be an OCPI DateTime, such as 2026-03-01T10:00:00Z") from None


def changed_at(given: str, moment: datetime) -> str:
    """A `last_updated` that somebody told, as OCPI writes it; `moment` is what it says.

    Raises ValueError for a time that is not in UTC, and for one to come: nothing that is told later would count.
    """
    text = given.replace("+00:00", "Z")
    if _OFFSET.search(text) is not None:
        raise ValueError("last_updated: is not in UTC; send it with a Z")
    if moment > datetime.now(UTC) + _AHEAD_MAX:
        raise ValueError("last_updated: is in the future")
    if len(text) <= _DATE_TIME_CHARS_MAX:
        return text
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1_000:03}Z"


def parse_int(value: object) -> int:
    """A whole number that is not negative; `1.0` is one, since JSON has a single kind of number."""
    number = parse_unsigned(value)
    if number != number.to_integral_value():
        raise bad_value("must be a whole number")
    return int(number)


def _in_the_calendar(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise bad_value("is not a day of the calendar; send YYYY-MM-DD") from None
    return text


def json_number(number: Decimal | int) -> int | float:
    """The JSON number whose shortest decimal text is this number."""
    return int(number) if number % 1 == 0 else float(number)


_AS_NUMBER = PlainSerializer(json_number, return_type=int | float, when_used="json")

OcpiId = Annotated[str, StringConstraints(pattern=OCPI_ID_PATTERN)]
OcpiText = Annotated[str, StringConstraints(max_length=255)]
OcpiWord = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Date = Annotated[str, StringConstraints(pattern=DATE_PATTERN), AfterValidator(_in_the_calendar)]
DateTime = Annotated[
    datetime,
    PlainValidator(parse_date_time),
    PlainSerializer(format_time, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": DATE_TIME_PATTERN}),
]
SignedNumber = Annotated[
    Decimal, PlainValidator(parse_number), _AS_NUMBER, json_number_or_text("number", DECIMAL_PATTERN)
]
UnsignedNumber = Annotated[
    Decimal, PlainValidator(parse_unsigned), _AS_NUMBER, json_number_or_text("number", UNSIGNED_PATTERN, minimum=0)
]
Whole = Annotated[
    int, PlainValidator(parse_int), json_number_or_text("integer", r"^[0-9]{1,14}(\.0{1,9})?$", minimum=0)
]


class GeoLocation(Wire):
    """WGS 84 coordinates as text."""

    latitude: Annotated[str, StringConstraints(pattern=LATITUDE_PATTERN)]
    longitude: Annotated[str, StringConstraints(pattern=LONGITUDE_PATTERN)]
