"""Forecasts of payouts: of equal weekdays, never negative, by what was known, and as good as they say."""

from datetime import date, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.forecast import scores
from domain.payout.forecast import forecast

MONDAY = date(2026, 3, 2)
HISTORIES = st.lists(st.integers(0, 10**9), min_size=1, max_size=90)


def on(number: int) -> date:
    return MONDAY + timedelta(days=number)


def as_paid(amounts: list[int]) -> dict[date, int]:
    return {on(number): amount for number, amount in enumerate(amounts) if amount}


def invented(seed: int, days: int = 150) -> dict[date, int]:
    """Weekdays of their own size, with noise, and now and then a day without payout."""
    random = Random(seed)
    sizes = [random.randint(2_000, 30_000) for _ in range(7)]
    return as_paid(
        [int(sizes[day % 7] * random.uniform(0.3, 1.8)) if random.random() > 0.1 else 0 for day in range(days)]
    )


def test_a_day_is_for_three_parts_the_mean_of_equal_weekdays_and_for_one_that_of_their_weeks() -> None:
    paid = as_paid([day * 100 for day in range(36)])
    told = forecast(paid, MONDAY, on(34))
    assert [each.business_date for each in told] == [on(number) for number in range(35, 49)]
    # Five equal weekdays are known of the first, and 29 days from the first of them on.
    equal, all_days = (0 + 700 + 1400 + 2100 + 2800) // 5, sum(day * 100 for day in range(29)) // 29
    assert told[0].expected == (3 * equal + all_days) // 4
    # A week later the same weekdays are known, and no others.
    assert told[7].expected == told[0].expected


def test_no_more_than_eight_equal_weekdays_are_looked_at() -> None:
    old, lately = as_paid([99_000] * 35), {on(number): 400 for number in range(35, 35 + 70)}
    told = forecast({**old, **lately}, MONDAY, on(35 + 69))
    assert {each.expected for each in told} == {400}


def test_nothing_is_told_of_weekdays_that_were_too_few_and_no_band_of_errors_that_were_too_few() -> None:
    assert forecast(as_paid([500] * 21), MONDAY, on(20)) == ()
    told = forecast(as_paid([500] * 28), MONDAY, on(27))
    assert [(each.expected, each.low, each.high) for each in told] == [(500, None, None)] * 14
    told = forecast(as_paid([500] * 60), MONDAY, on(59))
    assert [(each.expected, each.low, each.high) for each in told] == [(500, 500, 500)] * 14


@given(HISTORIES)
def test_what_is_expected_is_within_its_band_and_never_negative(amounts: list[int]) -> None:
    for told in forecast(as_paid(amounts), MONDAY, on(len(amounts) - 1)):
        assert told.expected >= 0
        if told.low is not None and told.high is not None:
            assert 0 <= told.low <= told.expected <= told.high


@given(HISTORIES, st.integers(0, 10**9))
def test_what_is_paid_later_is_not_known(amounts: list[int], later: int) -> None:
    paid, today = as_paid(amounts), on(len(amounts) - 1)
    known = forecast(paid, MONDAY, today)
    assert forecast({**paid, today + timedelta(days=1): later}, MONDAY, today) == known


def test_forecasts_made_anew_for_invented_histories_are_near_and_their_bands_hold() -> None:
    found = scores(invented(seed) for seed in range(4))[0]
    assert found.bands > 4_000
    assert found.error < 0.65
    assert found.coverage > 0.89
