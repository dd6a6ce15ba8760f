"""Demand charges of sites: what each month costs, who bears it, and what each step of its load costs."""

from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import AfterValidator
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.exports import FormParameter, Table, listed
from api.parameters import Identifier, PageRequest, page_request
from api.problems import bad_parameter, not_found
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import Column, Kind, amounts, numbers, texts, times
from domain.network.demand import Month, month_named
from domain.network.shared_charge import rungs
from projections.documents.network_costs import (
    demand_document,
    rung_document,
    share_documents,
)
from projections.network.demand_months import DemandFilter, DemandKey, demand_keys, demand_months
from projections.network.horizon import network_horizon
from projections.network.site_month import SiteMonth, SiteMonths
from projections.reading import Snapshot

router = resources("network")

_METHODS = ("coincident", "energy", "ladder")
DEMAND = Table(
    "demand",
    (
        *texts("operator_id", "location_id", "month", "currency"),
        *times("peak_at"),
        *numbers("peak_kw", "billed_kw", "months", "average_months"),
        *amounts("charge"),
        *numbers("sessions"),
        *(Column(f"other_{name}", Kind.AMOUNT, f"other_load.{name}") for name in _METHODS),
        *times("closes_at"),
        *texts("is_closed"),
        *amounts("closed_charge", "difference"),
    ),
)
SHARES = Table(
    "demand-shares",
    (
        *texts("location_id", "month", "session_id", "currency"),
        *numbers("energy_wh"),
        *amounts(*_METHODS, "closed_ladder", "difference"),
    ),
)
LADDER = Table("demand-ladder", numbers("from_kw", "to_kw", "quarters", "cost", "cost_a_quarter"))
_DEMAND: dict[str, Any] = {
    "operator_id": "OP-NL",
    "location_id": "UTRECHT-1",
    "month": "2026-03",
    "currency": "EUR",
    "peak_at": "2026-03-19T17:15:00Z",
    "peak_kw": "84.32",
    "billed_kw": "79.18",
    "months": 3,
    "average_months": 12,
    "charge": "328.6",
    "sessions": 412,
    "other_load": {"coincident": "41.20", "energy": "88.12", "ladder": "63.35"},
    "closes_at": "2026-04-05T22:00:00Z",
    "is_closed": True,
    "closed_charge": "328.10",
    "difference": "0.50",
}
_DEMAND_NULLABLE = (
    *("peak_at", "peak_kw", "billed_kw", "months", "average_months", "charge", "other_load"),
    *("closed_charge", "difference"),
)
_SHARE: dict[str, Any] = {
    "location_id": "UTRECHT-1",
    "month": "2026-03",
    "session_id": "S-1001",
    "coincident": "0.00",
    "energy": "0.71",
    "ladder": "0.52",
    "currency": "EUR",
    "energy_wh": "20110",
    "closed_ladder": "0.52",
    "difference": "0.00",
}
_RUNG = {"from_kw": "0", "to_kw": "8.432", "quarters": 1874, "cost": "32.86", "cost_a_quarter": "0.017535"}


def _month(text: str) -> str:
    try:
        month_named(text)
    except ValueError:
        raise ValueError("is no month: write it as 2026-03") from None
    return text


MonthParameter = Annotated[str, AfterValidator(_month)]


def _months(snapshot: Snapshot) -> SiteMonths:
    return SiteMonths(snapshot.cursor, network_horizon(snapshot.cursor))


@router.get(
    "/demand",
    summary="Demand charges of sites by month",
    responses=answers(
        {"data": [Loose(_DEMAND, nullable=_DEMAND_NULLABLE)], "next_cursor": None, "as_of": {}}, files=True
    ),
)
async def demand(
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    operator_id: Annotated[Identifier | None, Query(description="Only this operator's")] = None,
    location_id: Annotated[Identifier | None, Query(description="Only this site's")] = None,
    since: Annotated[MonthParameter | None, Query(alias="from", description="From this month on")] = None,
    until: Annotated[MonthParameter | None, Query(alias="to", description="Up to this month, included")] = None,
    form: FormParameter = None,
) -> Response:
    """By site and month, where a price of demand is declared: the peak, what it costs, what other load bears.

    A month closes five days after its end, in the site's zone: `closed_charge` is what it came to by what acted by
    then, and `difference` what later facts changed. Of a mean over several months `months` says how many there are.
    """
    first, last = (month_named(text) if text is not None else None for text in (since, until))
    if first is not None and last is not None and last < first:
        raise bad_parameter("to", "is before `from`")

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        months = _months(snapshot)
        keys = demand_keys(snapshot.cursor, months, DemandFilter(operator_id, location_id, first, last))
        after = page.keys(str, str, str, str)
        behind = [key for key in keys if after is None or _texts(key) > after]
        shown = behind[: page.limit]
        cursor = page.cursor(*_texts(shown[-1])) if behind[page.limit :] else None
        return [demand_document(each) for each in demand_months(months, shown)], cursor

    return await listed(call, page, form, DEMAND, ask)


def _texts(key: DemandKey) -> tuple[str, str, str, str]:
    return key.operator_id, key.location_key, str(key.month), key.currency


async def one_month(
    location_id: Annotated[Identifier, Query(description="The site")],
    month: Annotated[MonthParameter, Query(description="The month, on the site's clock")],
    operator_id: Annotated[
        Identifier | None, Query(description="Whose site, where ids of sites are not unique")
    ] = None,
) -> DemandFilter:
    """A dependency: the one month of a site that is asked for."""
    named: Month = month_named(month)
    return DemandFilter(operator_id, location_id, named, named)


def _found(snapshot: Snapshot, wanted: DemandFilter) -> list[SiteMonth]:
    months = _months(snapshot)
    return list(demand_months(months, demand_keys(snapshot.cursor, months, wanted)))


@router.get(
    "/demand/shares",
    summary="Who bears a month's demand charge",
    responses=answers(
        {
            "data": [Loose(_SHARE, nullable=(*_METHODS, "closed_ladder", "difference"))],
            "next_cursor": None,
            "as_of": {},
        },
        files=True,
    ),
)
async def shares(
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    wanted: Annotated[DemandFilter, Depends(one_month)],
    form: FormParameter = None,
) -> Response:
    """What each session with energy in a month bears of its charge, by three methods; they add up with other load.

    `coincident`: by Wh in the quarter of the peak; `energy`: by Wh of the month; `ladder`: by how high the load stood
    while it charged. `difference` is what changed of the ladder's share since the month closed.
    """

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        rows = [row for each in _found(snapshot, wanted) for row in share_documents(each)]
        after = page.keys(str, str)
        behind = [row for row in rows if after is None or (row["currency"], row["session_id"]) > after]
        shown = behind[: page.limit]
        last = shown[-1] if behind[page.limit :] else None
        return shown, page.cursor(last["currency"], last["session_id"]) if last else None

    return await listed(call, page, form, SHARES, ask)


@router.get(
    "/demand/ladder",
    summary="What each step of a month's load costs",
    responses=answers({"data": [_RUNG], "next_cursor": None, "as_of": {}}, 404, files=True),
)
async def ladder(
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    wanted: Annotated[DemandFilter, Depends(one_month)],
    form: FormParameter = None,
) -> Response:
    """The peak in ten steps of equal height, the lowest first: all cost the same, and the higher the fewer bear it.

    `quarters` is how many quarter hours reach into a step, `cost_a_quarter` what each of them bears of it.
    """

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        shared = [each for each in _found(snapshot, wanted) if each.shared is not None]
        if not shared or shared[0].shared is None:
            raise not_found("demand charge", f"{wanted.location_id} {wanted.first}")
        return [rung_document(rung) for rung in rungs(shared[0].loads, shared[0].shared)], None

    return await listed(call, page, form, LADDER, ask)
