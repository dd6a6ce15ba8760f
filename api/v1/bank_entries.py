"""Lines of the bank that are nobody's yet, and people who say whose they are."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from starlette.responses import Response

from api.access.roles import Right
from api.actions.asked import ASKED, Asked
from api.actions.bodies import Allocation
from api.actions.conditions import refuse
from api.actions.described import acts
from api.actions.desk import Plan, desk_of
from api.actions.moments import now_text
from api.call import Call, plain_call_for
from api.exports import FormParameter, Table, listed
from api.parameters import Identifier, PageRequest, page_request
from api.problems import not_found
from api.resource import answers, resources
from api.tables import money, numbers, texts, times
from domain.calendar import utc_text
from domain.money import format_minor
from projections.bank_entries import UnallocatedRow, unallocated_lines, unallocated_of
from projections.decidable import partner_objection
from projections.reading import Snapshot

router = resources("bank")

TABLE = Table(
    "bank-entries",
    (
        *texts("entry_reference", "state"),
        *money("amount"),
        *texts("direction"),
        *times("since"),
        *numbers("age_days"),
    ),
)
_EXAMPLE: dict[str, Any] = {
    "entry_reference": "BE-2BUKB4YJXLFWV3PVDXY73RYT.1",
    "state": "UNALLOCATED",
    "amount": {"amount": "250.00", "currency": "EUR"},
    "direction": "CREDIT",
    "since": "2026-03-05T00:00:00Z",
    "age_days": 4,
}


@router.get(
    "/bank-entries",
    summary="Money at the bank that is nobody's",
    responses=answers(
        {"data": [_EXAMPLE], "next_cursor": None, "as_of": {}},
        description="What is open on account 2410 by line of the bank, the oldest first.",
        files=True,
    ),
)
async def list_bank_entries(
    call: Annotated[Call, plain_call_for(Right.BOOK)],
    page: Annotated[PageRequest, Depends(page_request)],
    state: Annotated[
        Literal["UNALLOCATED"], Query(description="Those of which something is nobody's yet")
    ] = "UNALLOCATED",
    form: FormParameter = None,
) -> Response:
    """`amount` is what of a line is left, and `direction` which way it went; `age_days` since it was booked."""
    now = datetime.now(UTC)

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        rows = unallocated_lines(snapshot.cursor, page.limit + 1, page.keys(datetime, str, str))
        last = rows[page.limit - 1] if rows[page.limit :] else None
        shown = [_document(row, now) | {"state": state} for row in rows[: page.limit]]
        cursor = page.cursor(utc_text(last.since), last.entry_reference, last.currency) if last else None
        return shown, cursor

    return await listed(call, page, form, TABLE, ask)


@router.post("/bank-entries/{entry_reference}/allocate", summary="Say whose money a line of the bank is", **acts())
async def allocate(
    entry_reference: Identifier,
    body: Allocation,
    call: Annotated[Call, plain_call_for(Right.PROPOSE)],
    asked: Asked = ASKED,
) -> Response:
    """So much of it pays an invoice of a roaming partner; more than the line has left is refused as a state."""
    desk = desk_of(call)

    async def plan() -> Plan:
        await call.read(lambda snapshot: _refuse_unknown(snapshot, entry_reference, body))
        data = body.model_dump() | {"entry_reference": entry_reference, "at": now_text()}
        return Plan(desk.decision(call, asked, "bank.receipt_allocated", data, subject=entry_reference))

    return await desk.act(call, asked, plan)


def _refuse_unknown(snapshot: Snapshot, entry_reference: str, body: Allocation) -> None:
    if not unallocated_of(snapshot.cursor, entry_reference):
        raise not_found("unallocated line of the bank", entry_reference)
    refuse(partner_objection(snapshot.cursor, body.partner))


def _document(row: UnallocatedRow, now: datetime) -> dict[str, Any]:
    return {
        "entry_reference": row.entry_reference,
        "amount": {"amount": format_minor(abs(row.amount), row.currency), "currency": row.currency},
        "direction": "CREDIT" if row.amount > 0 else "DEBIT",
        "since": utc_text(row.since),
        "age_days": max(0, (now - row.since).days),
    }
