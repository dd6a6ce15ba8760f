"""Months of business dates: one begins where the one before ends, and every moment is in one of them."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.calendar import instant
from domain.payout.months import month_after, month_begins, month_of
from tests.domain.test_payout_run import contract

MINUTES = st.integers(0, 3 * 365 * 24 * 60)
ZONES = st.sampled_from(["Europe/Amsterdam", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "UTC"])
CUTOFFS = st.sampled_from(["00:00", "01:30", "02:30", "07:00"])


@given(ZONES, CUTOFFS, ZONES, CUTOFFS, MINUTES)
def test_every_moment_is_in_one_month_whatever_changes(
    zone: str, cutoff: str, other_zone: str, other: str, minutes: int
) -> None:
    moment = instant("2025-01-01T00:00:00Z") + timedelta(minutes=minutes)
    terms = contract({"cutoff_time": cutoff})
    changed = contract({"cutoff_time": cutoff}, ("2026-06-30T22:30:00", {"time_zone": other_zone}))
    for versions in (terms, changed, contract({"cutoff_time": other}, ("2026-06-30T22:30:00", {"time_zone": zone}))):
        month = month_of(versions, moment)
        assert month.day == 1
        assert month_begins(versions, month) <= moment < month_begins(versions, month_after(month))


def test_a_month_begins_with_the_cut_off_on_the_clock_of_its_operator() -> None:
    versions = contract({"cutoff_time": "02:30"}, ("2026-06-15T00:00:00", {"time_zone": "America/New_York"}))
    assert month_begins(versions, date(2026, 3, 1)) == instant("2026-03-01T02:30:00Z")
    assert month_begins(versions, date(2026, 4, 1)) == instant("2026-04-01T02:30:00Z")
    assert month_begins(versions, date(2026, 7, 1)) == instant("2026-07-01T06:30:00Z")
    # Before there was a contract, by the first one.
    assert month_begins(versions, date(2025, 12, 1)) == instant("2025-12-01T02:30:00Z")


def test_months_follow_one_another() -> None:
    month, versions = date(2025, 11, 1), contract()
    for _ in range(30):
        after = month_after(month)
        days = (month_begins(versions, after) - month_begins(versions, month)) / timedelta(days=1)
        assert 27.9 < days < 31.1
        month = after
    assert month == date(2028, 5, 1)
