"""Business dates of an operator: those to come, with what they may pay, and one of them, with what was not paid."""

from datetime import date, datetime
from typing import Annotated, Any, TypeAlias
from uuid import UUID

from fastapi import Depends, Query
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.exports import FormParameter, Table, listed
from api.parameters import AS_A_DAY, IN_DIGITS, Identifier, PageRequest, page_request
from api.problems import not_found
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import amounts, dates, texts, times
from domain.payout.forecast import DAYS
from projections.documents.forecast import expected_document
from projections.documents.payout_day import day_document
from projections.documents.payout_story import line_document
from projections.forecast import expected_days
from projections.operators import operator
from projections.payout_day import day_of_operator, lines_left_out
from projections.payout_excluded import Reason
from projections.payout_story import PaidLine
from projections.reading import Snapshot

router = resources("operators")

LINES = Table(
    "payout-day-lines",
    (
        *texts("entry_id", "kind", "session_id"),
        *times("effective_at", "released_at"),
        *dates("available_on"),
        *texts("currency"),
        *amounts("amount"),
    ),
)
_LINE: dict[str, Any] = {
    "entry_id": "8e8a3e2f-6a6d-5a3c-8d5e-0f4a1b7c9d10",
    "kind": "J01",
    "session_id": "S-2043",
    "effective_at": "2026-03-19T06:51:00Z",
    "released_at": "2026-03-20T06:00:00Z",
    "available_on": "2026-03-21",
    "amount": "14.41",
    "currency": "EUR",
}
_Day: TypeAlias = Annotated[
    date | None, Query(alias="date", description="A business date, by default the last that was closed"), AS_A_DAY
]

_DAYS_MAX = 28
_EXPECTED = Loose(
    {
        "operator_id": "OP-NL",
        "currency": "EUR",
        "business_date": "2026-04-01",
        "expected": "75.20",
        "low": "31.08",
        "high": "122.45",
        "released": "64.14",
    },
    nullable=("low", "high"),
)
_PAYOUT: dict[str, Any] = Loose(
    {
        "payout_id": "831b35c9-3282-5ea1-8d00-b3dc05a4c01b",
        "currency": "EUR",
        "attempt": 1,
        "amount": "219.39",
        "status": "PAID",
        "reissue_of": None,
    },
    nullable=("reissue_of",),
)
_LEFT_OUT = Loose(
    {
        "reason": "BELOW_MINIMUM",
        "label": "All that is due is below the minimum",
        "entries": 4,
        "sessions": 2,
        "amount": "16.33",
        "available_on": None,
        "payout_id": None,
        "comes_with": None,
        "sentence": "due, but 16.33 EUR would have been left after reserve and taxes; the minimum was 25.00 EUR",
    },
    nullable=("available_on", "payout_id", "comes_with"),
)
_LATE: dict[str, Any] = {
    "entry_id": "8e8a3e2f-6a6d-5a3c-8d5e-0f4a1b7c9d10",
    "kind": "J25",
    "effective_at": "2026-03-20T06:51:00Z",
    "amount": "-4.00",
}
_NOTHING_PAID = Loose(
    {
        "currency": "EUR",
        "payable_before": "16.33",
        "due": "16.33",
        "reason_code": "BELOW_MINIMUM",
        "excluded": [_LEFT_OUT],
        "excluded_sum": "16.33",
        "late": [_LATE],
        "late_sum": "-4.00",
        "next_payout_id": "831b35c9-3282-5ea1-8d00-b3dc05a4c01b",
        "next_business_date": "2026-03-21",
    },
    nullable=("reason_code", "next_payout_id", "next_business_date"),
)
_DAY = Loose(
    {
        "operator_id": "OP-NL",
        "business_date": "2026-03-20",
        "state": "NOTHING_PAID",
        "fires_at": "2026-03-21T01:30:00Z",
        "waits_for": None,
        "payouts": [_PAYOUT],
        "nothing_paid": [_NOTHING_PAID],
        "sentences": ["Friday 2026-03-20 of OP-NL: its run fired at 2026-03-21T01:30:00Z and paid nothing"],
    },
    nullable=("fires_at", "waits_for"),
)


@router.get(
    "/operators/{operator_id}/forecast",
    summary="What an operator's next payouts may come to",
    responses=answers({"operator_id": "OP-NL", "data": [_EXPECTED]}, 404, etag=True),
)
async def forecast_of_operator(
    operator_id: Identifier,
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    days: Annotated[int, Query(ge=1, le=_DAYS_MAX, description="How many business dates"), IN_DIGITS] = DAYS,
) -> Response:
    """The business dates after the last one that was closed, by currency, by what was paid of the last months.

    `low` to `high` is to hold nine days of ten; `released` is what is released already and may be paid that day.
    """

    def ask(snapshot: Snapshot) -> dict[str, Any] | None:
        if operator(snapshot.cursor, operator_id) is None:
            return None
        found = expected_days(snapshot.cursor, operator_id, days)
        return {"operator_id": operator_id, "data": [expected_document(each) for each in found]}

    return await call.answer(ask, not_found("operator", operator_id))


@router.get(
    "/operators/{operator_id}/payout-day",
    summary="What an operator was paid of a business date, and why not",
    responses=answers(_DAY, 404, etag=True),
)
async def payout_day_of_operator(
    operator_id: Identifier,
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    day: _Day = None,
    currency: Annotated[Identifier | None, Query(description="Only this currency")] = None,
) -> Response:
    """The payouts of a business date, and of each currency without one what its run left out, and why.

    In each of `nothing_paid` the sum of `excluded` is `payable_before`, what was owed when the run fired.
    """

    def ask(snapshot: Snapshot) -> dict[str, Any] | None:
        found = day_of_operator(snapshot.cursor, operator_id, day, currency, known=snapshot.known)
        return day_document(found) if found else None

    return await call.answer(ask, not_found("operator", operator_id))


@router.get(
    "/operators/{operator_id}/payout-day/lines",
    summary="The lines behind what an operator was not paid of a business date",
    responses=answers(
        {"data": [Loose(_LINE, nullable=("released_at", "available_on"))], "next_cursor": None, "as_of": {}},
        404,
        files=True,
    ),
)
async def lines_of_payout_day(
    operator_id: Identifier,
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    day: _Day = None,
    currency: Annotated[Identifier | None, Query(description="By default the first with anything left out")] = None,
    reason: Annotated[Reason | None, Query(description="Of the sum with this reason; the first by default")] = None,
    available_on: Annotated[date | None, Query(description="Available from this business date on"), AS_A_DAY] = None,
    set_aside_for: Annotated[Identifier | None, Query(description="Set aside for this payout")] = None,
    form: FormParameter = None,
) -> Response:
    """The lines behind one sum of `excluded` where nothing was paid, in the order in which they act."""

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        found = day_of_operator(snapshot.cursor, operator_id, day, currency, known=snapshot.known)
        if found is None:
            raise not_found("operator", operator_id)
        for of in found.nothing_paid:
            sum_ = of.sum_of(reason, available_on, set_aside_for)
            if sum_ is not None:
                keys: Any = page.keys(datetime, UUID)
                rows = lines_left_out(snapshot.cursor, of, sum_, page.limit + 1, keys)
                last = rows[page.limit - 1] if rows[page.limit :] else None
                cursor = page.cursor(last.effective_at, last.entry_id) if last else None
                return [_line(line, of.currency) for line in rows[: page.limit]], cursor
        return [], None

    return await listed(call, page, form, LINES, ask)


def _line(line: PaidLine, currency: str) -> dict[str, Any]:
    return line_document(line, currency) | {"currency": currency}
