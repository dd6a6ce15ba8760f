"""Exact amounts, read and rounded by the audit itself."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any

from iso4217 import Currency

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CURRENT = frozenset(currency.code for currency in Currency)
_WITHOUT_HUNDREDTHS = frozenset(["ADP", "BEF", "BYB", "BYR", "ESP", "GRD", "ITL", "LUF", "MGF", "PTE", "TPE", "TRL"])


@cache
def minor_units(currency: str) -> int:
    """Minor units in one unit of a currency: 100 for EUR, 1 for JPY; ValueError for what is no code.

    A code that ISO 4217 does not list any more has hundredths, but for the few that had none.
    """
    if currency in _CURRENT:
        return int(10 ** int(Currency(currency).exponent or 0))
    if len(currency) != 3 or not currency.isascii() or not currency.isupper():
        raise ValueError(f"{currency} is no currency")
    return 1 if currency in _WITHOUT_HUNDREDTHS else 100


@dataclass(frozen=True, slots=True, repr=False)
class Money:
    """Minor units of a currency, which people read in major units: `12.34 EUR`."""

    minor: int
    currency: str

    def __repr__(self) -> str:
        try:
            decimals = len(str(minor_units(self.currency))) - 1
        except ValueError:
            return f"{self.minor} minor units of {self.currency or 'an unknown currency'}"
        return f"{Decimal(self.minor).scaleb(-decimals):.{decimals}f} {self.currency}"


def minor(text: Any, currency: str) -> int:
    """Minor units of a decimal text; ValueError when it has more decimals than the currency."""
    scaled = Decimal(str(text)) * minor_units(currency)
    if scaled != int(scaled):
        raise ValueError(f"{text} is no whole number of minor units of {currency}")
    return int(scaled)


def minor_of(money: dict[str, str]) -> int:
    """Minor units of `{"amount": "12.34", "currency": "EUR"}`."""
    return minor(money["amount"], money["currency"])


def money_of(money: dict[str, str]) -> Money:
    """The same with its currency."""
    return Money(minor_of(money), money["currency"])


def exact(number: Any) -> Fraction:
    """The number that a JSON value means by its shortest text."""
    return Fraction(str(number))


def half_up(value: Fraction) -> int:
    """The nearest whole number, halves away from zero."""
    magnitude = (abs(value) + Fraction(1, 2)).__floor__()
    return magnitude if value >= 0 else -magnitude


@lru_cache(maxsize=4096)
def instant(text: str) -> datetime:
    """The moment that RFC 3339 text with an offset names."""
    moment = datetime.fromisoformat(text.upper())
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no offset")
    return moment


def microseconds(moment: datetime) -> int:
    """Whole microseconds since 1970 UTC."""
    return (moment - _EPOCH) // _MICROSECOND
