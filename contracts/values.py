"""The values fields are made of: identifiers, names, times, time zones, and the object they stand in.

Each is checked on construction and refuses with a sentence that says what to send instead. A refusal's type is the
code it is reported under (see `contracts.refusal`).
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from types import SimpleNamespace
from typing import Annotated, Any, NamedTuple, Self, TypeVar
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    TypeAdapter,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

T = TypeVar("T")

EARLIEST_YEAR = 1900
LATEST_YEAR = 2999

IDENTIFIER_PATTERN = r"^[\x20-\x7E]{1,64}$"
ATTRIBUTE_PATTERN = r"^[\x20-\x7E]{1,255}$"
COUNTRY_PATTERN = r"^[A-Z]{2}$"
OCPI_COUNTRY_PATTERN = r"^[A-Za-z]{2}$"
PARTY_PATTERN = r"^[A-Za-z0-9]{3}$"
IBAN_PATTERN = r"^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$"
PARTNER_PATTERN = r"^[A-Za-z]{2}-[A-Za-z0-9]{3}$"
URI_PATTERN = r"^[A-Za-z][A-Za-z0-9+.-]*:[!-~]{1,2000}$"
CLOCK_TIME_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
# The forms that are kept; RFC 3339 has more, which are put into one of these (`contracts.mending`).
TIME_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$"

WHAT_A_PATTERN_MEANS = {
    IDENTIFIER_PATTERN: "must be 1 to 64 printable ASCII characters",
    ATTRIBUTE_PATTERN: "must be 1 to 255 printable ASCII characters",
    COUNTRY_PATTERN: "must be an ISO 3166 alpha-2 country code in capitals, such as DE",
    OCPI_COUNTRY_PATTERN: "must be an ISO 3166 alpha-2 country code, such as DE",
    PARTY_PATTERN: "must be an OCPI party id of three letters or digits, such as ABC",
    PARTNER_PATTERN: "must be a partner written COUNTRY-PARTY, such as DE-ABC",
    CLOCK_TIME_PATTERN: "must be a time of day written HH:MM, from 00:00 to 23:59",
    URI_PATTERN: "must be a URI with its scheme, such as https://example.org/ticket/7 or urn:ticket:7",
    IBAN_PATTERN: "must be an IBAN, such as DE02120300000000202051, with spaces or without",
}

RFC_3339_PATTERN = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:([0-5][0-9]|60)(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$"
)

_TIME = re.compile(TIME_PATTERN)


def bad_value(sentence: str, at: str = "") -> PydanticCustomError:
    """A right type with a wrong value; `at` is the path below the field that is being checked."""
    return PydanticCustomError("BAD_VALUE", "{sentence}", {"sentence": sentence, "at": at})


def missing_field(name: str) -> PydanticCustomError:
    """A field that only some objects have to have."""
    sentence = "is missing; the contract asks for it"
    return PydanticCustomError("MISSING_FIELD", "{sentence}", {"sentence": sentence, "at": name})


class Problem(NamedTuple):
    """Something wrong below the object that is being checked: where, the value there, and what is wrong with it."""

    location: tuple[int | str, ...]
    value: object
    sentence: str


def refuse_all(problems: Iterable[Problem]) -> None:
    """Refuse an object for everything that is wrong with it at once; nothing happens when nothing is."""
    found = [_details(problem) for problem in problems]
    if found:
        raise ValidationError.from_exception_data("problems", found)


def _details(problem: Problem) -> InitErrorDetails:
    return {"type": bad_value(problem.sentence), "loc": problem.location, "input": problem.value}


def wrong_type(sentence: str) -> PydanticCustomError:
    """A value of another JSON type than the contract's."""
    return PydanticCustomError("WRONG_TYPE", "{sentence}", {"sentence": sentence, "at": ""})


class Wire(BaseModel):
    """A JSON object of the contract: frozen, strict about its known fields, blind to unknown ones."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)


class Coherent(Wire):
    """An object whose fields also have to agree; where they do not is told beside what is wrong with single ones."""

    @staticmethod
    def contradictions(fields: Any) -> Iterator[Problem]:
        """What is wrong between fields, read as attributes; one that cannot be read, or is absent, is None."""
        raise NotImplementedError

    @model_validator(mode="wrap")
    @classmethod
    def _agrees(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            made = handler(value)
        except ValidationError as error:
            readable = _readable(cls, value) if isinstance(value, dict) else None
            found = [_details(problem) for problem in cls.contradictions(readable)] if readable else []
            raise ValidationError.from_exception_data("problems", [*_repeated(error), *found]) from None
        refuse_all(cls.contradictions(made))
        return made


def _readable(model: type[BaseModel], value: dict[str, Any]) -> SimpleNamespace:
    """The fields of a refused object that are good by themselves; None for the others."""
    found = dict.fromkeys(model.model_fields)
    for name, field in model.model_fields.items():
        annotation: Any = field.annotation
        try:
            found[name] = TypeAdapter(annotation).validate_python(value.get(name))
        except ValidationError:
            continue
    return SimpleNamespace(**found)


def _repeated(error: ValidationError) -> Iterator[InitErrorDetails]:
    for each in error.errors(include_url=False):
        context = each.get("ctx", {})
        kind: Any = each["type"]
        if "sentence" in context:
            kind = PydanticCustomError(kind, "{sentence}", context)
        yield {"type": kind, "loc": each["loc"], "input": each["input"], "ctx": context}


def parse_time(value: object) -> datetime:
    """A UTC datetime from RFC 3339 text with an offset; a naive time or a Unix number is refused."""
    if type(value) is not str:
        raise wrong_type("must be a time as text, such as 2026-03-01T10:00:00Z")
    return _parse_time_text(value)


# An event's own time is as a rule one of its data, too.
@lru_cache(maxsize=256)
def _parse_time_text(value: str) -> datetime:
    if _TIME.fullmatch(value) is None:
        raise bad_value("must be an RFC 3339 time with an offset, such as 2026-03-01T10:00:00Z")
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not UTC:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise bad_value("is not a time of the calendar; send a date and an hour that exist") from None
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise bad_value(f"lies outside the years {EARLIEST_YEAR} to {LATEST_YEAR}")
    return moment


def format_time(moment: datetime) -> str:
    """RFC 3339 text in UTC with `Z`, with a fraction only where there is one."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@lru_cache(maxsize=1024)
def is_time_zone(name: str) -> bool:
    """Whether the IANA database, as installed, has this zone."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return True


def _known_zone(name: str) -> str:
    if not is_time_zone(name):
        raise bad_value("is not an IANA time zone; send a name such as Europe/Berlin")
    return name


# A UUID without hyphens or with capitals, as banks hand it back. What is kept has hyphens and small letters.
_OTHER_UUID = re.compile(
    r"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
)


def canonical_uuid(text: str) -> str:
    """A UUID with hyphens and in small letters; any other text as it is."""
    if _OTHER_UUID.fullmatch(text) is None:
        return text
    digits = text.replace("-", "").lower()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _kept_uuid(text: str) -> str:
    if canonical_uuid(text) != text:
        raise bad_value("must be a UUID with hyphens and in small letters")
    return text


# Sequences arrive as JSON arrays, which strict mode would not take for a tuple.
Many = Annotated[tuple[T, ...], Field(strict=False)]
AtLeastOne = Annotated[tuple[T, ...], Field(strict=False, min_length=1)]

Identifier = Annotated[str, StringConstraints(pattern=IDENTIFIER_PATTERN)]
# In whichever form it comes (`contracts.mending`), the one that we gave it is kept.
PayoutId = Annotated[
    str,
    StringConstraints(pattern=IDENTIFIER_PATTERN),
    AfterValidator(_kept_uuid),
    WithJsonSchema({"type": "string", "pattern": IDENTIFIER_PATTERN}),
]
Attribute = Annotated[str, StringConstraints(pattern=ATTRIBUTE_PATTERN)]
Country = Annotated[str, StringConstraints(pattern=COUNTRY_PATTERN)]
OcpiCountry = Annotated[str, StringConstraints(pattern=OCPI_COUNTRY_PATTERN)]
PartyId = Annotated[str, StringConstraints(pattern=PARTY_PATTERN)]
Partner = Annotated[str, StringConstraints(pattern=PARTNER_PATTERN)]
ClockTime = Annotated[str, StringConstraints(pattern=CLOCK_TIME_PATTERN)]
Uri = Annotated[str, StringConstraints(pattern=URI_PATTERN)]
Text = Annotated[str, StringConstraints(max_length=255)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=140)]
TimeZone = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_known_zone)]
Days = Annotated[int, Field(ge=0, le=3650)]
Minutes = Annotated[int, Field(ge=0, le=525_600)]
Time = Annotated[
    datetime,
    PlainValidator(parse_time),
    PlainSerializer(format_time, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": RFC_3339_PATTERN}),
]
