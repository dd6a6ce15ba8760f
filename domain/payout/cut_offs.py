"""When the runs of an operator fire, by the cut-offs of its terms over time."""

from datetime import date, datetime

from domain.calendar import ONE_DAY, business_date, opens_at
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions


def fires_at(versions: Versions[Operator], day: date) -> tuple[datetime, Operator] | None:
    """When the run that closes a business date fires, with the terms in effect then; None while there is no contract.

    Where a change of the cut-off would skip the run, it fires at the moment of the change.
    """
    timeline = versions.timeline
    for index, (start, version) in enumerate(timeline):
        operator = version.value
        moment = opens_at(day + ONE_DAY, operator.time_zone, operator.payout.cutoff)
        if index:
            moment = max(moment, start)
        ends = timeline[index + 1][0] if index + 1 < len(timeline) else None
        if start <= moment and (ends is None or moment < ends):
            return moment, operator
    return None


def last_closed(versions: Versions[Operator], until: datetime) -> date | None:
    """The last business date whose run has fired by a moment (inclusive)."""
    operator = versions.at(until)
    if operator is None:
        return None
    day = business_date(until, operator.time_zone, operator.payout.cutoff)
    for candidate in (day + ONE_DAY, day, day - ONE_DAY, day - 2 * ONE_DAY, day - 3 * ONE_DAY):
        fired = fires_at(versions, candidate)
        if fired is not None and fired[0] <= until:
            return candidate
    return None
