"""The audit's own days of TARGET are those that the European Central Bank published."""

from datetime import date, timedelta

import holidays
import pytest

from ledger.audit.bank_days import clears_euro, first_clearing_day


@pytest.mark.parametrize(
    ("day", "first"),
    [
        ("2026-04-03", "2026-04-07"),  # Good Friday to Easter Tuesday.
        ("2026-05-01", "2026-05-04"),
        ("2026-12-25", "2026-12-28"),
        ("2027-01-01", "2027-01-04"),
        ("2026-03-03", "2026-03-03"),
        ("2038-04-23", "2038-04-27"),  # The latest Easter there is: 25 April.
    ],
)
def test_the_first_day_on_which_euro_are_cleared(day: str, first: str) -> None:
    assert first_clearing_day(date.fromisoformat(day)) == date.fromisoformat(first)


def test_they_are_those_of_the_library_as_far_as_it_goes() -> None:
    closed = holidays.financial_holidays("XECB", years=range(2002, 2101))
    day = date(2002, 1, 1)
    while day < date(2101, 1, 1):
        assert clears_euro(day) == (day.weekday() < 5 and day not in closed), day
        day += timedelta(days=1)
