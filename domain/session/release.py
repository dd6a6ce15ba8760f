"""Releases: when an operator's share may be paid, and when it moves from pending to available."""

from datetime import date, datetime

from domain.calendar import add_days, business_date, opens_at
from domain.catalogue.catalogue import Catalogue
from domain.values import value


@value
class Release:
    """A share was released; its lines may be paid from the business date `available_on`, J08 is at `matures_at`."""

    released_at: datetime
    available_on: date
    matures_at: datetime

    def matured_before(self, moment: datetime, clock: datetime | None) -> bool:
        """Whether the share had moved to 2010 before a moment; postings at the same instant come first.

        What the clock has not reached has not matured. Without a clock it is presumed that the clock will get there.
        """
        return self.matures_at < moment and (clock is None or self.matures_at <= clock)


def release(catalogue: Catalogue, operator_id: str, released_at: datetime) -> Release | None:
    """The release of a share: available `delay_days` after its business date, by the terms in effect (P1, P3)."""
    return _release(catalogue, operator_id, released_at, delayed=True)


def release_at_once(catalogue: Catalogue, operator_id: str, released_at: datetime) -> Release | None:
    """The release of what counts without delay: refunds, disputes, and differences of a matured share."""
    return _release(catalogue, operator_id, released_at, delayed=False)


def _release(catalogue: Catalogue, operator_id: str, released_at: datetime, delayed: bool) -> Release | None:
    operator = catalogue.operator_at(operator_id, released_at)
    if operator is None:
        return None
    terms = operator.payout
    day = business_date(released_at, operator.time_zone, terms.cutoff)
    if delayed:
        day = add_days(day, terms.delay_days, terms.business_days_only)
    matures_at = max(released_at, opens_at(day, operator.time_zone, terms.cutoff)) if delayed else released_at
    return Release(released_at, day, matures_at)
