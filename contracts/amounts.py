"""Numbers on the wire: registers in watt-hours, measurements, percentages, currencies and money.

Money and registers are exact text or integers. Where the contract allows a JSON number it means its shortest decimal
text, so that 0.1 is one tenth and not the binary fraction next to it.
"""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, PlainSerializer, PlainValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from contracts.currencies import EXPONENT_OF
from contracts.values import Wire, bad_value, wrong_type

MAX_INTEGER_DIGITS = 14
MAX_DECIMALS = 9
DECIMAL_PATTERN = rf"^-?[0-9]{{1,{MAX_INTEGER_DIGITS}}}(\.[0-9]{{1,{MAX_DECIMALS}}})?$"
UNSIGNED_PATTERN = DECIMAL_PATTERN.replace("-?", "")
PERCENT_PATTERN = rf"^(100(\.0{{1,{MAX_DECIMALS}}})?|[0-9]{{1,2}}(\.[0-9]{{1,{MAX_DECIMALS}}})?)$"

_DECIMAL = re.compile(DECIMAL_PATTERN)
_MAGNITUDE_LIMIT = 10**MAX_INTEGER_DIGITS


def parse_decimal_text(value: object) -> Decimal:
    """An exact decimal from plain text: no exponent, no sign but minus, no NaN; a JSON number is refused."""
    if type(value) is not str:
        raise wrong_type('must be a decimal string, such as "12.34", never a JSON number')
    if _DECIMAL.fullmatch(value) is None:
        raise bad_value(
            f'must be plain decimal text, such as "12.34", with at most {MAX_INTEGER_DIGITS} digits before the point'
            f" and {MAX_DECIMALS} behind it"
        )
    return Decimal(value)


def parse_register_wh(value: object) -> Decimal:
    """Watt-hours of a meter register: an integer or a decimal string, not negative, never a JSON float."""
    if type(value) is int and 0 <= value < _MAGNITUDE_LIMIT:
        return Decimal(value)
    if type(value) is int:
        energy_wh = Decimal(value)
    elif type(value) is str:
        energy_wh = parse_decimal_text(value)
    else:
        raise wrong_type("must be watt-hours as an integer or a decimal string")
    if not 0 <= energy_wh < _MAGNITUDE_LIMIT:
        raise bad_value(f"must be 0 or more, of at most {MAX_INTEGER_DIGITS} digits; no register reads below zero")
    return energy_wh


def parse_number(value: object) -> Decimal:
    """A finite number: a JSON number taken as its shortest decimal text, or a decimal string."""
    if type(value) is int and -_MAGNITUDE_LIMIT < value < _MAGNITUDE_LIMIT:
        return Decimal(value)
    if type(value) is str:
        return parse_decimal_text(value)
    if type(value) is not int and type(value) is not float:
        raise wrong_type("must be a number")
    number = Decimal(repr(value))
    if not number.is_finite() or abs(number) >= _MAGNITUDE_LIMIT:
        raise bad_value(f"must be a finite number of at most {MAX_INTEGER_DIGITS} digits")
    return number


def parse_unsigned(value: object) -> Decimal:
    """A number that is not negative."""
    number = parse_number(value)
    if number < 0:
        raise bad_value("must not be negative")
    return number


def parse_percent(value: object) -> Decimal:
    """A percentage from 0 to 100."""
    number = parse_number(value)
    if not 0 <= number <= 100:
        raise bad_value("must be a percentage from 0 to 100")
    return number


def parse_currency(value: object) -> str:
    """An ISO 4217 code in capitals of a currency that has a minor unit."""
    if type(value) is not str:
        raise wrong_type("must be an ISO 4217 currency code as text, such as EUR")
    if value not in EXPONENT_OF:
        raise bad_value("is not an ISO 4217 currency that can be paid; send a code such as EUR")
    return value


def decimals_of(amount: Decimal) -> int:
    """Digits behind the point as they were written."""
    exponent = amount.as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def check_decimals(amount: Decimal, currency: str, at: str) -> None:
    """Refuse an amount with more decimals than its currency has, naming the field `at`."""
    exponent = EXPONENT_OF[currency]
    if decimals_of(amount) > exponent:
        raise bad_value(f"has more than the {exponent} decimals of {currency}; round it before sending", at)


def _plain_text(number: Decimal) -> str:
    return format(number, "f")


def json_number_or_text(kind: str, pattern: str, **limits: int) -> WithJsonSchema:
    """The JSON Schema of a number that may also be written as decimal text."""
    schema: dict[str, Any] = {"anyOf": [{"type": kind, **limits}, {"type": "string", "pattern": pattern}]}
    return WithJsonSchema(schema)


_AS_TEXT = PlainSerializer(_plain_text, return_type=str, when_used="json")

Currency = Annotated[str, PlainValidator(parse_currency), WithJsonSchema({"enum": sorted(EXPONENT_OF)})]
WattHours = Annotated[
    Decimal,
    PlainValidator(parse_register_wh),
    _AS_TEXT,
    json_number_or_text("integer", UNSIGNED_PATTERN, minimum=0, maximum=_MAGNITUDE_LIMIT - 1),
]
Number = Annotated[
    Decimal,
    PlainValidator(parse_number),
    _AS_TEXT,
    json_number_or_text("number", DECIMAL_PATTERN, exclusiveMaximum=_MAGNITUDE_LIMIT),
]
Percent = Annotated[
    Decimal,
    PlainValidator(parse_percent),
    _AS_TEXT,
    json_number_or_text("number", PERCENT_PATTERN, minimum=0, maximum=100),
]
DecimalText = Annotated[
    Decimal,
    PlainValidator(parse_decimal_text),
    _AS_TEXT,
    WithJsonSchema({"type": "string", "pattern": DECIMAL_PATTERN}),
]


def _unsigned(amount: Decimal) -> Decimal:
    if amount < 0:
        raise bad_value("must not be negative")
    return amount


UnsignedText = Annotated[
    DecimalText,
    AfterValidator(_unsigned),
    WithJsonSchema({"type": "string", "pattern": UNSIGNED_PATTERN}),
]


def _more_than_zero(number: Decimal) -> Decimal:
    if number <= 0:
        raise bad_value("must be more than zero")
    return number


UnsignedNumber = Annotated[
    Decimal,
    PlainValidator(parse_unsigned),
    _AS_TEXT,
    json_number_or_text("number", UNSIGNED_PATTERN, minimum=0, exclusiveMaximum=_MAGNITUDE_LIMIT),
]
PositiveNumber = Annotated[
    Number,
    AfterValidator(_more_than_zero),
    json_number_or_text("number", UNSIGNED_PATTERN, exclusiveMinimum=0, exclusiveMaximum=_MAGNITUDE_LIMIT),
]


class Money(Wire):
    """An amount as decimal text and its ISO 4217 currency, with at most the currency's decimals."""

    amount: DecimalText
    currency: Currency

    @model_validator(mode="after")
    def _has_the_currencys_decimals(self) -> "Money":
        check_decimals(self.amount, self.currency, "amount")
        return self


class Price(Wire):
    """A price a unit, as decimal text of up to nine decimals, and its ISO 4217 currency; never below 0."""

    amount: UnsignedText
    currency: Currency


def _not_negative(money: Money) -> Money:
    if money.amount < 0:
        raise bad_value("must not be negative", "amount")
    return money


def _positive(money: Money) -> Money:
    if money.amount <= 0:
        raise bad_value("must be more than zero", "amount")
    return money


UnsignedMoney = Annotated[Money, AfterValidator(_not_negative)]
PositiveMoney = Annotated[Money, AfterValidator(_positive)]


def check_same_currency(first: Money, other: Money, at: str) -> None:
    """Refuse two amounts of one event in different currencies, naming the field `at`."""
    if first.currency != other.currency:
        raise PydanticCustomError(
            "CURRENCY_MISMATCH",
            "{sentence}",
            {"sentence": f"must be {first.currency}, the currency of the rest of this event", "at": f"{at}.currency"},
        )
