"""Quartiles among operators, worked out in another way than the database does: by fractions, value by value."""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from domain.exact import Exact, half_up

# Behind each figure stand so many operators at least, and none has more than this part of its weight.
OPERATORS_MIN = 5
PART_MAX = Fraction(1, 2)
DIGITS = 2


class Behind(NamedTuple):
    """What one operator puts behind a figure: its own value, and the weight of it (such as its hours in service)."""

    value: Exact
    weight: Exact


class Quartiles(NamedTuple):
    """The lower quartile, the median and the upper one among operators, each to DIGITS digits; how many there are."""

    lower: Fraction
    median: Fraction
    upper: Fraction
    operators: int


def quartiles(behind: Sequence[Behind]) -> Quartiles | None:
    """The quartiles of a figure, by linear interpolation between the values in order; each operator counts once.

    None where fewer than OPERATORS_MIN operators have a weight, or one has more than PART_MAX of it.
    """
    weighty = [each for each in behind if each.weight > 0]
    whole = sum((each.weight for each in weighty), start=Fraction(0))
    if len(weighty) < OPERATORS_MIN or max(each.weight for each in weighty) > whole * PART_MAX:
        return None
    values = sorted(Fraction(each.value) for each in weighty)
    lower, median, upper = (_short(_at(values, Fraction(quarter, 4))) for quarter in (1, 2, 3))
    return Quartiles(lower, median, upper, len(values))


def _at(values: Sequence[Fraction], part: Fraction) -> Fraction:
    """The value at a part of the way from the least to the greatest, by rank."""
    place = part * (len(values) - 1)
    below = place.numerator // place.denominator
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (place - below)


def _short(value: Fraction) -> Fraction:
    """The value rounded half up to DIGITS digits, whatever its size."""
    if not value:
        return value
    unit = Fraction(1)
    while abs(value) >= unit * 10**DIGITS:
        unit *= 10
    while abs(value) < unit * 10 ** (DIGITS - 1):
        unit /= 10
    scaled = value / unit
    return half_up(scaled.numerator, scaled.denominator) * unit
