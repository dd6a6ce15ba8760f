"""Roaming partners, energy that leaks, and orders to rate sessions anew: what the commands of these names print."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Any, TypeAlias

from fastapi import Depends, Query
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.exports import FormParameter, Table, listed
from api.parameters import Identifier, Moment, PageRequest, moment, page_request
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import Column, amounts, numbers, texts, times
from projections.documents.leakage import ENERGY, leakage_document
from projections.documents.partners import partner_document
from projections.documents.tariffs import rating_order_document
from projections.energy import END_MISSING, START_MISSING, leakage, leaking_sessions
from projections.partners import partners
from projections.rating_orders import given_orders
from projections.reading import Snapshot

router = resources("partners and energy")

Documents: TypeAlias = Iterable[dict[str, Any]]
# Where an object stands in its list, as texts in this order; unless the first says that they are in no such order.
Place: TypeAlias = tuple[str, ...]
_ANY_ORDER = "any"

PARTNERS = Table(
    "partners",
    (
        *texts("partner", "name", "country_code", "party_id", "currency"),
        Column("fee_percent", field="fee.percent"),
        Column("fee_per_session", field="fee.per_session"),
        *numbers("payment_terms_days"),
        *texts("funding"),
        *times("registered_at"),
        *amounts("uninvoiced", "unpaid"),
    ),
)
LEAKAGE = Table("leakage", (*texts("operator_id", "cause", "session_id"), *numbers("sessions", *ENERGY)))
ORDERS = Table(
    "rerating-orders",
    (
        *texts("order_id", "operator_id"),
        *times("ordered_at", "started_from", "started_before"),
        *texts("sessions_of_tariff", "tariff_id", "hash", "reason", "remark"),
    ),
)
_PARTNER = {
    "partner": "ES-LMV",
    "name": "La Movida Mobility",
    "country_code": "ES",
    "party_id": "LMV",
    "currency": "EUR",
    "fee": {"percent": "2.5", "per_session": "0.00"},
    "payment_terms_days": 14,
    "funding": "PAY_WHEN_PAID",
    "registered_at": "2026-03-01T00:00:00Z",
    "uninvoiced": "133.04",
    "unpaid": "0.00",
    "owes": [{"currency": "EUR", "uninvoiced": "133.04", "unpaid": "0.00"}],
}
_LEAK = Loose(
    {
        "operator_id": "OP-NL",
        "cause": "CDR_REJECTED",
        "sessions": 1,
        "metered_wh": "14320",
        "billed_wh": "0",
        "leaked_wh": "14320",
        "session_id": "S-2043",
    },
    optional=("sessions", "session_id"),
)
_ORDER = {
    "order_id": "8b1f3f0e-6d0b-5a3e-9a6e-2f1d0c9b8a77",
    "operator_id": "OP-NL",
    "ordered_at": "2026-03-20T10:00:00Z",
    "started_from": "2026-03-01T00:00:00Z",
    "started_before": "2026-03-08T00:00:00Z",
    "sessions_of_tariff": None,
    "tariff_id": "T-2",
    "hash": "2f0a",
    "reason": "wrong price published",
    "remark": None,
}


@router.get(
    "/partners",
    summary="Roaming partners",
    responses=answers({"data": [_PARTNER], "next_cursor": None, "as_of": {}}, files=True),
)
async def list_partners(
    call: Annotated[Call, plain_call_for(Right.BOOK)],
    page: Annotated[PageRequest, Depends(page_request)],
    form: FormParameter = None,
) -> Response:
    """Partners by their keys, as last registered; `uninvoiced` and `unpaid` are what 1200 and 1210 stand at."""

    def all_of(snapshot: Snapshot) -> Documents:
        return map(partner_document, partners(snapshot.cursor))

    return await listed(call, page, form, PARTNERS, _paged(all_of, lambda each: (each["partner"],), 1), all_of)


@router.get(
    "/leakage",
    summary="Energy that was metered and not billed",
    responses=answers({"data": [_LEAK], "next_cursor": None, "as_of": {}}, files=True),
)
async def list_leakage(
    call: Annotated[Call, plain_call_for(Right.BOOK)],
    page: Annotated[PageRequest, Depends(page_request)],
    operator_id: Annotated[Identifier | None, Query(description="Only this operator's sessions")] = None,
    since: Annotated[Moment | None, Query(alias="from", description="Of sessions that ended then or later")] = None,
    before: Annotated[Moment | None, Query(alias="to", description="Of sessions that ended before")] = None,
    sessions: Annotated[bool, Query(description="Each session that leaks, instead of sums by cause")] = False,
    form: FormParameter = None,
) -> Response:
    """By operator and cause, in Wh as exact decimal texts; with `sessions` one by one."""
    span: tuple[datetime | None, datetime | None] = (
        moment(since) if since else None,
        moment(before) if before else None,
    )
    find = leaking_sessions if sessions else leakage

    def all_of(snapshot: Snapshot) -> Documents:
        return map(leakage_document, find(snapshot.cursor.connection, operator_id, *span))

    return await listed(call, page, form, LEAKAGE, _paged(all_of, _place_of_leak, 4), all_of)


@router.get(
    "/rerating-orders",
    summary="Orders to rate sessions by another tariff",
    responses=answers({"data": [_ORDER], "next_cursor": None, "as_of": {}}, files=True),
)
async def list_rerating_orders(
    call: Annotated[Call, plain_call_for(Right.BOOK)],
    page: Annotated[PageRequest, Depends(page_request)],
    operator_id: Annotated[Identifier | None, Query(description="Only this operator's")] = None,
    form: FormParameter = None,
) -> Response:
    """The orders by operator, in the order in which they take effect; `remark` says why one is not followed."""

    def all_of(snapshot: Snapshot) -> Documents:
        found = given_orders(snapshot.cursor, operator_id)
        return (rating_order_document(each.operator_id, each.order, each.remark) for each in found)

    return await listed(call, page, form, ORDERS, _paged(all_of, _place_of_order, 3), all_of)


def _place_of_leak(leak: dict[str, Any]) -> Place:
    """Sessions without a start or an end come last, one by one; sums of them stand among the others."""
    last = "session_id" in leak and leak["cause"] in (START_MISSING, END_MISSING)
    return "last" if last else "", leak["operator_id"], leak["cause"], leak.get("session_id", "")


def _place_of_order(order: dict[str, Any]) -> Place:
    """Orders of an operator are in the order of moments, which texts are not, and none ever goes."""
    return _ANY_ORDER, order["operator_id"], order["order_id"]


def _paged(
    all_of: Callable[[Snapshot], Documents], place: Callable[[dict[str, Any]], Place], places: int
) -> Callable[[Snapshot, PageRequest], tuple[list[dict[str, Any]], str | None]]:
    """Pages of a list that is short as a whole: what is behind the place that the cursor names."""

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        named = page.keys(*[str] * places)
        shown: list[dict[str, Any]] = []
        for document in _behind(all_of(snapshot), place, named):
            if len(shown) == page.limit:
                return shown, page.cursor(*place(shown[-1]))
            shown.append(document)
        return shown, None

    return ask


def _behind(documents: Documents, place: Callable[[dict[str, Any]], Place], named: Place | None) -> Documents:
    for document in documents:
        at = place(document)
        if named is None:
            yield document
        elif at == named:
            named = None
        elif at > named and at[0] != _ANY_ORDER:
            named = None
            yield document
