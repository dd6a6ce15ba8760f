"""What the payouts of the next days will come to: the mean of the last equal weekdays, with a band.

Three parts of what is expected are the mean of the last eight equal weekdays, or of as many as are known, and one
part is the mean of all days of those weeks: so few equal days are noisy, and their noise is not what comes.

The band is split-conformal: as wide as nine in ten of the errors that the same rule made before, each with what
was known so many weeks ahead. It needs no assumption of how errors are spread, only that those to come are like
those that were (V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random World", 2005). Its two
sides are apart, since payouts are never negative and errors are not even; what is expected is always within it.
A day without payout counts as nothing. Amounts are minor units.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import accumulate

from domain.calendar import ONE_DAY
from domain.values import value

# So many equal weekdays are looked at, and so many have to be known.
WEEKDAYS, WEEKDAYS_MIN = 8, 4
# Of what is expected so many parts are the mean of equal weekdays, and one is that of all days.
WEEKDAY_PARTS = 3
# Errors of so many days at most are the measure of the band: what the business was like long ago says little.
CALIBRATION_DAYS = 182
# With fewer errors than this none is the one in twenty on a side of the band.
CALIBRATION_MIN = 19
DAYS = 14
_WEEK = 7


@value
class DayForecast:
    """What is expected of a business date, never negative; the band holds nine in ten, None before it can be told."""

    business_date: date
    expected: int
    low: int | None
    high: int | None


def forecast(
    paid: Mapping[date, int], first: date, closed_through: date, days: int = DAYS
) -> tuple[DayForecast, ...]:
    """The business dates after the last one closed, by what was `paid` on each since the `first` that is known.

    Nothing is told of a weekday that was not closed four times since `first`.
    """
    known = (closed_through - first).days + 1
    series = _Series([max(paid.get(first + timedelta(days=number), 0), 0) for number in range(known)])
    errors: dict[int, list[int]] = {}
    found = []
    for ahead in range(1, days + 1):
        weeks = -(-ahead // _WEEK)
        mean = series.expected(known - 1 + ahead, weeks)
        if mean is None:
            continue
        if weeks not in errors:
            errors[weeks] = series.errors(weeks)
        band = _band(errors[weeks])
        low, high = (max(mean + min(band[0], 0), 0), mean + max(band[1], 0)) if band else (None, None)
        found.append(DayForecast(closed_through + ahead * ONE_DAY, mean, low, high))
    return tuple(found)


class _Series:
    """What was paid day by day, with the sums up to each, so that the mean of any days is two look-ups."""

    def __init__(self, amounts: Sequence[int]) -> None:
        self.amounts, self.sums = amounts, [0, *accumulate(amounts)]

    def expected(self, day: int, weeks: int) -> int | None:
        """What is expected of a day by the equal weekdays known so many weeks ahead, and their weeks; rounded down.

        None where too few are known.
        """
        last = day - _WEEK * weeks
        number = min(WEEKDAYS, last // _WEEK + 1)
        if number < WEEKDAYS_MIN:
            return None
        equal = sum(self.amounts[last - _WEEK * week] for week in range(number))
        since = max(last + 1 - _WEEK * number, 0)
        days, all_days = last + 1 - since, self.sums[last + 1] - self.sums[since]
        return (WEEKDAY_PARTS * equal * days + all_days * number) // ((WEEKDAY_PARTS + 1) * number * days)

    def errors(self, weeks: int) -> list[int]:
        """How much more was paid than the rule said, of the last days that it could say anything of; sorted."""
        since = max(len(self.amounts) - CALIBRATION_DAYS, 0)
        told = ((day, self.expected(day, weeks)) for day in range(since, len(self.amounts)))
        return sorted(self.amounts[day] - expected for day, expected in told if expected is not None)


def _band(errors: Sequence[int]) -> tuple[int, int] | None:
    """Errors that one in twenty is below and one in twenty above, with the correction for so few of them."""
    number = len(errors)
    if number < CALIBRATION_MIN:
        return None
    outside = (number + 1) // 20
    return errors[outside - 1], errors[number - outside]
