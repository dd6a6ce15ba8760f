"""Commission by schedule: which row is of a session and what it takes; tiers over a month."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalogue.commission import Month, MonthTiers, Schedule
from domain.catalogue.run_terms import FundingSource
from ledger.audit.commissions import Charge, scheduled
from tests.support.examples import examples

CARD, ROAMING, WALLET = FundingSource.CARD, FundingSource.ROAMING, FundingSource.WALLET
ROWS: list[dict[str, Any]] = [
    {"when": {"channel": "ROAMING"}, "percent": "12"},
    {"when": {"channel": "CARD", "locations": ["Loc-1"]}, "per_kwh": "0.035", "per_session": "0.10"},
    {"when": {"locations": ["LOC-2"]}, "percent": "5", "per_kwh": "0.01"},
]
STEPS = [{"from": "0", "percent": "10"}, {"from": "50.00", "percent": "8"}, {"from": "80.00", "percent": "5"}]


def schedule(rows: list[dict[str, Any]] | None = None) -> Schedule:
    made = Schedule.from_data(ROWS if rows is None else rows, "EUR")
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("channel", "place", "commission"),
    [
        (ROAMING, "LOC-1", 120),
        (CARD, "loc-1", 98),  # 25 kWh at 0.035 is 0.875, rounded up, and 0.10
        (CARD, "LOC-2", 75),
        (WALLET, "LOC-2", 75),
        (WALLET, "LOC-1", 0),
    ],
)
def test_the_first_row_that_is_of_a_session_counts_and_without_one_nothing(
    channel: FundingSource, place: str, commission: int
) -> None:
    assert schedule().commission(1000, 25_000, channel, place) == commission


def test_a_commission_is_at_most_the_net() -> None:
    assert schedule([{"per_session": "15.00"}]).commission(1000, 25_000, CARD, "") == 1000


def test_a_session_is_charged_by_the_first_step_of_tiers() -> None:
    tiers = {"measure": "NET", "window": "MONTH", "mode": "ALL", "steps": STEPS}
    assert schedule([{"tiers": tiers}]).commission(1000, 25_000, CARD, "") == 100


@pytest.mark.parametrize(("mode", "commission"), [("MARGINAL", 840), ("ALL", 500)])
def test_tiers_of_a_month_of_a_hundred_euros(mode: str, commission: int) -> None:
    """50.00 at 10 %, 30.00 at 8 % and 20.00 at 5 %; or all at the step that is reached, 5 %."""
    tiers = MonthTiers.from_data({"measure": "NET", "mode": mode, "steps": STEPS}, "EUR")
    assert tiers.commission(Month(net=10_000, energy_wh=250_000, sessions=10)) == commission


def test_a_step_counts_for_its_part_of_the_month_by_the_measure() -> None:
    """Of 3,000 kWh the 1,000 from 2,000 on are a third: a third of the net at 4 %, the rest at 10 %."""
    steps = [{"from": "0", "percent": "10"}, {"from": "2000", "percent": "4"}]
    tiers = MonthTiers.from_data({"measure": "KWH", "mode": "MARGINAL", "steps": steps}, "EUR")
    assert tiers.commission(Month(net=90_000, energy_wh=3_000_000, sessions=9)) == 6000 + 1200


_RATES = st.fixed_dictionaries(
    {},
    optional={
        "percent": st.integers(0, 1000).map(lambda tenths: f"{tenths / 10:.1f}"),
        "per_kwh": st.integers(0, 900).map(lambda tenths: f"{tenths / 1000:.3f}"),
        "per_session": st.integers(0, 300).map(lambda cents: f"{cents / 100:.2f}"),
    },
)
_WHEN = st.fixed_dictionaries(
    {},
    optional={
        "channel": st.sampled_from(("CARD", "ROAMING", "WALLET")),
        "locations": st.lists(st.sampled_from(("LOC-1", "loc-2", "LOC-3")), min_size=1),
    },
)


@settings(max_examples=examples(100))
@given(
    st.lists(st.builds(lambda rates, when: {**rates, "when": when}, _RATES, _WHEN), min_size=1, max_size=4),
    st.integers(0, 50_000),
    st.integers(0, 90_000),
    st.sampled_from(tuple(FundingSource)),
    st.sampled_from(("LOC-1", "LOC-2", "loc-3", "LOC-4")),
)
def test_whatever_the_schedule_the_audit_comes_to_the_same(
    rows: list[dict[str, Any]], net: int, energy_wh: int, channel: FundingSource, place: str
) -> None:
    found = schedule(rows).commission(net, energy_wh, channel, place)
    assert found == scheduled(rows, "EUR", Charge(net, Fraction(energy_wh), channel.value, place))
    assert 0 <= found <= net
