"""The payable lines of an operator, and what its next run pays."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.exports import FormParameter, Table, listed
from api.parameters import Identifier, PageRequest, page_request
from api.problems import not_found
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import amounts, dates, texts, times
from projections.documents.operator_lines import next_run_document, operator_line_document
from projections.operator_lines import Desk, LineState, desk, operator_lines
from projections.reading import Snapshot

router = resources("operators")

TABLE = Table(
    "operator-lines",
    (
        *texts("entry_id", "kind", "session_id", "payout_id", "currency"),
        *amounts("amount"),
        *times("effective_at", "released_at"),
        *dates("available_on"),
        *texts("state", "reason_code", "reason"),
    ),
)
_LINE = Loose(
    {
        "entry_id": "8e8a3e2f-6a6d-5a3c-8d5e-0f4a1b7c9d10",
        "kind": "J01",
        "session_id": "S-2043",
        "payout_id": None,
        "currency": "EUR",
        "amount": "14.41",
        "effective_at": "2026-03-31T06:51:00Z",
        "released_at": "2026-04-01T06:00:00Z",
        "available_on": "2026-04-02",
        "state": "MATURING",
        "reason_code": "AVAILABLE_LATER",
        "reason": "Available from 2026-04-02: comes with the run of that day",
    },
    nullable=("available_on", "reason_code", "released_at"),
)
_RUN: dict[str, Any] = {
    "currency": "EUR",
    "business_date": "2026-04-01",
    "fires_at": "2026-04-02T01:00:00Z",
    "lines": 8,
    "due": "75.20",
    "reserve": "0.00",
    "retained": "0.00",
    "withheld": "0.00",
    "minimum": "10.00",
    "pays": "75.20",
    "reason_code": None,
    "reason": "The run of 2026-04-01 pays 75.20 EUR",
}


@router.get(
    "/operators/{operator_id}/lines",
    summary="An operator's payable lines, the newest first",
    responses=answers({"data": [_LINE], "next_cursor": None, "as_of": {}}, 404, files=True),
)
async def lines_of_operator(
    operator_id: Identifier,
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    state: Annotated[LineState | None, Query(description="Where the lines stand")] = None,
    currency: Annotated[Identifier | None, Query(description="Only lines of this currency")] = None,
    form: FormParameter = None,
) -> Response:
    """What entries added to what the operator is owed, each with where it stands and why it is not paid.

    The lines that are not paid sum to `pending` and `available` of its balances.
    """

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        of = _desk(snapshot, operator_id)
        keys: Any = page.keys(datetime, UUID)
        rows = operator_lines(snapshot.cursor, of, state, page.limit + 1, keys, currency)
        last = rows[page.limit - 1] if rows[page.limit :] else None
        shown = [operator_line_document(of, row) for row in rows[: page.limit]]
        return shown, page.cursor(last.effective_at, last.entry_id) if last else None

    return await listed(call, page, form, TABLE, ask)


@router.get(
    "/operators/{operator_id}/next-payout",
    summary="What an operator's next run pays",
    responses=answers(
        {"operator_id": "OP-NL", "business_date": "2026-04-01", "data": [_RUN]},
        404,
        description="By currency, of what is known now.",
        etag=True,
    ),
)
async def next_payout(operator_id: Identifier, call: Annotated[Call, plain_call_for(Right.MONEY)]) -> Response:
    """What the next run would pay of what is released and available by then, or why it would pay nothing."""

    def ask(snapshot: Snapshot) -> dict[str, Any]:
        of = _desk(snapshot, operator_id)
        return {
            "operator_id": operator_id,
            "business_date": of.next_date.isoformat(),
            "data": [next_run_document(of, run) for run in of.runs.values()],
        }

    return await call.answer(ask, not_found("operator", operator_id))


def _desk(snapshot: Snapshot, operator_id: str) -> Desk:
    found = desk(snapshot.cursor, operator_id)
    if found is None:
        raise not_found("operator", operator_id)
    return found
