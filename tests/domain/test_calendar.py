"""Business dates through the days on which clocks change, and business days one by one."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.calendar import BankCalendar, add_days, business_date, next_open, opens_at, zone

MIDNIGHT = time(0, 0)
ZONES = (
    "Europe/Amsterdam",
    "America/Denver",
    "America/Havana",
    "Africa/Cairo",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "UTC",
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "day", "cutoff", "opens"),
    [
        # Winter and summer in Amsterdam: one and two hours ahead of UTC.
        ("Europe/Amsterdam", "2026-03-28", "03:00", "2026-03-28T02:00"),
        ("Europe/Amsterdam", "2026-03-30", "03:00", "2026-03-30T01:00"),
        # 29 March: 02:00 becomes 03:00, at 01:00 UTC. 02:30 does not exist; the first instant after it counts.
        ("Europe/Amsterdam", "2026-03-29", "00:00", "2026-03-28T23:00"),
        ("Europe/Amsterdam", "2026-03-29", "02:00", "2026-03-29T01:00"),
        ("Europe/Amsterdam", "2026-03-29", "02:30", "2026-03-29T01:00"),
        ("Europe/Amsterdam", "2026-03-29", "03:00", "2026-03-29T01:00"),
        ("Europe/Amsterdam", "2026-03-29", "03:30", "2026-03-29T01:30"),
        # 25 October: 03:00 becomes 02:00, at 01:00 UTC. 02:30 comes twice; the first counts.
        ("Europe/Amsterdam", "2026-10-25", "01:59", "2026-10-24T23:59"),
        ("Europe/Amsterdam", "2026-10-25", "02:00", "2026-10-25T00:00"),
        ("Europe/Amsterdam", "2026-10-25", "02:30", "2026-10-25T00:30"),
        ("Europe/Amsterdam", "2026-10-25", "03:00", "2026-10-25T02:00"),
        # Kolkata has no daylight saving and half an hour.
        ("Asia/Kolkata", "2026-03-29", "00:00", "2026-03-28T18:30"),
        ("Asia/Kolkata", "2026-03-29", "04:30", "2026-03-28T23:00"),
        # Cairo, 24 April: midnight becomes 01:00, at 22:00 UTC the day before.
        ("Africa/Cairo", "2026-04-24", "00:00", "2026-04-23T22:00"),
        ("Africa/Cairo", "2026-04-24", "00:30", "2026-04-23T22:00"),
        ("Africa/Cairo", "2026-04-24", "01:00", "2026-04-23T22:00"),
        ("Africa/Cairo", "2026-04-25", "00:00", "2026-04-24T21:00"),
        # Havana, 8 March: midnight becomes 01:00, at 05:00 UTC; 1 November: 01:00 is midnight again, at 05:00 UTC.
        ("America/Havana", "2026-03-08", "00:00", "2026-03-08T05:00"),
        ("America/Havana", "2026-11-01", "00:00", "2026-11-01T04:00"),
        ("America/Havana", "2026-11-01", "00:30", "2026-11-01T04:30"),
        ("America/Havana", "2026-11-02", "00:00", "2026-11-02T05:00"),
        # Lord Howe Island moves by half an hour: 4 October, 02:00 becomes 02:30, at 15:30 UTC the day before.
        ("Australia/Lord_Howe", "2026-10-04", "02:15", "2026-10-03T15:30"),
    ],
)
def test_a_business_date_opens_at_the_cut_off_on_the_wall_clock(name: str, day: str, cutoff: str, opens: str) -> None:
    assert opens_at(date.fromisoformat(day), zone(name), time.fromisoformat(cutoff)) == utc(opens)


@pytest.mark.parametrize(
    ("name", "moment", "cutoff", "expected"),
    [
        ("Europe/Amsterdam", "2026-03-02T22:59:59", "00:00", "2026-03-02"),
        ("Europe/Amsterdam", "2026-03-02T23:00:00", "00:00", "2026-03-03"),
        ("Europe/Amsterdam", "2026-03-03T01:59:59", "03:00", "2026-03-02"),
        ("Europe/Amsterdam", "2026-03-03T02:00:00", "03:00", "2026-03-03"),
        # The last second before the gap shows 01:59:59, the next 03:00:00.
        ("Europe/Amsterdam", "2026-03-29T00:59:59", "02:30", "2026-03-28"),
        ("Europe/Amsterdam", "2026-03-29T01:00:00", "02:30", "2026-03-29"),
        ("Europe/Amsterdam", "2026-10-25T00:29:59", "02:30", "2026-10-24"),
        ("Europe/Amsterdam", "2026-10-25T00:30:00", "02:30", "2026-10-25"),
        # The clock shows 02:10 for the second time: on the wall clock that is before the cut-off.
        ("Europe/Amsterdam", "2026-10-25T01:10:00", "02:30", "2026-10-24"),
        ("Asia/Kolkata", "2026-03-28T18:29:59", "00:00", "2026-03-28"),
        ("Asia/Kolkata", "2026-03-28T18:30:00", "00:00", "2026-03-29"),
        ("Africa/Cairo", "2026-04-23T21:59:59", "00:00", "2026-04-23"),
        ("Africa/Cairo", "2026-04-23T22:00:00", "00:00", "2026-04-24"),
        ("America/Havana", "2026-03-08T04:59:59", "00:00", "2026-03-07"),
        ("America/Havana", "2026-03-08T05:00:00", "00:00", "2026-03-08"),
    ],
)
def test_a_moment_belongs_to_its_local_date_after_subtracting_the_cut_off(
    name: str, moment: str, cutoff: str, expected: str
) -> None:
    found = business_date(utc(moment), zone(name), time.fromisoformat(cutoff))
    assert found == date.fromisoformat(expected)


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-28", 24), ("2026-03-29", 23), ("2026-10-24", 24), ("2026-10-25", 25)]
)
def test_days_of_23_and_25_hours_are_one_business_date(day: str, hours: int) -> None:
    first = date.fromisoformat(day)
    amsterdam = zone("Europe/Amsterdam")
    length = opens_at(first + timedelta(days=1), amsterdam, MIDNIGHT) - opens_at(first, amsterdam, MIDNIGHT)
    assert length == timedelta(hours=hours)


days = st.dates(date(2025, 1, 1), date(2027, 12, 31))
cutoffs = st.times().map(lambda each: each.replace(second=0, microsecond=0))


@settings(deadline=None)
@given(st.sampled_from(ZONES), days, cutoffs)
def test_the_moment_at_which_a_date_opens_belongs_to_it_and_the_second_before_does_not(
    name: str, day: date, cutoff: time
) -> None:
    opens = opens_at(day, zone(name), cutoff)
    assert business_date(opens, zone(name), cutoff) == day
    assert business_date(opens - timedelta(seconds=1), zone(name), cutoff) < day


@settings(deadline=None)
@given(st.sampled_from(ZONES), st.lists(days, min_size=2, max_size=6, unique=True), cutoffs)
def test_later_dates_open_later(name: str, some: list[date], cutoff: time) -> None:
    opened = [opens_at(day, zone(name), cutoff) for day in sorted(some)]
    assert all(earlier < later for earlier, later in pairwise(opened))


@pytest.mark.parametrize(
    ("day", "count", "business_days_only", "expected"),
    [
        ("2026-03-06", 0, False, "2026-03-06"),
        ("2026-03-06", 3, False, "2026-03-09"),
        ("2026-03-04", 1, True, "2026-03-05"),
        ("2026-03-06", 1, True, "2026-03-09"),  # Friday and one is Monday.
        ("2026-03-07", 1, True, "2026-03-09"),  # Saturday and one is Monday.
        ("2026-03-08", 1, True, "2026-03-09"),  # Sunday and one is Monday.
        ("2026-03-07", 2, True, "2026-03-10"),
        ("2026-03-05", 2, True, "2026-03-09"),
        ("2026-03-02", 5, True, "2026-03-09"),
        ("2026-03-02", 20, True, "2026-03-30"),
        ("2026-03-07", 0, True, "2026-03-07"),  # No step is no step, on a Saturday too.
    ],
)
def test_days_are_counted_one_by_one(day: str, count: int, business_days_only: bool, expected: str) -> None:
    assert add_days(date.fromisoformat(day), count, business_days_only) == date.fromisoformat(expected)


EASTER = frozenset({date(2026, 4, 3), date(2026, 4, 6)})
TARGET = BankCalendar("TARGET", "1", closed_in=lambda year: EASTER if year == 2026 else frozenset())
GULF = BankCalendar("GULF", "1", weekend=frozenset({4, 5}))


@pytest.mark.parametrize(
    ("day", "count", "calendar", "expected"),
    [
        ("2026-04-02", 1, TARGET, "2026-04-07"),  # Maundy Thursday and one is Easter Tuesday.
        ("2026-04-02", 2, TARGET, "2026-04-08"),
        ("2026-04-03", 1, TARGET, "2026-04-07"),
        ("2026-04-03", 0, TARGET, "2026-04-03"),
        ("2026-03-05", 1, GULF, "2026-03-08"),  # Thursday and one is Sunday.
    ],
)
def test_bank_holidays_are_no_business_days(day: str, count: int, calendar: BankCalendar, expected: str) -> None:
    assert add_days(date.fromisoformat(day), count, True, calendar) == date.fromisoformat(expected)


def test_the_next_day_is_one_on_which_all_are_open() -> None:
    assert next_open(date(2026, 4, 2), TARGET, GULF) == date(2026, 4, 2)
    assert next_open(date(2026, 4, 3), TARGET, GULF) == date(2026, 4, 7)
    assert next_open(date(2026, 4, 3)) == date(2026, 4, 3)


@settings(deadline=None)
@given(days, st.integers(1, 40))
def test_business_days_never_land_on_a_weekend(day: date, count: int) -> None:
    found = add_days(day, count, business_days_only=True)
    assert found.weekday() < 5
    between = [day + timedelta(days=offset) for offset in range(1, (found - day).days + 1)]
    assert sum(each.weekday() < 5 for each in between) == count
