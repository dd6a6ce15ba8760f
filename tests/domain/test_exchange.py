"""Positions between currencies: in any order what is closed leaves at its average, and nothing stands at nothing."""

from fractions import Fraction
from itertools import permutations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalogue.exchange import Movement, Position, converted, is_off, kept_rate, moved
from tests.support.examples import examples

AMOUNTS = st.tuples(st.integers(1, 10**9), st.integers(0, 10**9))


def movement(sold: int, bought: int) -> Movement:
    return Movement("SEK", "EUR", sold, bought)


def folded(movements: list[Movement]) -> tuple[Position, int]:
    """The position after all of them, and what was lost on the way."""
    position, lost = Position(), 0
    for each in movements:
        position, loss = moved(position, each)
        lost += loss
    return position, lost


@settings(max_examples=examples(200))
@given(st.lists(AMOUNTS, max_size=8), st.lists(AMOUNTS, max_size=8), st.randoms(use_true_random=False))
def test_a_position_of_nothing_stands_at_nothing_and_the_result_is_bank_less_book(
    conversions: list[tuple[int, int]], deals: list[tuple[int, int]], random: Random
) -> None:
    told = [movement(*each) for each in conversions] + [movement(-sold, -bought) for sold, bought in deals]
    rest = -sum(each.sold for each in told)
    told += [movement(rest, rest // 11)] if rest else []
    random.shuffle(told)
    position, lost = folded(told)
    assert position == Position()
    assert lost == sum(each.bought for each in told)


@settings(max_examples=examples(200))
@given(st.lists(st.one_of(AMOUNTS, AMOUNTS.map(lambda each: (-each[0], -each[1]))), max_size=12))
def test_what_is_open_and_what_was_lost_come_to_what_was_exchanged(movements: list[tuple[int, int]]) -> None:
    position, lost = folded([movement(*each) for each in movements])
    assert position.sold == sum(sold for sold, _ in movements)
    assert position.bought + lost == sum(bought for _, bought in movements)
    # Both sides are those of what is open.
    assert position.sold * position.bought >= 0
    assert position.sold != 0 or position.bought == 0


def test_of_the_sample_two_cents_are_lost() -> None:
    assert folded([movement(20000, 1742), movement(-20000, -1740)]) == (Position(), 2)


def test_half_of_what_is_open_is_closed_at_the_average() -> None:
    assert folded([movement(100, 10), movement(100, 21), movement(-100, -15)]) == (Position(100, 15), 1)


@pytest.mark.parametrize("order", list(permutations([(100, 10), (-60, -6), (-90, -10)])))
def test_a_deal_for_more_than_is_open_opens_the_other_side(order: list[tuple[int, int]]) -> None:
    position, lost = folded([movement(*each) for each in order])
    assert position.sold == -50
    assert position.bought + lost == -6


@pytest.mark.parametrize(
    ("sold", "currency", "rate", "to", "comes_to"),
    [
        (20000, "SEK", "0.0871", "EUR", 1742),
        (100, "EUR", "161.345", "JPY", 161),
        (161, "JPY", "0.0061979", "EUR", 100),
        (100, "EUR", "0.33445", "KWD", 334),
        (1, "SEK", "0.0871", "EUR", 0),
        (50, "SEK", "0.01", "EUR", 1),
    ],
)
def test_what_an_amount_comes_to_is_rounded_once_to_the_other_currencys_unit(
    sold: int, currency: str, rate: str, to: str, comes_to: int
) -> None:
    assert converted(sold, currency, Fraction(rate), to) == comes_to


def test_two_percent_off_is_told_only_above_it() -> None:
    last = Fraction("0.1")
    assert [is_off(Fraction(rate), last) for rate in ("0.102", "0.0980", "0.1020001", "0.0979")] == [
        False,
        False,
        True,
        True,
    ]


def test_a_rate_the_other_way_round_has_nine_decimals() -> None:
    assert kept_rate(1 / Fraction(3)) == Fraction("0.333333333")
    assert kept_rate(2 / Fraction(3)) == Fraction("0.666666667")
