"""What is kept of an operator's payouts beside its rolling reserve, and the invoices that it is sent."""

from typing import Annotated, Any, Literal

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
from api.tables import Column, dates, money, texts, times
from domain.matter.judgement import MatterKind
from projections.documents.matters import hold_document, invoice_document
from projections.operators import operator
from projections.reading import Snapshot

router = resources("operators")

HOLDS = Table(
    "holds",
    (
        *texts("hold_id", "operator_id", "state"),
        *money("amount"),
        *money("left"),
        *times("until"),
        *texts("session_id"),
        *times("held_at"),
        *texts("held_by", "reason", "entry_id"),
    ),
)
INVOICES = Table(
    "saas-invoices",
    (
        *texts("invoice_id", "operator_id", "state"),
        *money("amount"),
        *money("net"),
        *money("vat"),
        *money("recognised"),
        *dates("period_from", "period_to"),
        *times("invoiced_at"),
        Column("netting"),
        *texts("entry_id"),
    ),
)
_HOLD = Loose(
    {
        "hold_id": "HOLD-1",
        "operator_id": "OP-NL",
        "state": "HELD",
        "amount": {"amount": "500.00", "currency": "EUR"},
        "left": {"amount": "300.00", "currency": "EUR"},
        "until": "2026-04-10T00:00:00Z",
        "session_id": "S-2043",
        "held_at": "2026-03-10T09:00:00Z",
        "held_by": "m.ortega",
        "reason": "many disputes at one site",
        "entry_id": "8e8a3e2f-6a6d-5a3c-8d5e-0f4a1b7c9d10",
        "releases": [
            Loose(
                {
                    "at": "2026-03-20T09:00:00Z",
                    "amount": {"amount": "200.00", "currency": "EUR"},
                    "by": "m.ortega",
                    "reason": "disputes won",
                },
                nullable=("by",),
            )
        ],
    },
    nullable=("until", "entry_id"),
)
_INVOICE = Loose(
    {
        "invoice_id": "SI-2026-0301",
        "operator_id": "OP-NL",
        "state": "BOOKED",
        "amount": {"amount": "108.90", "currency": "EUR"},
        "net": {"amount": "90.00", "currency": "EUR"},
        "vat": {"amount": "18.90", "currency": "EUR"},
        "recognised": {"amount": "30.33", "currency": "EUR"},
        "period_from": "2026-03-01",
        "period_to": "2026-05-31",
        "invoiced_at": "2026-03-01T06:00:00Z",
        "netting": True,
        "entry_id": "8e8a3e2f-6a6d-5a3c-8d5e-0f4a1b7c9d10",
    },
    nullable=("entry_id",),
)


def _list_of(example: Loose) -> dict[str, Any]:
    return {"data": [example], "next_cursor": None, "as_of": {}}


@router.get(
    "/operators/{operator_id}/holds",
    summary="What is held of an operator's payouts, the newest first",
    responses=answers(_list_of(_HOLD), 404, files=True),
)
async def holds_of_operator(
    operator_id: Identifier,
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    state: Annotated[Literal["HELD", "RELEASED"] | None, Query(description="Only in this")] = None,
    form: FormParameter = None,
) -> Response:
    """Each hold with its releases: what is `left` of those that are held is in `reserved` of the balances."""
    ask = ask_for(MatterKind.HOLD, hold_document, operator_id, state)
    return await listed(call, page, form, HOLDS, _of_known(operator_id, ask))


@router.get(
    "/operators/{operator_id}/saas-invoices",
    summary="Invoices to an operator for the platform's service, the newest first",
    responses=answers(_list_of(_INVOICE), 404, files=True),
)
async def invoices_of_operator(
    operator_id: Identifier,
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    form: FormParameter = None,
) -> Response:
    """With `netting` it is a line of the operator's next payout; `recognised` is what is earned of its net."""
    ask = ask_for(MatterKind.SAAS_INVOICE, invoice_document, operator_id)
    return await listed(call, page, form, INVOICES, _of_known(operator_id, ask))


def _of_known(operator_id: str, ask: Any) -> Any:
    """The same of an operator that is published, and seen by who asks; else there is none of that id."""

    def of_known(snapshot: Snapshot, page: PageRequest) -> Any:
        if operator(snapshot.cursor, operator_id) is None:
            raise not_found("operator", operator_id)
        return ask(snapshot, page)

    return of_known
