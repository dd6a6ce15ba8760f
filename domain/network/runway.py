"""How long an operator's cash lasts: what it declared to have, what is to come, and what falls due, day by day.

L(d) = cash + inflows due by d - costs due by d, in minor units. The runway is the number of days from the declaration
to the first d with L(d) < 0. What is known to come is told by the rules of payouts, what comes after it is forecast;
the lower curve has the lower end of the forecast's band in its place.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from domain.values import value

RUNWAY_DAYS = 180


@value
class Inflow:
    """What arrives on a day in minor units: as expected, and at the lower end of the band; known ones are equal.

    `low` is None where no band can be told.
    """

    day: date
    expected: int
    low: int | None


@value
class DayOfCash:
    """The end of a day: what arrived and what fell due on it, and what is left; `low` is None without a band."""

    day: date
    inflow: int
    cost: int
    left: int
    low: int | None


@value
class Runway:
    """The curve from the day of the declaration on; runways are days, None where none is below zero.

    Without a declaration the curve begins at zero on the day that is asked for, and there is no runway.
    """

    days: tuple[DayOfCash, ...]
    runway_days: int | None
    runway_days_low: int | None


def runway(
    cash: int | None,
    since: date,
    inflows: Iterable[Inflow],
    costs: Mapping[date, int],
    length: int = RUNWAY_DAYS,
) -> Runway:
    """The curve of so many days behind `since`, the day of the declaration.

    Costs of that day are left out: its balance is what is left of them. What is due before it is too.
    """
    expected, low, has_band = _by_day(inflows, since)
    left = lowest = cash or 0
    days = []
    for number in range(length + 1):
        day = since + timedelta(days=number)
        cost = costs.get(day, 0) if number else 0
        left += expected.get(day, 0) - cost
        lowest += low.get(day, 0) - cost
        days.append(DayOfCash(day, expected.get(day, 0), cost, left, lowest if has_band else None))
    if cash is None:
        return Runway(tuple(days), None, None)
    return Runway(tuple(days), _first_below([each.left for each in days]), _first_below([each.low for each in days]))


def _by_day(inflows: Iterable[Inflow], since: date) -> tuple[dict[date, int], dict[date, int], bool]:
    """What arrives by day as expected and at least, and whether the least is known of all."""
    expected: dict[date, int] = {}
    low: dict[date, int] = {}
    has_band = True
    for each in inflows:
        if each.day < since:
            continue
        expected[each.day] = expected.get(each.day, 0) + each.expected
        if each.low is None:
            has_band = False
        else:
            low[each.day] = low.get(each.day, 0) + each.low
    return expected, low, has_band


def _first_below(left: Sequence[int | None]) -> int | None:
    return next((number for number, amount in enumerate(left) if amount is not None and amount < 0), None)
