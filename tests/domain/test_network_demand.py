"""Demand charges: what a month comes to, and who bears it, against definitions that are worked out in another way."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import permutations
from math import factorial, floor
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.network.costs import Price, Prices
from domain.network.demand import Method, Month, Peak, demand_charge, month_named, peak_of, shares_of
from domain.network.ladder import Player
from domain.network.moments import quarter_number, quarter_start
from domain.network.shared_charge import rungs, share_charge
from tests.support.examples import examples

# A quarter hour's Wh; thirds, since energy that is spread over seconds has any denominator.
energies = st.builds(Fraction, st.integers(1, 12), st.sampled_from([1, 3, 7]))
players = st.sampled_from(["A", "B", "C", None])
months_of_loads = st.dictionaries(
    players, st.dictionaries(st.integers(0, 4), energies, min_size=1).map(lambda of: sorted(of.items())), min_size=1
)
totals = st.integers(0, 500)


def _by_all_orders(total: int, loads: dict[Player, list[tuple[int, Fraction]]]) -> dict[Player, Fraction]:
    """The Shapley value: what each quarter adds to the highest before it, on average over all orders."""
    height = {quarter: Fraction(0) for of in loads.values() for quarter, _ in of}
    for of in loads.values():
        for quarter, energy in of:
            height[quarter] += energy
    adds = dict.fromkeys(height, Fraction(0))
    for order in permutations(height):
        highest = Fraction(0)
        for quarter in order:
            adds[quarter] += max(height[quarter] - highest, Fraction(0))
            highest = max(highest, height[quarter])
    scale = Fraction(total, factorial(len(height))) / max(height.values())
    return {
        player: sum((adds[quarter] * energy / height[quarter] for quarter, energy in of), Fraction(0)) * scale
        for player, of in loads.items()
    }


def _in_cents(exact: dict[Player, Fraction]) -> dict[Player, int]:
    """Cent by cent: always to whoever of those who are still owed one is owed most of it."""
    cents = {player: floor(share) for player, share in exact.items()}
    owed = {player: exact[player] - cents[player] for player in exact}
    for _ in range(int(sum(exact.values())) - sum(cents.values())):
        player = min(owed, key=lambda each: (-owed[each], each is None, each or ""))
        cents[player] += 1
        del owed[player]
    return cents


@settings(deadline=None, max_examples=examples(60))
@given(totals, months_of_loads)
def test_the_ladder_is_the_shapley_value_over_all_orders_to_the_cent(
    total: int, loads: dict[Player, list[tuple[int, Fraction]]]
) -> None:
    peak = peak_of(loads)
    assert peak is not None
    assert shares_of(total, loads, peak)[Method.LADDER] == _in_cents(_by_all_orders(total, loads))


@settings(deadline=None, max_examples=examples(40))
@given(totals, months_of_loads)
def test_shares_of_every_method_add_up_to_the_charge(
    total: int, loads: dict[Player, list[tuple[int, Fraction]]]
) -> None:
    peak = peak_of(loads)
    assert peak is not None
    for of_players in shares_of(total, loads, peak).values():
        assert of_players.keys() == loads.keys()
        assert sum(of_players.values()) == total


def test_three_quarters_by_hand() -> None:
    # Loads of 2, 6 and 10 kWh; A is in all of them, B in the highest alone, and other load in the second.
    loads: dict[Player, list[tuple[int, Fraction]]] = {
        "A": [(7, Fraction(2000)), (8, Fraction(3000)), (9, Fraction(4000))],
        "B": [(9, Fraction(6000))],
        None: [(8, Fraction(3000))],
    }
    peak = peak_of(loads)
    assert peak == Peak(9, 10_000)
    assert peak.kw == 40
    shares = shares_of(30_00, loads, peak)
    assert shares[Method.COINCIDENT] == {"A": 12_00, "B": 18_00, None: 0}
    assert shares[Method.ENERGY] == {"A": 15_00, "B": 10_00, None: 5_00}
    # The quarters bear 2/3, 2/3 + 4/2 = 8/3 and 8/3 + 4 = 20/3, of 10: 2.00, 8.00 and 20.00 of 30.00.
    assert shares[Method.LADDER] == {"A": 2_00 + 4_00 + 8_00, "B": 12_00, None: 4_00}


def test_of_equal_peaks_the_first_bears_the_coincident_charge_and_ties_go_by_id() -> None:
    loads: dict[Player, list[tuple[int, Fraction]]] = {
        None: [(3, Fraction(1))],
        "B": [(3, Fraction(1))],
        "A": [(3, Fraction(1)), (5, Fraction(3))],
    }
    peak = peak_of(loads)
    assert peak == Peak(3, 3)
    assert shares_of(1_00, loads, peak)[Method.COINCIDENT] == {"A": 34, "B": 33, None: 33}


def test_equal_shares_that_end_on_half_a_cent_are_told_apart_by_id_alone() -> None:
    loads: dict[Player, list[tuple[int, Fraction]]] = {
        name: [(number, Fraction(1, 3)) for number in range(40)] for name in ("D", "C", "B", "A")
    }
    peak = peak_of(loads)
    assert peak is not None
    assert shares_of(1_02, loads, peak)[Method.LADDER] == {"A": 26, "B": 26, "C": 25, "D": 25}


def test_loads_that_differ_by_less_than_any_number_of_places_shows_are_told_apart() -> None:
    little = Fraction(1, 10**90)
    loads: dict[Player, list[tuple[int, Fraction]]] = {"A": [(0, Fraction(1))], "B": [(1, 1 + little)]}
    peak = peak_of(loads)
    assert peak == Peak(1, 1 + little)
    # Each bears half of what is common, and B the little more: the odd cent is B's.
    assert shares_of(1_01, loads, peak)[Method.LADDER] == {"A": 50, "B": 51}


def test_a_month_of_no_load_has_no_peak() -> None:
    assert peak_of({}) is None


@pytest.mark.parametrize(
    ("prices", "peaks", "amount", "months"),
    [
        ([Price(10, "EUR")], [40, 20], 200_00, 1),
        ([Price(10, "EUR", minimum_kw=Fraction(5, 2))], [1], 25_00, 1),
        # Each month counts as the minimum at least, and then the mean is taken: (2.5 + 4) / 2.
        ([Price(10, "EUR", minimum_kw=Fraction(5, 2), average_months=2)], [9, 1, 4], 32_50, 2),
        ([Price(10, "EUR", average_months=12)], [10, 20, 30], 200_00, 3),
        ([Price(10, "EUR"), Price(1, "EUR", average_months=2)], [10, 20], 215_00, 2),
        # 1/3 kW at 0.05: 1.666 cents, rounded once.
        ([Price(Fraction(1, 20), "EUR")], [Fraction(1, 3)], 2, 1),
        ([Price(100, "JPY")], [Fraction(1, 3)], 33, 1),
    ],
)
def test_the_charge_of_a_month(prices: list[Price], peaks: list[Fraction], amount: int, months: int) -> None:
    charge = demand_charge(prices, peaks)
    assert charge is not None
    assert (charge.amount, charge.months) == (amount, months)


def test_no_price_is_no_charge() -> None:
    assert demand_charge([], [40]) is None


def test_months_are_of_the_sites_zone_with_their_days_of_23_and_25_hours() -> None:
    brussels = ZoneInfo("Europe/Brussels")
    march = month_named("2026-03")
    assert Month.of(datetime(2026, 2, 28, 23, 0, tzinfo=UTC), brussels) == march
    assert (march.start(brussels), march.end(brussels)) == (
        datetime(2026, 2, 28, 23, 0, tzinfo=UTC),
        datetime(2026, 3, 31, 22, 0, tzinfo=UTC),
    )
    assert march.end(brussels) - march.start(brussels) == timedelta(days=31, hours=-1)
    assert [str(march.later(count)) for count in (-3, 0, 10)] == ["2025-12", "2026-03", "2027-01"]
    assert march.closes_at(brussels) == datetime(2026, 4, 5, 22, 0, tzinfo=UTC)


def test_a_quarter_hour_has_the_number_of_all_moments_in_it() -> None:
    start = datetime(2026, 3, 1, 10, 15, tzinfo=UTC)
    number = quarter_number(start)
    assert quarter_start(number) == start
    assert quarter_number(start + timedelta(minutes=14, seconds=59)) == number
    assert quarter_number(start + timedelta(minutes=15)) == number + 1


def test_each_step_of_the_ladder_costs_the_same_and_the_higher_it_is_the_fewer_bear_it() -> None:
    loads: dict[Player, list[tuple[int, Fraction]]] = {
        "A": [(7, Fraction(2000)), (8, Fraction(3000)), (9, Fraction(4000))],
        "B": [(9, Fraction(6000))],
        None: [(8, Fraction(3000))],
    }
    since = quarter_start(9)
    shared = share_charge(loads, Prices([since], [(Price(Fraction(3, 4), "EUR"),)]))
    assert shared is not None
    assert shared.charge.amount == 30_00
    found = rungs(loads, shared, 5)
    assert [(int(rung.from_kw), rung.quarters, int(rung.cost)) for rung in found] == [
        (0, 3, 6),
        (8, 2, 6),
        (16, 2, 6),
        (24, 1, 6),
        (32, 1, 6),
    ]
    # A price that begins after the peak is none of this month's.
    assert share_charge(loads, Prices([since + timedelta(seconds=1)], [(Price(1, "EUR"),)])) is None
