"""Exact money arithmetic of the oracle: minor units, half-up rounding and the largest remainder."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

DECIMALS = {"JPY": 0, "KRW": 0, "CLP": 0, "KWD": 3, "BHD": 3, "TND": 3}


def minor(money: dict[str, str]) -> int:
    """An amount as the wire has it, in minor units; ValueError for more decimals than the currency has."""
    return minor_text(money["amount"], money["currency"])


def minor_text(text: str, currency: str) -> int:
    scaled = Fraction(Decimal(text)) * 10 ** decimals(currency)
    if scaled.denominator != 1:
        raise ValueError(f"{text} has too many decimals for {currency}")
    return int(scaled)


def decimals(currency: str) -> int:
    return DECIMALS.get(currency, 2)


def text_of(amount: int, currency: str) -> str:
    places = decimals(currency)
    digits = f"{abs(amount):0{places + 1}d}"
    sign = "-" if amount < 0 else ""
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)


def half_up(value: Fraction) -> int:
    """The nearest integer, halves away from zero."""
    magnitude = (abs(value) + Fraction(1, 2)).__floor__()
    return magnitude if value >= 0 else -magnitude


def number(value: Any) -> Fraction:
    """A JSON number or decimal string, read by its shortest decimal text."""
    return Fraction(Decimal(str(value)))


def largest_remainder(total: int, weights: Sequence[int]) -> list[int]:
    """A total split by weights: floors first, what is left one by one to the largest remainders, ties in order."""
    whole = sum(weights)
    if whole == 0:
        return [total, *[0 for _ in weights[1:]]]
    exact = [Fraction(total * weight, whole) for weight in weights]
    parts = [part.__floor__() for part in exact]
    order = sorted(range(len(weights)), key=lambda index: (parts[index] - exact[index], index))
    for index in order[: total - sum(parts)]:
        parts[index] += 1
    return parts
