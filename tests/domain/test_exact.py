"""Exact numbers: the quick forms say what fractions and decimals say."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.exact import exact, half_even, half_up

NUMERATORS = st.integers(-(10**30), 10**30)
DENOMINATORS = st.integers(1, 10**18)


@given(st.decimals(-(10**14), 10**14, places=9) | st.integers(-(10**20), 10**20))
def test_a_number_is_exactly_what_its_text_says(number: Decimal | int) -> None:
    assert exact(str(number)) == Fraction(number)


@pytest.mark.parametrize("value", [7, "7", "7.000", 7.0])
def test_a_whole_number_is_an_int_however_it_is_written(value: int | float | str) -> None:
    assert type(exact(value)) is int
    assert exact(value) == 7


def test_a_float_means_its_shortest_decimal_text() -> None:
    assert exact(0.1) == Fraction(1, 10)


@given(NUMERATORS, DENOMINATORS)
def test_halves_are_rounded_to_the_even_neighbour_as_fractions_are(numerator: int, denominator: int) -> None:
    assert half_even(numerator, denominator) == round(Fraction(numerator, denominator))


@given(st.integers(-(10**9), 10**9))
def test_every_half_goes_up_or_to_the_even_one(doubled: int) -> None:
    half = Decimal(doubled) / 2
    assert half_up(doubled, 2) == int(half.quantize(Decimal(1), ROUND_HALF_UP))
    assert half_even(doubled, 2) == round(half)


@given(NUMERATORS, DENOMINATORS)
def test_rounding_half_up_is_off_by_at_most_a_half(numerator: int, denominator: int) -> None:
    exact_value, rounded = Fraction(numerator, denominator), half_up(numerator, denominator)
    assert abs(rounded - exact_value) <= Fraction(1, 2)
    assert half_up(-numerator, denominator) == -rounded
