"""Query parameters that are a day where a site is, or a moment: `from` and `to` of what is asked of the network."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Annotated, TypeAlias

from fastapi import Query
from pydantic import AfterValidator, StringConstraints

from api.parameters import Identifier, moment
from api.problems import bad_parameter
from projections.network.asked import Asked

# Where nobody says which days are meant, pages show those of the last five weeks.
DAYS_SHOWN = 35


def day_or_moment(text: str) -> date | datetime:
    """A day as YYYY-MM-DD, or an RFC 3339 time with an offset, in UTC; raises ValueError."""
    try:
        return date.fromisoformat(text) if len(text) == len("2026-03-01") else moment(text)
    except ValueError:
        raise ValueError(
            "is no day and no time with an offset: write it as 2026-03-01 or 2026-03-01T00:00:00Z"
        ) from None


def _checked(text: str) -> str:
    day_or_moment(text)
    return text


# Kept as a text, so that it is shown as it was asked for.
DayOrMoment = Annotated[str, StringConstraints(max_length=40), AfterValidator(_checked)]


Operator: TypeAlias = Annotated[Identifier | None, Query(description="Of this operator")]
Location: TypeAlias = Annotated[Identifier | None, Query(description="Of this site")]
Evse: TypeAlias = Annotated[Identifier | None, Query(description="Of this EVSE")]
Since: TypeAlias = Annotated[
    DayOrMoment | None, Query(alias="from", description="From this day of the site, or this time, on")
]
Until: TypeAlias = Annotated[
    DayOrMoment | None, Query(alias="to", description="Up to the end of this day, or before this time")
]


def asked_for(operator_id: str | None, location_id: str | None, since: str | None, until: str | None) -> Asked:
    """What the parameters ask for; raises Problem 400 for what is no day or time, and for a span that is none."""
    begin, end = _end("from", since), _end("to", until)
    asked = Asked(operator_id, location_id, begin, end)
    if asked.is_backwards:
        raise bad_parameter("to", "is before `from`: nothing is in such a span; name a later end")
    return asked


def _end(name: str, text: str | None) -> date | datetime | None:
    try:
        return None if text is None else day_or_moment(text)
    except ValueError as error:
        raise bad_parameter(name, str(error)) from None


def last_weeks(asked: Asked, horizon: datetime | None) -> Asked:
    """The same from a day on: where nothing says from which, the last five weeks before its end."""
    if asked.since is not None or horizon is None:
        return asked
    last = asked.until or horizon
    day: date = last.date() if isinstance(last, datetime) else last
    return replace(asked, since=day - timedelta(days=DAYS_SHOWN - 1))


def days(first: date | None, last: date | None) -> tuple[date | None, date | None]:
    """The first and the last day that are asked for; raises Problem 400 for a last one before the first."""
    if first is not None and last is not None and last < first:
        raise bad_parameter("to", "is before `from`: the span would be of less than nothing")
    return first, last


def days_of(query: Mapping[str, str]) -> tuple[date | None, date | None]:
    """The same of a page's `from` and `to`; raises Problem 400 for what is no day."""
    return days(*(_day(name, query.get(name)) for name in ("from", "to")))


def _day(name: str, text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise bad_parameter(name, "is no day: write it as 2026-03-25") from None
