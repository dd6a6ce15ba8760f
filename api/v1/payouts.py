"""Payouts: the list, one of them, and one explained."""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.expansion import expansion
from api.exports import FormParameter, Table, listed
from api.parameters import AS_A_DAY, IN_DIGITS, Identifier, PageRequest, page_request
from api.problems import not_found
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import amounts, dates, numbers, texts, times
from projections.documents.payee_checks import payee_document
from projections.documents.payout_explained import (
    excluded_document,
    waterfall_document,
)
from projections.documents.payout_story import line_document
from projections.documents.payout_why import why_document
from projections.documents.payouts import shown_payout_document
from projections.payee_checks import payee_of_payout
from projections.payout_change import change
from projections.payout_excluded import LeftOut, Reason, excluded, excluded_lines
from projections.payout_explained import ExplainedPayout, explained_payout
from projections.payout_list import PayoutFilter, ShownPayout, list_payouts, shown_payout
from projections.payout_steps import Step, paid_lines, waterfall
from projections.payout_why import Why, why
from projections.queries import payout_id_as_written
from projections.reading import Snapshot

router = resources("payouts")

# What `expand=lines` gives of a payout at most; all of them are in its list of lines.
_EXPANDED_MAX = 1_000

TABLE = Table(
    "payouts",
    (
        *texts("payout_id", "batch_id", "operator_id"),
        *dates("business_date"),
        *texts("currency"),
        *amounts("amount", "reserve"),
        *texts("status", "reason"),
        *numbers("attempt", "entry_count"),
        *times("fired_at", "status_at"),
        *dates("execution_date"),
        *texts("reissue_of", "end_to_end_id", "content_hash", "account", "payee"),
    ),
)
LINES = Table(
    "payout-lines",
    (
        *texts("payout_id", "entry_id", "kind", "session_id"),
        *times("effective_at", "released_at"),
        *dates("available_on"),
        *texts("currency"),
        *amounts("amount"),
    ),
)
_ID = "0d6c1a52-2a0f-5a3b-9a0e-0f0f6c6a1d11"
_EXAMPLE: dict[str, Any] = {
    "payout_id": _ID,
    "batch_id": "5f0c2e88-7f1d-5b0a-8c55-5d8c3a1c7b20",
    "operator_id": "OP-NL",
    "business_date": "2026-03-21",
    "currency": "EUR",
    "amount": "219.39",
    "status": "PAID",
    "entry_ids": ["8e8a3e2f-6a6d-5a3c-8d5e-0f4a1b7c9d10"],
    "entry_count": 1,
    "attempt": 1,
    "reserve": "0.00",
    "fired_at": "2026-03-22T02:00:00Z",
    "status_at": "2026-03-22T09:00:00Z",
    "reason": None,
    "reissue_of": None,
    "end_to_end_id": _ID.replace("-", ""),
    "execution_date": "2026-03-22",
    "content_hash": "0c17118ac15d43bc0b0424dbabcf10697439d77dd5a9f0f32f6d5128bd00a02b",
    "approvals": [{"by": "Anna", "at": "2026-03-22T08:00:00Z"}],
    "approvals_needed": 1,
    "doubts": ["TERMS"],
    "account": "NL** **** **** ..06",
    "payee": "Waddenstroom Laden BV",
}
_CHECK: Any = Loose({"result": "MATCH", "suggested_name": None, "provider": "acme-vop", "at": "2026-03-10T10:20:00Z"})
_HEAD = {name: _EXAMPLE[name] for name in ("payout_id", "operator_id", "currency", "business_date")}
_LINE: dict[str, Any] = {
    "entry_id": "8e8a3e2f-6a6d-5a3c-8d5e-0f4a1b7c9d10",
    "kind": "J01",
    "session_id": "S-2043",
    "effective_at": "2026-03-19T06:51:00Z",
    "released_at": "2026-03-20T06:00:00Z",
    "available_on": "2026-03-21",
    "amount": "14.41",
}
_STEP = {"code": "GROSS_CARD", "label": "Card sessions, gross", "entries": 8, "amount": "219.39"}
_EXCLUDED: dict[str, Any] = {
    "fired_at": "2026-03-22T02:00:00Z",
    "amount": "219.39",
    "payable_before": "466.64",
    "included": "219.39",
    "reserve": "0.00",
    "excluded": [
        Loose(
            {
                "reason": "AVAILABLE_LATER",
                "label": "Released, and available from a later day",
                "entries": 18,
                "sessions": 9,
                "amount": "247.25",
                "available_on": "2026-03-22",
                "payout_id": None,
                "comes_with": "2026-03-22",
            },
            nullable=("available_on", "comes_with"),
        )
    ],
    "excluded_sum": "247.25",
    "late": [],
    "late_sum": "0.00",
}
_CHANGE: dict[str, Any] = {
    "amount": "219.39",
    "before": {
        "payout_id": "77a0a3a5-2f3e-5c8b-93f0-7a6c1f0d2e44",
        "business_date": "2026-03-20",
        "amount": "187.40",
    },
    "change": "31.99",
    "steps": [
        {
            "code": "GROSS_CARD",
            "label": "Card sessions, gross",
            "before": "187.40",
            "entries_before": 7,
            "now": "219.39",
            "entries": 8,
            "amount": "31.99",
        }
    ],
    "parts": [
        {
            "code": "GROSS_CARD",
            "cause": "SESSIONS",
            "entries_before": 7,
            "entries": 8,
            "amount": "26.77",
            "sentence": "1 more card session, 8 against 7 (+26.77 EUR)",
        }
    ],
    "sentences": [
        "219.39 EUR of Saturday 2026-03-21: 31.99 more than that of Friday 2026-03-20, the payout before",
        "1 more card session, 8 against 7 (+26.77 EUR)",
        "32.14 kWh a card session, 30.95 before (+5.22 EUR)",
    ],
}


class Status(StrEnum):
    """Where payouts stand."""

    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    REJECTED = "REJECTED"
    IN_TRANSIT = "IN_TRANSIT"
    PAID = "PAID"
    FAILED = "FAILED"
    RETURNED = "RETURNED"


@router.get(
    "/payouts",
    summary="Payouts, the latest first",
    responses=answers({"data": [_EXAMPLE], "next_cursor": None, "as_of": {}}, files=True),
)
async def payouts(
    call: Annotated[Call, plain_call_for(Right.PAYOUTS)],
    page: Annotated[PageRequest, Depends(page_request)],
    operator_id: Annotated[Identifier | None, Query(description="Of this operator")] = None,
    currency: Annotated[Identifier | None, Query(description="In this currency")] = None,
    status: Annotated[Status | None, Query(description="Where they stand")] = None,
    business_date: Annotated[
        date | None, Query(description="Of the run that closed this business date"), AS_A_DAY
    ] = None,
    attempt: Annotated[int | None, Query(ge=1, le=1_000, description="Of this attempt"), IN_DIGITS] = None,
    form: FormParameter = None,
) -> Response:
    """Payouts by their run, the latest first. In a list `entry_ids` is null where a payout has more than 1,000."""
    wanted = PayoutFilter(operator_id, currency, status.value if status else None, business_date, attempt)

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        keys: Any = page.keys(datetime, str)
        rows = list_payouts(snapshot.cursor, wanted, page.limit + 1, keys)
        last = rows[page.limit - 1] if rows[page.limit :] else None
        shown = [shown_payout_document(row) for row in rows[: page.limit]]
        return shown, page.cursor(last.fired_at, last.payout_id) if last else None

    return await listed(call, page, form, TABLE, ask)


@router.get(
    "/payouts/{payout_id}",
    summary="A payout",
    responses=answers(
        Loose(_EXAMPLE | {"payee_check": _CHECK}, nullable=("payee_check",)),
        404,
        description="The payout, and what was last answered about its account; its id with hyphens or without.",
        etag=True,
    ),
)
async def payout(
    payout_id: Identifier,
    call: Annotated[Call, plain_call_for(Right.PAYOUTS)],
    expand: Annotated[
        frozenset[str], Depends(expansion("lines", within="payout", of="the first 1,000 lines that it pays"))
    ],
) -> Response:
    """One payout with the ids of the entries that it pays, its masked account and the hash that a decision names."""

    def ask(snapshot: Snapshot) -> dict[str, Any] | None:
        document = one_payout(snapshot, payout_id)
        if document is not None and "lines" in expand:
            explained = _explained(snapshot, payout_id)
            lines = paid_lines(snapshot.cursor, explained, _EXPANDED_MAX)
            document["lines"] = [line_document(line, document["currency"]) for line in lines]
        return document

    return await call.answer(ask, not_found("payout", payout_id))


@router.get(
    "/payouts/{payout_id}/lines",
    summary="The entries that a payout pays",
    responses=answers({"data": [_LINE], "next_cursor": None, "as_of": {}}, 404, files=True),
)
async def payout_lines(
    payout_id: Identifier,
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    step: Annotated[Step | None, Query(description="Those behind this step of the waterfall")] = None,
    form: FormParameter = None,
) -> Response:
    """Its lines in the order in which they act; all of them sum to its amount.

    The reserve of a payout that waits for approval is the last line, without an entry: approval posts it.
    """

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        explained = _explained(snapshot, payout_id)
        keys: Any = page.keys(datetime, UUID)
        rows = paid_lines(snapshot.cursor, explained, page.limit + 1, keys, step)
        shown = rows[: page.limit]
        last = shown[-1] if rows[page.limit :] else None
        cursor = page.cursor(last.effective_at, last.entry_id) if last and last.entry_id else None
        return [line_document(line, explained.currency) for line in shown], cursor

    def everything(snapshot: Snapshot) -> Iterator[dict[str, Any]]:
        explained = _explained(snapshot, payout_id)
        beside = {"payout_id": explained.payout_id, "currency": explained.currency}
        for line in paid_lines(snapshot.cursor, explained, step=step):
            yield line_document(line, explained.currency) | beside

    return await listed(call, page, form, LINES, ask, everything)


@router.get(
    "/payouts/{payout_id}/waterfall",
    summary="How a payout comes to its amount",
    responses=answers(_HEAD | {"steps": [_STEP], "amount": "219.39"}, 404, etag=True),
)
async def get_waterfall(payout_id: Identifier, call: Annotated[Call, plain_call_for(Right.MONEY)]) -> Response:
    """The steps from gross to what is paid; they sum to the amount, and steps of nothing are left out."""
    return await _explain(call, payout_id, lambda snapshot, of: waterfall_document(waterfall(snapshot.cursor, of)))


@router.get(
    "/payouts/{payout_id}/excluded",
    summary="What a payout does not pay, and why",
    responses=answers(_HEAD | _EXCLUDED, 404, etag=True),
)
async def get_excluded(payout_id: Identifier, call: Annotated[Call, plain_call_for(Right.MONEY)]) -> Response:
    """What the operator was owed when the run fired, and what of it the payout does not pay, by reason.

    `included` less `reserve` is the amount; `included` and the sum of `excluded` are `payable_before`.
    """
    return await _explain(
        call,
        payout_id,
        lambda snapshot, of: excluded_document(excluded(snapshot.cursor, of, snapshot.known)),
    )


@router.get(
    "/payouts/{payout_id}/excluded/lines",
    summary="The lines behind what a payout does not pay",
    responses=answers(
        {"data": [Loose(_LINE, nullable=("released_at", "available_on"))], "next_cursor": None, "as_of": {}},
        404,
        files=True,
    ),
)
async def excluded_lines_of_payout(
    payout_id: Identifier,
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    reason: Annotated[Reason | None, Query(description="Of the sums with this reason")] = None,
    available_on: Annotated[date | None, Query(description="Available from this business date on"), AS_A_DAY] = None,
    set_aside_for: Annotated[Identifier | None, Query(description="Set aside for this payout")] = None,
    form: FormParameter = None,
) -> Response:
    """The lines behind the sums of `excluded`, or behind one of them, in the order in which they act."""
    of = LeftOut(reason, available_on, set_aside_for)

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        explained = _explained(snapshot, payout_id)
        keys: Any = page.keys(datetime, UUID)
        rows = excluded_lines(snapshot.cursor, explained, of, page.limit + 1, keys)
        last = rows[page.limit - 1] if rows[page.limit :] else None
        cursor = page.cursor(last.effective_at, last.entry_id) if last else None
        return [line_document(line, explained.currency) for line in rows[: page.limit]], cursor

    def everything(snapshot: Snapshot) -> Iterator[dict[str, Any]]:
        explained = _explained(snapshot, payout_id)
        beside = {"payout_id": explained.payout_id, "currency": explained.currency}
        for line in excluded_lines(snapshot.cursor, explained, of):
            yield line_document(line, explained.currency) | beside

    return await listed(call, page, form, LINES, ask, everything)


@router.get(
    "/payouts/{payout_id}/change",
    summary="What changed against the payout before",
    responses=answers(Loose(_HEAD | _CHANGE, nullable=("before",)), 404, etag=True),
)
async def get_change(payout_id: Identifier, call: Annotated[Call, plain_call_for(Right.MONEY)]) -> Response:
    """Against the operator's payout before it in the same currency, the largest difference first.

    `parts` split it further, by numbers of sessions, energy and prices; `sentences` say it in words. The parts, as
    the steps, add up to `change`. A payout that was rejected, one at once and a second attempt are no measure.
    """
    return await _explain(call, payout_id, lambda snapshot, of: why_document(_why(snapshot, of)))


def one_payout(snapshot: Snapshot, payout_id: str) -> dict[str, Any] | None:
    """A payout as the resource shows it, whose tag a decision names."""
    found = shown_payout(snapshot.cursor, payout_id_as_written(payout_id))
    return checked_payout(snapshot, found) if found else None


def checked_payout(snapshot: Snapshot, found: ShownPayout) -> dict[str, Any]:
    """The same of one that was found: with what was last answered about its account."""
    check = payee_of_payout(snapshot.cursor, found.payout_id)
    return shown_payout_document(found) | {"payee_check": payee_document(check) if check else None}


def _why(snapshot: Snapshot, of: ExplainedPayout) -> Why:
    return why(snapshot.cursor, change(snapshot.cursor, of))


async def _explain(
    call: Call, payout_id: str, make: Callable[[Snapshot, ExplainedPayout], dict[str, Any]]
) -> Response:
    def ask(snapshot: Snapshot) -> dict[str, Any] | None:
        found = explained_payout(snapshot.cursor, payout_id_as_written(payout_id))
        return make(snapshot, found) if found else None

    return await call.answer(ask, not_found("payout", payout_id))


def _explained(snapshot: Snapshot, payout_id: str) -> ExplainedPayout:
    found = explained_payout(snapshot.cursor, payout_id_as_written(payout_id))
    if found is None:
        raise not_found("payout", payout_id)
    return found
