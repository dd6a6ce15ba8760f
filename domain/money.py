"""Money as integer minor units, exact decimal text, rounding and splitting without loss."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from domain.errors import AmountError
from domain.exact import Exact, half_up

_EXPONENTS = {
    0: (
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF "
        # Withdrawn, and in yesterday's messages for ever.
        "ADP BEF BYB BYR ESP GRD ITL LUF MGF PTE TPE TRL"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_EXPONENT_OF = {code: exponent for exponent, codes in _EXPONENTS.items() for code in codes.split()}
_TWO_DECIMALS = 2


def currency_exponent(currency: str) -> int:
    """Number of decimals of an ISO 4217 currency, a withdrawn one as well: EUR 2, JPY 0, KWD 3, BGN 2."""
    return _EXPONENT_OF.get(currency, _TWO_DECIMALS)


def parse_decimal(text: str) -> Decimal:
    """An exact finite decimal from its text; raises AmountError for anything else, NaN included."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise AmountError(f"{text!r} is not a decimal number") from None
    if not value.is_finite():
        raise AmountError(f"{text!r} is not a finite number")
    return value


def parse_minor(text: str, currency: str) -> int:
    """Minor units of a decimal string: `("12.3", "EUR")` is 1230. More decimals than the currency has are refused."""
    exponent = currency_exponent(currency)
    scaled = parse_decimal(text).scaleb(exponent)
    minor = int(scaled)
    if minor != scaled:
        raise AmountError(f"{text!r} has more than the {exponent} decimals of {currency}")
    return minor


def minor_of(money: Mapping[str, Any]) -> int:
    """Minor units of money as messages have it: `{"amount": "12.3", "currency": "EUR"}` is 1230."""
    return parse_minor(money["amount"], money["currency"])


def format_minor(amount_minor: int, currency: str) -> str:
    """Decimal text with exactly the currency's decimals: `(1230, "EUR")` is `12.30`."""
    exponent = currency_exponent(currency)
    if exponent == 0:
        return str(amount_minor)
    sign = "-" if amount_minor < 0 else ""
    whole, part = divmod(abs(amount_minor), _power_of_ten(exponent))
    return f"{sign}{whole}.{part:0{exponent}d}"


@lru_cache
def _power_of_ten(exponent: int) -> int:
    return int(10**exponent)


def round_half_up(value: Exact) -> int:
    """The nearest integer, halves away from zero; the remainder is dropped by the caller's rule."""
    return half_up(value.numerator, value.denominator)


def to_minor_half_up(value: Exact, currency: str) -> int:
    """An exact amount in major units, rounded once, half-up, to minor units."""
    return half_up(value.numerator * _power_of_ten(currency_exponent(currency)), value.denominator)


def percent_of(amount_minor: int, percent: Exact) -> int:
    """`percent` of an amount, rounded half-up to a minor unit."""
    return half_up(amount_minor * percent.numerator, 100 * percent.denominator)


def half_up_share(amount_minor: int, part: int, whole: int) -> int:
    """What `part` of a `whole` is of an amount, rounded half-up to a minor unit."""
    return half_up(amount_minor * part, whole)


def largest_remainder(total_minor: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Split a total in proportion to weights so that the parts add up to it exactly.

    Each part is rounded down and the units left over go to the largest remainders, ties to the earlier part.
    Weights sum to more than zero; one may be negative (a share that commission and its VAT exceed). A negative total
    is split as its mirror.
    """
    if total_minor < 0:
        return tuple(-part for part in largest_remainder(-total_minor, weights))
    whole = sum(weights)
    if whole <= 0:
        raise AmountError(f"cannot split {total_minor} by weights {list(weights)}: they must sum to more than zero")
    if len(weights) == 1:
        return (total_minor,)
    parts = [total_minor * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total_minor * weights[i] % whole), i))
    for index in by_remainder[: total_minor - sum(parts)]:
        parts[index] += 1
    return tuple(parts)


def plain(value: Exact | Decimal) -> str:
    """Shortest decimal text of a terminating decimal: `1432`, `0.5`; never an exponent."""
    if isinstance(value, int):
        return str(value)
    # Asked this way round because to ask for a Fraction, whose class is an abstract one, takes longer than the rest.
    if not isinstance(value, Decimal):
        value = Decimal(value.numerator) / Decimal(value.denominator)
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
