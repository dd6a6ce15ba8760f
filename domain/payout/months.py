"""Months of an operator's business dates: from the cut-off that begins their first day to that behind their last."""

from datetime import date, datetime

from domain.calendar import ONE_DAY, business_date, opens_at
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from domain.payout.cut_offs import fires_at

_LONGEST_MONTH = 31


def month_after(month: date) -> date:
    """The first day of the month behind that of a first day."""
    return (month + _LONGEST_MONTH * ONE_DAY).replace(day=1)


def month_begins(versions: Versions[Operator], month: date) -> datetime:
    """When the month of a first day begins: at the moment of the run that closes the business date before it.

    Before there was a contract it is the cut-off by the first one. Versions have one at least.
    """
    start, first = versions.timeline[0][0], versions.timeline[0][1].value
    moment = opens_at(month, first.time_zone, first.payout.cutoff)
    fired = fires_at(versions, month - ONE_DAY) if moment >= start else None
    return fired[0] if fired else moment


def month_of(versions: Versions[Operator], moment: datetime) -> date:
    """The first day of the month that a moment is in."""
    operator = versions.at(moment) or versions.timeline[0][1].value
    month = business_date(moment, operator.time_zone, operator.payout.cutoff).replace(day=1)
    # Where the cut-off changes, a moment may be in the month beside the one that the clock on the wall says.
    if moment < month_begins(versions, month):
        return (month - ONE_DAY).replace(day=1)
    after = month_after(month)
    return after if moment >= month_begins(versions, after) else month
