"""Times as people write them in the as-of bar, made into the addresses that can be sent to a colleague.

What a form sends depends on the reader's zone and on where a slider stood; an address does not. So a page that is
asked with such is answered with the address that says the same for everybody: times in UTC, nothing empty.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from api.pages.format import zone_of
from api.pages.view import AS_OF, BEGINS, address
from api.problems import bad_parameter
from domain.calendar import utc_text

_ZONE = "in"
# The fields of an axis's slider: where it stands and stood, its last place, its first time, seconds to the next.
_SLIDER = ("slide", "slid", "last", "first", "step")
_DAY_S = 24 * 3600
# Bounds of a moment in a filter: `effective_at.gte`. A day begins or ends where its bound needs it to.
_BOUNDS = frozenset({"gte", "gt", "lte", "lt"})
_MOMENTS = frozenset({*AS_OF, "from", "to"})
FORM_PARAMETERS = frozenset({_ZONE, *(f"{axis}.{field}" for axis in AS_OF for field in _SLIDER)})
_HINT = "write a day or a time, such as 2026-03-25 or 2026-03-25 14:30; nothing means now"


def canonical_address(path: str, query: Mapping[str, str], zone: ZoneInfo) -> str | None:
    """The address that says for everybody what a form's says for its reader; None where the query is one already.

    `in` names the zone in which the form showed its times. Of each axis `.slide` is the place of the slider, of
    `.last` places `.step` seconds apart from `.first`, and `.slid` where it stood before: a slider that was moved
    wins over the time in the field. Raises Problem 400.
    """
    asked = {name: value for name, value in query.items() if value.strip() and name not in FORM_PARAMETERS}
    shown_in = zone_of(query.get(_ZONE)) or zone
    for name in [each for each in asked if each in _MOMENTS or each.partition(".")[2] in _BOUNDS]:
        begins = name.endswith(BEGINS)
        if (moment := moment_of(name, asked.pop(name).strip(), shown_in, begins=begins)) is not None:
            asked[name] = utc_text(moment)
    for axis in AS_OF:
        if query.get(f"{axis}.slide") != query.get(f"{axis}.slid"):
            asked.pop(axis, None)
            if (moment := _slid(query, axis, shown_in)) is not None:
                asked[axis] = utc_text(moment)
    return (
        None
        if asked == dict(query)
        else address(path, {name: asked[name] for name in query if name in asked} | asked)
    )


def begin_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local day."""
    try:
        return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The last instant of a local day, since what is asked for is inclusive."""
    try:
        midnight = datetime.combine(day + timedelta(days=1), time(), tzinfo=zone)
        return midnight.astimezone(UTC) - timedelta(microseconds=1)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def moment_of(name: str, text: str, zone: ZoneInfo, *, begins: bool) -> datetime | None:
    """What somebody wrote as a time in a zone: of a day its first instant, or its last; None for now.

    Raises Problem 400, about the parameter of that name.
    """
    if text.lower() == "now":
        return None
    try:
        if len(text) <= len("2026-03-25"):
            day = date.fromisoformat(text)
            return begin_of_day(day, zone) if begins else end_of_day(day, zone)
        # A plus sign that was not escaped arrives as a space.
        found = datetime.fromisoformat(text if "T" not in text else text.replace(" ", "+"))
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise bad_parameter(name, f"{text[:64]!r} is no time: {_HINT}") from None


def _slid(query: Mapping[str, str], axis: str, zone: ZoneInfo) -> datetime | None:
    """The time at which a slider stands, of days their end; None at its last place, which is now."""
    try:
        place, last, step = (int(query[f"{axis}.{each}"]) for each in ("slide", "last", "step"))
        chosen = datetime.fromisoformat(query[f"{axis}.first"]) + timedelta(seconds=place * step)
        if place == last:
            return None
        return end_of_day(chosen.date(), zone) if step == _DAY_S else chosen.replace(tzinfo=zone).astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        raise bad_parameter(f"{axis}.slide", "says no time: use the times beside it") from None
