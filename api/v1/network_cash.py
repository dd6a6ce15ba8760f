"""When money comes: days from plug-out to cash, and what is not collected and why."""

from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, call_for, plain_call_for
from api.exports import FormParameter, Table, listed
from api.parameters import Identifier, Moment, PageRequest, moment, page_request
from api.problems import bad_parameter
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import Column, Kind, amounts, numbers, texts, times
from domain.network.cash_causes import Cause
from projections.as_of import AsOf
from projections.documents.network_cash import (
    CAUSES,
    GROUPS,
    not_collected_document,
    outstanding_document,
    part_document,
    to_cash_document,
)
from projections.network.asked import Asked
from projections.network.cause_parts import TOLD, cause_parts, suspended
from projections.network.not_collected import not_collected
from projections.network.sales_outstanding import sales_outstanding
from projections.network.to_cash import By, to_cash
from projections.reading import Snapshot

router = resources("cash")

DAYS_TO_CASH = Table(
    "days-to-cash",
    (
        *texts("operator_id", "currency", *GROUPS.values()),
        Column("sessions", Kind.NUMBER, "handed.sessions"),
        Column("amount", Kind.AMOUNT, "handed.amount"),
        *(
            Column(f"{step}_{name}", Kind.NUMBER, f"{step}.{name}")
            for step in ("handed", "paid")
            for name in ("median_s", "mean_s")
        ),
        Column("not_paid", Kind.AMOUNT, "not_paid.amount"),
    ),
)
NOT_COLLECTED = Table(
    "not-collected",
    (
        *texts("operator_id", "currency"),
        *(Column(name.lower(), Kind.AMOUNT, f"causes.{name}") for name in CAUSES),
        *amounts("total"),
        Column("suspended_sessions", Kind.NUMBER, "suspended.sessions"),
        Column("suspended_energy_wh", Kind.NUMBER, "suspended.energy_wh"),
    ),
)
OUTSTANDING = Table(
    "dso", (*texts("currency"), *times("until"), *amounts("receivable", "gross_30_days"), *numbers("dso_days"))
)
PARTS = Table("not-collected-parts", (*texts("subject"), *amounts("amount"), *texts("currency"), *times("since")))
_CAME: dict[str, Any] = {"sessions": 151, "median_s": "232800", "mean_s": "224710.5", "amount": "2494.47"}
_TO_CASH = Loose(
    {
        "operator_id": "OP-NL",
        "currency": "EUR",
        "location_id": "UTRECHT-1",
        "evse_uid": "UTRECHT-1-1",
        "channel": "direct",
        "date": "2026-03-19",
        "handed": _CAME,
        "paid": _CAME,
        "not_paid": {"sessions": 9, "amount": "130.11"},
    },
    nullable=("paid", "location_id", "evse_uid"),
    optional=tuple(GROUPS.values()),
)
_CAUSES: dict[str, Any] = {
    "operator_id": "OP-NL",
    "currency": "EUR",
    "causes": dict.fromkeys(CAUSES, "0.00")
    | {"NOT_SETTLED": "135.07", "AWAITING_RUN": "75.20", "IN_TRANSIT": "366.88"},
    "total": "577.15",
    "suspended": {"sessions": 2, "energy_wh": "31250"},
}
_PART: dict[str, Any] = {
    "subject": "S-2043",
    "amount": "14.41",
    "currency": "EUR",
    "since": "2026-03-19T06:52:00Z",
}
_OUTSTANDING = Loose(
    {
        "currency": "EUR",
        "until": "2026-03-31T08:00:00Z",
        "receivable": "1510.40",
        "gross_30_days": "9120.11",
        "dso_days": "4.97",
    },
    nullable=("dso_days",),
)
_By = Annotated[By, Query(description="What has a line of its own")]


async def span_of(
    since: Annotated[Moment | None, Query(alias="from", description="Sessions that ended then or later")] = None,
    before: Annotated[Moment | None, Query(alias="to", description="Sessions that ended before then")] = None,
    operator_id: Annotated[Identifier | None, Query(description="Of this operator")] = None,
    location_id: Annotated[Identifier | None, Query(description="Of this site")] = None,
) -> Asked:
    """A dependency: the sessions that are asked for; without ends those of all time."""
    first, last = (moment(text) if text is not None else None for text in (since, before))
    if first is not None and last is not None and last <= first:
        raise bad_parameter("to", "is not after `from`: the span would be of nothing")
    return Asked(operator_id, location_id, first, last)


@router.get(
    "/cash/days-to-cash",
    summary="How long sessions' money takes to come",
    responses=answers({"data": [_TO_CASH], "next_cursor": None, "as_of": {}}, files=True),
)
async def days_to_cash(
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    span: Annotated[Asked, Depends(span_of)],
    by: _By = By.OPERATOR,
    form: FormParameter = None,
) -> Response:
    """From the end of sessions to hand-off (J35) and to the bank (J36), each weighted by what a payout pays of it.

    `median_s` is the smallest time by which half of the amount had come, `mean_s` the weighted mean. What came back
    counts once it is paid again; `not_paid` is what was handed over and never paid so far. Days are local.
    """

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        keys: Any = page.keys(str, str, str)
        found = [
            each
            for each in to_cash(snapshot.cursor, span, by)
            if keys is None or (each.operator_id, each.currency, each.group) > keys
        ]
        last = found[page.limit - 1] if found[page.limit :] else None
        cursor = page.cursor(last.operator_id, last.currency, last.group) if last else None
        return [to_cash_document(each, by) for each in found[: page.limit]], cursor

    return await listed(call, page, form, DAYS_TO_CASH, ask)


@router.get(
    "/cash/not-collected",
    summary="What operators are owed and have not got, by cause",
    responses=answers({"data": [_CAUSES], "next_cursor": None, "as_of": {}}, files=True),
)
async def cash_not_collected(
    call: Annotated[Call, call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    operator_id: Annotated[Identifier | None, Query(description="Of this operator")] = None,
    currency: Annotated[Identifier | None, Query(description="In this currency")] = None,
    form: FormParameter = None,
) -> Response:
    """Each cent at the hurdle at which it is; the causes add up to the balances without `to_fix`, at any moment.

    `suspended` are the sessions that wait without a price now, in Wh.
    """

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        keys: Any = page.keys(str, str)
        asked = AsOf(call.as_of.effective_at, call.as_of.known_at, snapshot.known)
        found = [
            each
            for each in not_collected(snapshot.cursor, asked, operator_id, currency)
            if keys is None or (each.operator_id, each.currency) > keys
        ]
        waiting = suspended(snapshot.cursor, operator_id)
        last = found[page.limit - 1] if found[page.limit :] else None
        shown = [not_collected_document(each, waiting.get(each.operator_id)) for each in found[: page.limit]]
        return shown, page.cursor(last.operator_id, last.currency) if last else None

    return await listed(call, page, form, NOT_COLLECTED, ask)


@router.get(
    "/cash/not-collected/parts",
    summary="The sessions and payouts behind a cause",
    responses=answers({"data": [_PART], "next_cursor": None, "as_of": {}}, files=True),
)
async def not_collected_parts(
    call: Annotated[Call, call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    operator_id: Annotated[Identifier, Query(description="Of this operator")],
    currency: Annotated[Identifier, Query(description="In this currency")],
    cause: Annotated[Cause, Query(description="A cause that bookings alone tell")],
    form: FormParameter = None,
) -> Response:
    """By session or payout what a cause is the sum of; of what is available the lines of 2010 are the parts."""
    if cause not in TOLD:
        told = ", ".join(each.value for each in TOLD)
        raise bad_parameter("cause", f"is told of all that is available together: choose among {told}")

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        keys: Any = page.keys(str)
        asked = AsOf(call.as_of.effective_at, call.as_of.known_at, snapshot.known)
        of = (operator_id, currency, cause)
        found = cause_parts(snapshot.cursor, of, asked, page.limit + 1, keys[0] if keys else None)
        last = found[page.limit - 1] if found[page.limit :] else None
        shown = [part_document(each, currency) for each in found[: page.limit]]
        return shown, page.cursor(last.subject) if last else None

    return await listed(call, page, form, PARTS, ask)


@router.get(
    "/cash/dso",
    summary="How many days of sales are outstanding",
    responses=answers({"data": [_OUTSTANDING], "next_cursor": None, "as_of": {}}, files=True),
)
async def days_of_sales(
    call: Annotated[Call, plain_call_for(Right.BOOK)],
    page: Annotated[PageRequest, Depends(page_request)],
    form: FormParameter = None,
) -> Response:
    """By currency what drivers, providers and partners owe (1105, 1110, 1200, 1210) / gross of 30 days x 30."""

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        keys: Any = page.keys(str)
        found = [each for each in sales_outstanding(snapshot.cursor) if keys is None or each.currency > keys[0]]
        last = found[page.limit - 1] if found[page.limit :] else None
        shown = [outstanding_document(each) for each in found[: page.limit]]
        return shown, page.cursor(last.currency) if last else None

    return await listed(call, page, form, OUTSTANDING, ask)
