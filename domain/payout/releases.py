"""When lines of payouts' own may be paid: what is given back, and what an operator owes."""

from datetime import date, datetime

from domain.book.release import Release
from domain.calendar import ONE_DAY, business_date
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from domain.payout.cut_offs import fires_at
from domain.payout.events import PayoutCreated


def reserve_release(created: PayoutCreated, versions: Versions[Operator], at: datetime) -> Release:
    """The release of a reserve that was given back at a moment: payable on the day its run comes round (P8)."""
    return Release(at, release_day(created, versions), at)


def retained_release(created: PayoutCreated, at: datetime) -> Release:
    """The release of what a payout left, once it is given back: a line of the run after its own (P6).

    After one that somebody asked for, that is the run of the same date.
    """
    return Release(at, created.business_date + (ONE_DAY if not created.requested else 0 * ONE_DAY), at)


def owed_at_once(created: PayoutCreated, versions: Versions[Operator], at: datetime) -> Release:
    """The release of what an operator owes from a moment on: the run of that business date takes it off (J40x)."""
    operator = versions.at(at)
    day = business_date(at, operator.time_zone, operator.payout.cutoff) if operator else created.business_date
    return Release(at, day, at)


def release_day(created: PayoutCreated, versions: Versions[Operator]) -> date:
    """The business date on which a reserve is a line again: `reserve_days` after its own (rule P8).

    By the terms in effect when it was handed off.
    """
    operator = versions.at(created.fired_at)
    return created.business_date + ONE_DAY * (operator.payout.reserve_days if operator else 0)


def reserve_released_at(created: PayoutCreated, versions: Versions[Operator], release_on: date) -> datetime:
    """The moment of J32: when that business date opens, not before the run that took the reserve."""
    opened = fires_at(versions, release_on - ONE_DAY)
    return max(created.fired_at, opened[0]) if opened else created.fired_at
