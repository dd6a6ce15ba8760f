"""Releases: when an operator's share may be paid, and when it moves from pending to available."""

from datetime import datetime

from domain.book.release import Release
from domain.calendar import add_days, business_date, opens_at
from domain.catalogue.catalogue import Catalogue


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
        day = add_days(day, terms.delay_days, terms.business_days_only, terms.calendar)
    matures_at = max(released_at, opens_at(day, operator.time_zone, terms.cutoff)) if delayed else released_at
    return Release(released_at, day, matures_at)
