"""The options that commands share, and how their texts are read."""

from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from wattledger.views.forms import Form

if TYPE_CHECKING:
    from domain.tariff.taxes import Tax

_DAY, _MICROSECOND = timedelta(days=1), timedelta(microseconds=1)
# In the years before and after, another time zone or the next day may be outside the calendar.
_YEARS = range(2, 9999)

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Where embedded services keep their data.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print the table as CSV (RFC 4180), for spreadsheets.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks and debug logs.")]
Files = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="JSON Lines of CloudEvents; - for standard input.")
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files are written.")]
Directory = Annotated[Path, typer.Argument(metavar="DIR", help="Where the files are written.")]


class BankFiles(StrEnum):
    """Which bank files are written: those that never were, or all that were ever made."""

    NEW = "new"
    ALL = "all"


BankFilesOption = Annotated[
    BankFiles,
    typer.Option("--bank-files", help="The bank files that were never written, or all that were ever made."),
]
OneOperators = Annotated[str | None, typer.Option("--operator", help="Only this operator's.")]
Until = Annotated[
    str | None,
    typer.Option(
        "--until", metavar="TIME", help="RFC 3339 with an offset, inclusive; a date is the end of that day in UTC."
    ),
]
Ahead = Annotated[
    bool, typer.Option("--ahead", help="Take an --until more than 24 hours ahead: it closes payout days to come.")
]
At = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="TIME",
        help="As of then: RFC 3339 with an offset, inclusive; a date is the end of that day where the operator is, "
        "of other accounts in UTC.",
    ),
]
KnownAt = Annotated[
    str | None,
    typer.Option(
        "--known-at",
        metavar="TIME",
        help="As it was known then: RFC 3339 with an offset, inclusive; a date is the end of that day in UTC.",
    ),
]


def form_of(*, json: bool, csv: bool) -> Form:
    """The form that `--json` and `--csv` ask for; raises typer.BadParameter for both at once."""
    if json and csv:
        raise typer.BadParameter("one of --json and --csv at a time", param_hint="--csv")
    return Form.JSON if json else Form.CSV if csv else Form.TABLE


def last_moment(text: str | None, option: str = "--until") -> datetime | None:
    """The UTC instant that a time means, or the last one of a day in UTC: for what concerns several time zones.

    Raises typer.BadParameter when it is neither.
    """
    found = None if text is None else day_or_moment(text, option)
    return found if found is None or isinstance(found, datetime) else end_of_day(found, ZoneInfo("UTC"))


def first_moment(text: str | None, option: str) -> datetime | None:
    """The UTC instant that a time means, or the first one of a day in UTC; raises typer.BadParameter."""
    found = None if text is None else day_or_moment(text, option)
    return found if found is None or isinstance(found, datetime) else datetime.combine(found, time(), UTC)


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The last instant of a day in a time zone, to the microsecond, in UTC."""
    from domain.calendar import opens_at

    return opens_at(day + _DAY, zone, time()) - _MICROSECOND


def moment(text: str | None, option: str = "--until") -> datetime | None:
    """A UTC instant from an option; raises typer.BadParameter when it is no RFC 3339 time with an offset."""
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None or parsed.year not in _YEARS:
        raise typer.BadParameter(f"{text!r} is not a time such as 2026-03-01T00:00:00Z", param_hint=option)
    return parsed.astimezone(UTC)


def clock_moment(until: str | None, *, ahead: bool) -> datetime | None:
    """The moment that `--until` names, None where it is left out; the clock is moved there.

    Raises ApplicationError for one far ahead of the wall clock without `ahead`, and what `last_moment` raises.
    """
    from domain.far_ahead import AHEAD_MAX
    from wattledger.errors import ApplicationError

    end = last_moment(until)
    if end is None and ahead:
        raise typer.BadParameter("it takes the moment that --until names: name one", param_hint="--ahead")
    now = datetime.now(UTC)
    if end is not None and end - now > AHEAD_MAX and not ahead:
        raise ApplicationError(
            f"--until {until} is more than 24 hours ahead (it is {now:%Y-%m-%dT%H:%MZ}): every payout day up to then "
            "would be closed; name an earlier moment, or add --ahead if that is meant"
        )
    return end


def day(text: str, option: str) -> date:
    """A day as YYYY-MM-DD; raises typer.BadParameter."""
    with suppress(ValueError):
        found = date.fromisoformat(text)
        if found.year in _YEARS:
            return found
    raise typer.BadParameter(f"{text!r} is not a day such as 2026-03-01", param_hint=option)


def day_or_moment(text: str, option: str) -> date | datetime:
    """A day as YYYY-MM-DD, or else a UTC instant; raises typer.BadParameter."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        pass
    else:
        if day.year in _YEARS:
            return day
    with suppress(typer.BadParameter):
        if (found := moment(text, option)) is not None:
            return found
    raise typer.BadParameter(
        f"{text!r} is not a day such as 2026-03-01, nor a time with an offset, such as 2026-03-01T12:00:00Z",
        param_hint=option,
    )


def utc_span(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    """The first instant that `--from` and `--to` mean and the first that they do not, None where open.

    A day is a whole one in UTC, at both ends; a time counts from then on, or up to before it.
    """
    begin = None if since is None else day_or_moment(since, "--from")
    end = None if until is None else day_or_moment(until, "--to")
    first = begin if begin is None or isinstance(begin, datetime) else datetime.combine(begin, time(), UTC)
    before = end if end is None or isinstance(end, datetime) else datetime.combine(end + _DAY, time(), UTC)
    if first is not None and before is not None and before <= first:
        raise typer.BadParameter(f"nothing is from {since} to {until}; name a later end", param_hint="--to")
    return first, before


def read_tax(text: str) -> "Tax":
    """A tax from `--tax NAME=PERCENT`; raises typer.BadParameter."""
    from domain.document import exact_number
    from domain.errors import AmountError
    from domain.tariff.taxes import Tax

    name, _, percent = text.partition("=")
    try:
        return Tax(name.strip(), exact_number(percent))
    except AmountError as error:
        raise typer.BadParameter(f"{text!r} is no tax such as GST=5: {error}", param_hint="--tax") from None
