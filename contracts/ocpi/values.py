"""OCPI basic types: CiString, string, DateTime, number and Price (OCPI 2.2.1, types)."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, StringConstraints, WithJsonSchema

from contracts.amounts import DECIMAL_PATTERN, UNSIGNED_PATTERN, parse_number
from contracts.values import Wire, bad_value, format_time, wrong_type

OCPI_ID_PATTERN = r"^[\x20-\x7E]{1,36}$"
DATE_PATTERN = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
DATE_TIME_PATTERN = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})?$"
)
_DATE_TIME = re.compile(DATE_TIME_PATTERN)
LATITUDE_PATTERN = r"^-?[0-9]{1,2}(\.[0-9]{1,7})?$"
LONGITUDE_PATTERN = r"^-?[0-9]{1,3}(\.[0-9]{1,7})?$"


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


def parse_unsigned(value: object) -> Decimal:
    """A number that is not negative."""
    number = parse_number(value)
    if number < 0:
        raise bad_value("must not be negative")
    return number


def parse_int(value: object) -> int:
    """A whole number that is not negative; `1.0` is one, since JSON has a single kind of number."""
    number = parse_unsigned(value)
    if number != number.to_integral_value():
        raise bad_value("must be a whole number")
    return int(number)


def json_number(number: Decimal) -> int | float:
    """The JSON number whose shortest decimal text is this number."""
    return int(number) if number == number.to_integral_value() else float(number)


def _schema(kind: str, pattern: str, **limits: int) -> WithJsonSchema:
    schema: dict[str, Any] = {"anyOf": [{"type": kind, **limits}, {"type": "string", "pattern": pattern}]}
    return WithJsonSchema(schema)


_AS_NUMBER = PlainSerializer(json_number, return_type=int | float, when_used="json")

OcpiId = Annotated[str, StringConstraints(pattern=OCPI_ID_PATTERN)]
OcpiText = Annotated[str, StringConstraints(max_length=255)]
OcpiWord = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Date = Annotated[str, StringConstraints(pattern=DATE_PATTERN)]
DateTime = Annotated[
    datetime,
    PlainValidator(parse_date_time),
    PlainSerializer(format_time, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": DATE_TIME_PATTERN}),
]
SignedNumber = Annotated[Decimal, PlainValidator(parse_number), _AS_NUMBER, _schema("number", DECIMAL_PATTERN)]
UnsignedNumber = Annotated[
    Decimal, PlainValidator(parse_unsigned), _AS_NUMBER, _schema("number", UNSIGNED_PATTERN, minimum=0)
]
Whole = Annotated[int, PlainValidator(parse_int), _schema("integer", r"^[0-9]{1,14}(\.0{1,9})?$", minimum=0)]


class Price(Wire):
    """A price limit without and, where given, with VAT, in major units (OCPI 2.2.1, types, Price)."""

    excl_vat: UnsignedNumber
    incl_vat: UnsignedNumber | None = None


class GeoLocation(Wire):
    """WGS 84 coordinates as text."""

    latitude: Annotated[str, StringConstraints(pattern=LATITUDE_PATTERN)]
    longitude: Annotated[str, StringConstraints(pattern=LONGITUDE_PATTERN)]
