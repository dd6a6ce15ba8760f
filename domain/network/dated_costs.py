"""When declared costs fall due: amounts by day of an operator's calendar, by the versions in effect on it."""

import calendar
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from domain.calendar import ONE_DAY
from domain.values import value


@value
class DatedCost:
    """One declaration of a cost that falls due: minor units, ONCE or every DAY, WEEK or MONTH.

    `due_day` is a day of the month from 1 to 31, or of the week from 1, Monday, to 7; None: the one on which it takes
    effect. Without a location it is of all of an operator's. `time`, `source` and `id` are those of its message.
    """

    cost_id: str
    location_id: str | None
    effective_from: datetime
    effective_to: datetime | None
    amount: int
    every: str
    due_day: int | None
    time: datetime
    source: str
    id: str


def due_costs(told: Iterable[DatedCost], since: date, until: date, time_zone: ZoneInfo) -> dict[date, int]:
    """What falls due on each day from `since` to `until`, both included, in the operator's zone; minor units.

    On each day the latest version of a cost counts that is in effect on it: the one that begins last, of those that
    begin together the one told last, by (time, source, id). Of a cost that is told of a site and of all, the latest
    of both counts for that site. A day of the month that a month has not is its last one.
    """
    found: dict[date, int] = defaultdict(int)
    by_cost: dict[str, list[DatedCost]] = defaultdict(list)
    for each in told:
        by_cost[each.cost_id].append(each)
    for versions in by_cost.values():
        versions.sort(key=lambda each: (each.effective_from, each.time, each.source, each.id))
        spans = [(each, *_days(each, time_zone)) for each in versions]
        for index, (each, first, last) in enumerate(spans):
            for day in _due_days(each, first, max(since, first), min(until, last)):
                if _counts(each, day, spans[index + 1 :]):
                    found[day] += each.amount
    return dict(found)


def _days(each: DatedCost, time_zone: ZoneInfo) -> tuple[date, date]:
    """The first and the last local day on which a version is in effect."""
    first = each.effective_from.astimezone(time_zone).date()
    if each.effective_to is None:
        return first, date.max
    moment = each.effective_to - timedelta(microseconds=1)
    return first, moment.astimezone(time_zone).date()


def _counts(each: DatedCost, day: date, later: Sequence[tuple[DatedCost, date, date]]) -> bool:
    """Whether a version is the latest in effect on a day, for its site, or for any site where it is of all."""
    above = {_key(other.location_id) for other, first, last in later if first <= day <= last}
    return None not in above and (each.location_id is None or _key(each.location_id) not in above)


def _key(location_id: str | None) -> str | None:
    return None if location_id is None else location_id.casefold()


def _due_days(each: DatedCost, begins: date, since: date, until: date) -> Iterator[date]:
    if each.every == "ONCE":
        day = _once(begins, each.due_day)
        if since <= day <= until:
            yield day
        return
    is_due = _RULES[each.every](begins, each.due_day)
    day = since
    while day <= until:
        if is_due(day):
            yield day
        day += ONE_DAY


def _once(begins: date, due_day: int | None) -> date:
    """The first day of the month that is meant, from the day on which it takes effect."""
    day = begins
    while due_day is not None and not _is_day_of_month(day, due_day):
        day += ONE_DAY
    return day


def _is_day_of_month(day: date, due_day: int) -> bool:
    return day.day == min(due_day, calendar.monthrange(day.year, day.month)[1])


_RULES: Mapping[str, Callable[[date, int | None], Callable[[date], bool]]] = {
    "DAY": lambda begins, due_day: lambda day: True,
    "WEEK": lambda begins, due_day: lambda day: day.isoweekday() == (due_day or begins.isoweekday()),
    "MONTH": lambda begins, due_day: lambda day: _is_day_of_month(day, due_day or begins.day),
}
