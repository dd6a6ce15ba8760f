"""Exact numbers: what is whole stays an int, with which Python calculates ten times as fast as with a Fraction."""

from collections.abc import Sequence
from fractions import Fraction
from math import lcm
from typing import TypeAlias

# Never divide two of them by `/`, which makes a float of ints: a quotient is `Fraction(numerator, denominator)`.
Exact: TypeAlias = int | Fraction


def exact(value: int | float | str) -> Exact:
    """What a checked JSON number or decimal text says, exactly; a float means its shortest decimal text."""
    if type(value) is int:
        return value
    return whole(Fraction(str(value)))


def whole(value: Exact) -> Exact:
    """The same number, as an int where it is whole."""
    return value.numerator if value.denominator == 1 else value


def half_up(numerator: int, denominator: int) -> int:
    """The integer nearest to a quotient, halves away from zero; the denominator is above zero."""
    rounded = (2 * abs(numerator) + denominator) // (2 * denominator)
    return rounded if numerator >= 0 else -rounded


def half_even(numerator: int, denominator: int) -> int:
    """The integer nearest to a quotient, halves to the even one; the denominator is above zero."""
    whole, rest = divmod(numerator, denominator)
    return whole + (2 * rest > denominator or (2 * rest == denominator and whole % 2))


def sum_of(values: Sequence[Exact]) -> Exact:
    """The sum, over one denominator: the fractions of one thing have few, and each addition would cost a gcd."""
    denominator = lcm(*{value.denominator for value in values})
    total = sum(value.numerator * (denominator // value.denominator) for value in values)
    return total if denominator == 1 else whole(Fraction(total, denominator))
