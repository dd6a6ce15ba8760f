"""How long operators' cash lasts: the days to the first on which nothing is left, and the curve day by day."""

from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.exports import FormParameter, Table, listed
from api.parameters import Identifier, PageRequest, page_request
from api.problems import not_found
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import amounts, numbers, texts, times
from projections.documents.network_runway import runway_document
from projections.network.runways import OperatorRunway, runway_of, runways
from projections.reading import Snapshot

router = resources("cash")

RUNWAY = Table(
    "runway",
    (
        *texts("operator_id", "currency"),
        *times("declared_at"),
        *amounts("cash"),
        *numbers("runway_days", "runway_days_low"),
    ),
)
_DAY = Loose(
    {"date": "2026-04-01", "inflow": "75.20", "cost": "850.00", "left": "1210.40", "low": "1166.28"},
    nullable=("low",),
)
_RUNWAY: dict[str, Any] = {
    "operator_id": "OP-NL",
    "currency": "EUR",
    "declared_at": "2026-03-31T08:00:00Z",
    "cash": "1985.20",
    "runway_days": 61,
    "runway_days_low": 32,
    "has_forecast": True,
    "undated_costs": ["DEMAND", "ENERGY"],
}
_UNKNOWN = ("declared_at", "cash", "runway_days", "runway_days_low")


@router.get(
    "/runway",
    summary="How long operators' cash lasts",
    responses=answers({"data": [Loose(_RUNWAY, nullable=_UNKNOWN)], "next_cursor": None, "as_of": {}}, files=True),
)
async def runway_list(
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    operator_id: Annotated[Identifier | None, Query(description="Only this operator's")] = None,
    form: FormParameter = None,
) -> Response:
    """By operator what it declared to have, and the days to the first on which less than nothing is left.

    `runway_days` is null where there is none within 180 days, or nothing was declared; `runway_days_low` is that of
    the lower end of the forecast's band.
    """

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        keys: Any = page.keys(str)
        if operator_id is not None:
            one = runway_of(snapshot.cursor, operator_id)
            return ([_shown(one)] if one else []), None
        found = [*runways(snapshot.cursor, page.limit + 1, keys[0] if keys else None)]
        last = found[page.limit - 1] if found[page.limit :] else None
        return [*map(_shown, found[: page.limit])], page.cursor(last.operator_id) if last else None

    return await listed(call, page, form, RUNWAY, ask)


def _shown(each: OperatorRunway) -> dict[str, Any]:
    return {name: told for name, told in runway_document(each).items() if name != "days"}


@router.get(
    "/runway/{operator_id}",
    summary="An operator's cash, day by day",
    responses=answers(Loose({**_RUNWAY, "days": [_DAY]}, nullable=_UNKNOWN), 404, etag=True),
)
async def runway(operator_id: Identifier, call: Annotated[Call, plain_call_for(Right.MONEY)]) -> Response:
    """What is left at the end of each of 180 days: what it declared, what is to come, less what falls due."""

    def ask(snapshot: Snapshot) -> dict[str, Any] | None:
        found = runway_of(snapshot.cursor, operator_id)
        return runway_document(found) if found else None

    return await call.answer(ask, not_found("operator", operator_id))
