"""What is left of the price of sessions after their costs, each and summed."""

from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.day_or_moment import DayOrMoment, day_or_moment
from api.exports import FormParameter, Table, listed
from api.parameters import Identifier, PageRequest, page_request
from api.problems import bad_parameter
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import amounts, numbers, texts
from projections.documents.network_costs import (
    margin_document,
    margin_sum_document,
)
from projections.network.asked import Asked
from projections.network.horizon import network_horizon
from projections.network.margins import By, MarginFilter, session_margins, summed
from projections.network.site_month import SiteMonths
from projections.reading import Snapshot

router = resources("network")

MARGINS = Table(
    "margins",
    (
        *texts("session_id", "operator_id", "location_id", "evse_uid", "currency"),
        *amounts("net", "commission", "provider_fee"),
        *numbers("energy_cost"),
        *amounts("demand_share"),
        *numbers("margin"),
        *texts("missing"),
    ),
)
SUMS = Table(
    "margin-sums",
    (
        *texts("operator_id", "location_id", "evse_uid", "channel", "month", "currency"),
        *numbers("sessions"),
        *amounts("net", "commission", "provider_fee"),
        *numbers("energy_cost"),
        *amounts("demand_share"),
        *numbers("margin", "without_margin"),
        *amounts("net_without_margin"),
        *texts("missing"),
    ),
)
_PARTS: dict[str, Any] = {
    "currency": "EUR",
    "net": "9.77",
    "commission": "0.59",
    "provider_fee": "0.25",
    "energy_cost": "4.41234",
    "demand_share": "0.52",
    "margin": "3.99766",
}
_MARGIN: dict[str, Any] = {
    "session_id": "S-1001",
    "operator_id": "OP-NL",
    "location_id": "UTRECHT-1",
    "evse_uid": "NL-UTR-1-A",
    **_PARTS,
    "missing": ["DEMAND"],
}
_MARGIN_NULLABLE = ("location_id", "evse_uid", "energy_cost", "demand_share", "margin")
_SUM: dict[str, Any] = {
    "operator_id": "OP-NL",
    "location_id": "UTRECHT-1",
    "evse_uid": "NL-UTR-1-A",
    "channel": "direct",
    "month": "2026-03",
    **_PARTS,
    "sessions": 98,
    "without_margin": 2,
    "net_without_margin": "11.02",
    "missing": ["LOAD"],
}
_SUMMED_BY = ("location_id", "evse_uid", "channel", "month")


def _months(snapshot: Snapshot) -> SiteMonths:
    return SiteMonths(snapshot.cursor, network_horizon(snapshot.cursor))


async def margin_filter(
    since: Annotated[
        DayOrMoment | None, Query(alias="from", description="Sessions that began on that day at their site, or later")
    ] = None,
    before: Annotated[
        DayOrMoment | None, Query(alias="to", description="Up to that day with it, or before that time")
    ] = None,
    operator_id: Annotated[Identifier | None, Query(description="Only this operator's")] = None,
    location_id: Annotated[Identifier | None, Query(description="Only at this site")] = None,
    evse_uid: Annotated[Identifier | None, Query(description="Only at this charger")] = None,
    session_id: Annotated[Identifier | None, Query(description="Only this session's")] = None,
) -> MarginFilter:
    """A dependency: whose margins are asked for."""
    first, last = (day_or_moment(text) if text is not None else None for text in (since, before))
    asked = Asked(operator_id, location_id, first, last)
    if asked.is_backwards:
        raise bad_parameter("to", "is not after `from`: no session began in between")
    return MarginFilter(asked, evse_uid, None if session_id is None else [session_id])


@router.get(
    "/margins",
    summary="What is left of the price of sessions",
    responses=answers(
        {"data": [Loose(_MARGIN, nullable=_MARGIN_NULLABLE)], "next_cursor": None, "as_of": {}}, files=True
    ),
)
async def margins(
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    wanted: Annotated[MarginFilter, Depends(margin_filter)],
    form: FormParameter = None,
) -> Response:
    """Rated sessions by id: net less commission, recharged provider fee, cost of energy, share of demand (ladder).

    Energy is paid by quarter hour at the price then in effect. Where a cost is not declared there is no margin, and
    `missing` names it: ENERGY or DEMAND; LOAD where it is not known when the session's energy flowed.
    """

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        keys = page.keys(str)
        after = keys[0] if keys else None
        rows = list(session_margins(snapshot.cursor, _months(snapshot), wanted, limit=page.limit + 1, after=after))
        shown = rows[: page.limit]
        return [margin_document(each) for each in shown], (
            page.cursor(shown[-1].session_id) if rows[page.limit :] else None
        )

    return await listed(call, page, form, MARGINS, ask)


@router.get(
    "/margins/sums",
    summary="Margins summed by charger, site, channel, month or operator",
    responses=answers(
        {
            "data": [Loose(_SUM, nullable=(*_SUMMED_BY, "margin"), optional=_SUMMED_BY)],
            "next_cursor": None,
            "as_of": {},
        },
        files=True,
    ),
)
async def margin_sums(
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    wanted: Annotated[MarginFilter, Depends(margin_filter)],
    by: Annotated[By, Query(description="What is summed by, besides operator and currency")] = By.SITE,
    form: FormParameter = None,
) -> Response:
    """Sums of the sessions that have a margin; how many have none, their net, and what of them is missing.

    Beside `operator_id` each has what it is summed by: `location_id` and `evse_uid`, `location_id`, `channel` (a
    partner, or `direct`), or `month` (in which the session began, on its site's clock).
    """

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        months = _months(snapshot)
        rows = summed(session_margins(snapshot.cursor, months, wanted), by, months)
        keys = page.keys(int)
        start = keys[0] if keys else 0
        end = start + page.limit
        return [margin_sum_document(each) for each in rows[start:end]], page.cursor(end) if rows[end:] else None

    return await listed(call, page, form, SUMS, ask)
