"""What operators declared of their costs."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.exports import FormParameter, Table, listed
from api.parameters import Identifier, Moment, PageRequest, moment, page_request
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import Column, Kind, numbers, texts, times
from projections.documents.network_costs import cost_document
from projections.network.declared import CostFilter, declared_costs
from projections.reading import Snapshot

router = resources("network")

COSTS = Table(
    "costs",
    (
        *texts("operator_id", "cost_id", "kind", "location_id"),
        *times("effective_from", "effective_to"),
        Column("price", Kind.AMOUNT, "price.amount"),
        Column("amount", Kind.AMOUNT, "amount.amount"),
        *numbers("minimum_kw", "average_months"),
        *texts("every"),
        *numbers("due_day"),
        *times("declared_at"),
    ),
)
_EXAMPLE: dict[str, Any] = {
    "operator_id": "OP-NL",
    "cost_id": "GRID",
    "kind": "DEMAND",
    "location_id": "UTRECHT-1",
    "effective_from": "2026-03-01T00:00:00Z",
    "effective_to": "2027-03-01T00:00:00Z",
    "price": {"amount": "4.15", "currency": "EUR"},
    "minimum_kw": "2.5",
    "average_months": 12,
    "amount": {"amount": "950.00", "currency": "EUR"},
    "every": "MONTH",
    "due_day": 1,
    "declared_at": "2026-02-20T09:00:00Z",
}
_NULLABLE = (*("location_id", "effective_to", "price", "minimum_kw", "average_months", "amount", "every", "due_day"),)


@router.get(
    "/costs",
    summary="What operators declared of their costs",
    responses=answers({"data": [Loose(_EXAMPLE, nullable=_NULLABLE)], "next_cursor": None, "as_of": {}}, files=True),
)
async def costs(
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    operator_id: Annotated[Identifier | None, Query(description="Only this operator's")] = None,
    location_id: Annotated[Identifier | None, Query(description="Only those that concern this site")] = None,
    kind: Annotated[
        Literal["ENERGY", "DEMAND", "LEASE", "SERVICE", "SOFTWARE", "OTHER"] | None,
        Query(description="Only of this kind"),
    ] = None,
    at: Annotated[Moment | None, Query(description="Only the versions in effect then")] = None,
    form: FormParameter = None,
) -> Response:
    """Every version, by operator, cost and when it begins: ENERGY has a price a kWh, DEMAND a kW and month.

    Others have an amount that falls due. With `at` only what is in effect then: of the versions of one cost the one
    that begins last.
    """
    wanted = CostFilter(operator_id, location_id, kind, moment(at) if at is not None else None)

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        keys = page.keys(str, str, datetime, datetime, str, str)
        found = declared_costs(snapshot.cursor, wanted, page.limit + 1, keys)
        shown = found[: page.limit]
        last = shown[-1].key if found[page.limit :] else None
        return [cost_document(each) for each in shown], page.cursor(*last) if last else None

    return await listed(call, page, form, COSTS, ask)
