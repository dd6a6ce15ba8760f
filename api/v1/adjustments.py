"""Adjustments and write-offs: what one person proposes about money and another decides."""

from typing import Annotated, Any, Literal, TypeAlias

from fastapi import Depends, Query
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.exports import FormParameter, Table, listed
from api.matters import ask_for
from api.parameters import Identifier, PageRequest, page_request
from api.problems import not_found
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import money, texts, times
from domain.matter.judgement import MatterKind
from projections.documents.matters import adjustment_document, write_off_document
from projections.matters import find_matter
from projections.reading import Snapshot

router = resources("adjustments")

State: TypeAlias = Literal["PROPOSED", "APPROVED", "REJECTED"]

ADJUSTMENTS = Table(
    "adjustments",
    (
        *texts("adjustment_id", "operator_id", "state"),
        *money("amount"),
        *texts("direction", "reason_code", "note", "session_id"),
        *times("proposed_at"),
        *texts("proposed_by"),
        *times("decided_at"),
        *texts("decided_by", "reason", "entry_id"),
    ),
)
WRITE_OFFS = Table(
    "write-offs",
    (
        *texts("write_off_id", "account", "operator_id", "state"),
        *money("amount"),
        *texts("reason_code", "note", "session_id", "invoice_id"),
        *times("proposed_at"),
        *texts("proposed_by"),
        *times("decided_at"),
        *texts("decided_by", "reason", "entry_id"),
    ),
)
_DECIDED: dict[str, Any] = {
    "proposed_at": "2026-03-10T09:00:00Z",
    "proposed_by": "m.ortega",
    "decided_at": "2026-03-10T10:00:00Z",
    "decided_by": "j.lind",
    "reason": "agreed by telephone",
    "entry_id": "8e8a3e2f-6a6d-5a3c-8d5e-0f4a1b7c9d10",
}
_OPEN = ("decided_at", "decided_by", "reason", "entry_id")
_ADJUSTMENT = Loose(
    {
        "adjustment_id": "ADJ-1",
        "operator_id": "OP-NL",
        "state": "APPROVED",
        "amount": {"amount": "25.00", "currency": "EUR"},
        "direction": "CREDIT",
        "reason_code": "GOODWILL",
        "note": "charger was down on our account",
        "session_id": "S-2043",
        "attachment_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        **_DECIDED,
    },
    nullable=("attachment_sha256", *_OPEN),
)
_WRITE_OFF = Loose(
    {
        "write_off_id": "WO-1",
        "account": "2010/OP-NL",
        "operator_id": "OP-NL",
        "state": "APPROVED",
        "amount": {"amount": "63.10", "currency": "EUR"},
        "reason_code": "NEGATIVE_BALANCE",
        "note": "closed its network in March",
        "session_id": None,
        "invoice_id": "I-2026-03",
        **_DECIDED,
    },
    nullable=("operator_id", "invoice_id", *_OPEN),
)


def _list_of(example: Loose) -> dict[str, Any]:
    return {"data": [example], "next_cursor": None, "as_of": {}}


@router.get(
    "/adjustments",
    summary="Adjustments",
    responses=answers(_list_of(_ADJUSTMENT), description="Newest first.", files=True),
)
async def list_adjustments(
    call: Annotated[Call, plain_call_for(Right.BOOK)],
    page: Annotated[PageRequest, Depends(page_request)],
    operator_id: Annotated[Identifier | None, Query(description="Only this operator's")] = None,
    state: Annotated[State | None, Query(description="Only in this")] = None,
    form: FormParameter = None,
) -> Response:
    """Adjustments that were proposed, with what became of them."""
    ask = ask_for(MatterKind.ADJUSTMENT, adjustment_document, operator_id, state)
    return await listed(call, page, form, ADJUSTMENTS, ask)


@router.get("/adjustments/{adjustment_id}", summary="An adjustment", responses=answers(_ADJUSTMENT, 404))
async def get_adjustment(adjustment_id: Identifier, call: Annotated[Call, plain_call_for(Right.BOOK)]) -> Response:
    """One adjustment."""

    def ask(snapshot: Snapshot) -> dict[str, Any] | None:
        row = find_matter(snapshot.cursor, MatterKind.ADJUSTMENT, adjustment_id)
        return adjustment_document(row) if row else None

    return await call.answer(ask, not_found("adjustment", adjustment_id))


@router.get(
    "/write-offs",
    summary="Write-offs",
    responses=answers(_list_of(_WRITE_OFF), description="Newest first.", files=True),
)
async def list_write_offs(
    call: Annotated[Call, plain_call_for(Right.BOOK)],
    page: Annotated[PageRequest, Depends(page_request)],
    operator_id: Annotated[Identifier | None, Query(description="Only of this operator's accounts")] = None,
    state: Annotated[State | None, Query(description="Only in this")] = None,
    form: FormParameter = None,
) -> Response:
    """Write-offs that were proposed, with what became of them."""
    ask = ask_for(MatterKind.WRITE_OFF, write_off_document, operator_id, state)
    return await listed(call, page, form, WRITE_OFFS, ask)


@router.get("/write-offs/{write_off_id}", summary="A write-off", responses=answers(_WRITE_OFF, 404))
async def get_write_off(write_off_id: Identifier, call: Annotated[Call, plain_call_for(Right.BOOK)]) -> Response:
    """One write-off."""

    def ask(snapshot: Snapshot) -> dict[str, Any] | None:
        row = find_matter(snapshot.cursor, MatterKind.WRITE_OFF, write_off_id)
        return write_off_document(row) if row else None

    return await call.answer(ask, not_found("write-off", write_off_id))
