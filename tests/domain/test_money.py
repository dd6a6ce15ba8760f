"""Money: exact text, one rounding, and splits that lose nothing."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import AmountError
from domain.money import (
    currency_exponent,
    format_minor,
    largest_remainder,
    parse_decimal,
    parse_minor,
    percent_of,
    plain,
    round_half_up,
    to_minor_half_up,
)

totals = st.integers(-(10**9), 10**9)
weights = st.lists(st.integers(0, 10**6), min_size=1, max_size=6).filter(any)
currencies = st.sampled_from(["EUR", "JPY", "KWD", "INR", "CLF"])


@settings(deadline=None)
@given(totals, weights)
def test_parts_add_up_to_the_total(total: int, by: list[int]) -> None:
    assert sum(largest_remainder(total, by)) == total


@settings(deadline=None)
@given(totals, weights)
def test_each_part_is_its_exact_proportion_but_for_less_than_a_unit(total: int, by: list[int]) -> None:
    for part, weight in zip(largest_remainder(total, by), by, strict=True):
        assert abs(part - Fraction(total * weight, sum(by))) < 1


@settings(deadline=None)
@given(totals, weights)
def test_what_weighs_nothing_gets_nothing_and_a_refund_splits_as_the_charge(total: int, by: list[int]) -> None:
    parts = largest_remainder(total, by)
    assert all(part == 0 for part, weight in zip(parts, by, strict=True) if weight == 0)
    assert largest_remainder(-total, by) == tuple(-part for part in parts)


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=6).filter(any))
def test_a_split_of_the_whole_gives_back_the_weights(by: list[int]) -> None:
    assert largest_remainder(sum(by), by) == tuple(by)


@pytest.mark.parametrize(
    ("total", "by", "expected"),
    [
        (400, (1080, 100, 20), (360, 33, 7)),
        (10, (1, 1, 1), (4, 3, 3)),  # Ties go to the earlier part.
        (11, (1, 1, 1), (4, 4, 3)),
        (-10, (1, 1, 1), (-4, -3, -3)),
        (1, (1, 2), (0, 1)),
        (0, (5, 7), (0, 0)),
    ],
)
def test_units_left_over_go_to_the_largest_remainders(
    total: int, by: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert largest_remainder(total, by) == expected


@settings(deadline=None)
@given(totals, st.lists(st.integers(-50, 10**6), min_size=2, max_size=4).filter(lambda each: sum(each) > 0))
def test_a_share_below_zero_is_split_without_loss_too(total: int, by: list[int]) -> None:
    """A session that costs less than its commission and VAT leaves the operator a share below zero."""
    parts = largest_remainder(total, by)
    assert sum(parts) == total
    assert all(abs(part - Fraction(total * each, sum(by))) < 1 for part, each in zip(parts, by, strict=True))


@pytest.mark.parametrize("by", [[], [0, 0], [1, -1], [1, -3]])
def test_weights_that_say_nothing_are_refused(by: list[int]) -> None:
    with pytest.raises(AmountError):
        largest_remainder(10, by)


@settings(deadline=None)
@given(st.decimals(min_value=-(10**9), max_value=10**9, places=6))
def test_rounding_agrees_with_the_decimal_modules_half_up(value: Decimal) -> None:
    assert round_half_up(Fraction(value)) == int(value.quantize(Decimal(1), ROUND_HALF_UP))


@pytest.mark.parametrize(
    ("text", "expected"), [("0.5", 1), ("1.5", 2), ("2.5", 3), ("-0.5", -1), ("0.499999", 0), ("-1.4", -1), ("7", 7)]
)
def test_halves_go_away_from_zero(text: str, expected: int) -> None:
    assert round_half_up(Fraction(text)) == expected


@settings(deadline=None)
@given(st.integers(-(10**12), 10**12), currencies)
def test_text_and_minor_units_say_the_same(amount: int, currency: str) -> None:
    text = format_minor(amount, currency)
    assert parse_minor(text, currency) == amount
    _, _, decimals = text.partition(".")
    assert len(decimals) == currency_exponent(currency)


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [(1230, "EUR", "12.30"), (-5, "EUR", "-0.05"), (0, "EUR", "0.00"), (1230, "JPY", "1230"), (1230, "KWD", "1.230")],
)
def test_amounts_are_written_with_exactly_the_currencys_decimals(amount: int, currency: str, text: str) -> None:
    assert format_minor(amount, currency) == text


def test_fewer_decimals_are_padded_and_more_are_refused() -> None:
    assert parse_minor("12.3", "EUR") == 1230
    assert parse_minor("12.300", "EUR") == 1230
    with pytest.raises(AmountError, match="more than the 2 decimals of EUR"):
        parse_minor("12.345", "EUR")
    with pytest.raises(AmountError, match="more than the 0 decimals of JPY"):
        parse_minor("12.3", "JPY")


@pytest.mark.parametrize("text", ["", "twelve", "NaN", "Infinity", "1,5", "12.3.4"])
def test_what_is_no_finite_number_is_refused(text: str) -> None:
    with pytest.raises(AmountError):
        parse_decimal(text)


@pytest.mark.parametrize(
    ("amount", "percent", "expected"),
    [(1000, "7.5", 75), (1010, "5", 51), (1009, "5", 50), (0, "5", 0), (333, "0", 0)],
)
def test_a_percentage_is_rounded_half_up_to_a_unit(amount: int, percent: str, expected: int) -> None:
    assert percent_of(amount, Fraction(percent)) == expected


def test_an_exact_amount_is_rounded_once_to_its_currency() -> None:
    assert to_minor_half_up(Fraction("9.7688"), "EUR") == 977
    assert to_minor_half_up(Fraction("9.765"), "EUR") == 977
    assert to_minor_half_up(Fraction("9.5"), "JPY") == 10


@pytest.mark.parametrize(
    ("value", "text"),
    [(Fraction(1, 2), "0.5"), (Fraction(1432), "1432"), (Decimal("1E+3"), "1000"), (0, "0"), (100, "100")],
)
def test_numbers_have_one_plain_text(value: Fraction | Decimal | int, text: str) -> None:
    assert plain(value) == text
