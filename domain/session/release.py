"""Releases: when an operator's share may be paid, and when it moves from pending to available."""

from datetime import datetime

from domain.book.release import Release
from domain.calendar import add_days, business_date, opens_at
from domain.catalogue.catalogue import Catalogue
from domain.catalogue.run_terms import FundingSource


def release(
    catalogue: Catalogue, operator_id: str, released_at: datetime, source: FundingSource = FundingSource.CARD
) -> Release | None:
    """The release of a share: available `delay_days` after its business date, by the terms in effect (P1, P3).

    Where the terms have a delay of its own for what pays for the session, that one.
    """
    return _release(catalogue, operator_id, released_at, source)


def release_at_once(catalogue: Catalogue, operator_id: str, released_at: datetime) -> Release | None:
    """The release of what counts without delay: refunds, disputes, and differences of a matured share."""
    return _release(catalogue, operator_id, released_at, None)


def _release(
    catalogue: Catalogue, operator_id: str, released_at: datetime, source: FundingSource | None
) -> Release | None:
    operator = catalogue.operator_at(operator_id, released_at)
    if operator is None:
        return None
    terms = operator.payout
    day = business_date(released_at, operator.time_zone, terms.cutoff)
    if source is None:
        return Release(released_at, day, released_at)
    delay_days = operator.runs.funding_delays.get(source, terms.delay_days)
    day = add_days(day, delay_days, terms.business_days_only, terms.calendar)
    return Release(released_at, day, max(released_at, opens_at(day, operator.time_zone, terms.cutoff)))
