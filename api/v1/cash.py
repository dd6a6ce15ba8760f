"""Cash: what operators earned and what of it was captured, settled, available, paid; days from plug-out to cash."""

from collections.abc import Iterator
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from fastapi import Depends, Query
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, call_for
from api.exports import FormParameter, Table, listed
from api.parameters import Identifier, Moment, PageRequest, moment, page_request
from api.problems import bad_parameter
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import Column, Kind, amounts, dates, numbers, texts, times
from projections.as_of import AsOf
from projections.cash import Span, cash_by_day
from projections.cash_position import cash_positions, span_as_of
from projections.days_to_cash import PARTS, sessions_to_cash
from projections.documents.balances import OWED
from projections.documents.cash import MOVED, cash_document, day_document, session_document
from projections.reading import Snapshot

router = resources("cash")

_OWED = tuple(
    Column(f"owed_{name}" if name != "owed" else name, Kind.AMOUNT, f"owed.{name}") for name in (*OWED, "owed")
)
TABLE = Table(
    "cash",
    (
        *texts("operator_id", "currency"),
        *amounts(*MOVED),
        *_OWED,
        *(Column(name, Kind.NUMBER, f"days_to_cash.{name}") for name in ("count", "median", "p90", "mean")),
    ),
)
DAYS = Table("cash-days", (*texts("currency"), *dates("day"), *amounts("earned", "paid")))
SESSIONS = Table(
    "cash-sessions",
    (
        *texts("session_id", "operator_id", "currency", "payout_id"),
        *times("ended_at", "paid_at"),
        *numbers("days", "seconds"),
        *(Column(name, Kind.NUMBER, f"parts.{name}") for name in PARTS),
    ),
)
_PARTS = {"to_capture": 0.01, "to_settlement": 0.43, "to_release": 0.0, "to_run": 1.67, "to_bank": 0.29}
_EXAMPLE: dict[str, Any] = {
    "operator_id": "OP-NL",
    "currency": "EUR",
    "earned": "3089.92",
    "captured": "3075.30",
    "settled": "2579.39",
    "available": "2955.21",
    "paid": "2494.47",
    "owed": {
        "pending": "135.07",
        "available": "75.20",
        "reserved": "0.00",
        "disputed": "17.36",
        "in_transit": "366.88",
        "to_fix": "0.00",
        "paid_out": "2494.47",
        "owed": "594.51",
    },
    "days_to_cash": Loose(
        {"count": 151, "median": 2.6, "p90": 3.0, "mean": 2.4, "parts": _PARTS},
        nullable=("median", "p90", "mean", "parts"),
    ),
}
_DAY = {"currency": "EUR", "day": "2026-03-24", "earned": "373.30", "paid": "779.13"}
_SESSION: dict[str, Any] = {
    "session_id": "S-2043",
    "operator_id": "OP-NL",
    "currency": "EUR",
    "payout_id": "0d6c1a52-2a0f-5a3b-9a0e-0f0f6c6a1d11",
    "ended_at": "2026-03-19T06:51:00Z",
    "paid_at": "2026-03-22T09:00:00Z",
    "days": 3.1,
    "seconds": 266940.0,
    "parts": {
        "to_capture": 60.0,
        "to_settlement": 83280.0,
        "to_release": 0.0,
        "to_run": 158400.0,
        "to_bank": 25200.0,
    },
}


async def span_of(
    since: Annotated[Moment | None, Query(alias="from", description="What moved from then on, inclusive")] = None,
    before: Annotated[Moment | None, Query(alias="to", description="What moved before then")] = None,
    operator_id: Annotated[Identifier | None, Query(description="Of this operator")] = None,
    currency: Annotated[Identifier | None, Query(description="In this currency")] = None,
) -> Span:
    """A dependency: the span that is asked for; its position is that of the snapshot. Without ends: all time."""
    first, last = (moment(text) if text is not None else None for text in (since, before))
    if first is not None and last is not None and last < first:
        raise bad_parameter("to", "is before `from`: the span would be of less than nothing")
    return Span(first, last, 0, operator_id, currency)


@router.get(
    "/cash",
    summary="The cash position of operators",
    responses=answers({"data": [_EXAMPLE], "next_cursor": None, "as_of": {}}, files=True),
)
async def cash(
    call: Annotated[Call, call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    span: Annotated[Span, Depends(span_of)],
    form: FormParameter = None,
) -> Response:
    """By operator and currency: what moved in [from, to), what is owed, and days from plug-out to cash.

    Each movement acts at its own time, corrections included; `days_to_cash` is of the sessions that were paid in the
    span, median and 90th percentile by linear interpolation.
    """

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        keys: Any = page.keys(str, str)
        asked = AsOf(call.as_of.effective_at, call.as_of.known_at, snapshot.known)
        is_now = asked.effective_at is None and snapshot.known >= snapshot.position
        wanted = span._replace(position=snapshot.known, limit=page.limit + 1, after=keys)
        found = cash_positions(snapshot.cursor, wanted, asked, is_now=is_now)
        last = found[page.limit - 1].moved if found[page.limit :] else None
        shown = [cash_document(each) for each in found[: page.limit]]
        return shown, page.cursor(last.operator_id, last.currency) if last else None

    return await listed(call, page, form, TABLE, ask)


@router.get(
    "/cash/days",
    summary="What was earned and paid by day",
    responses=answers({"data": [_DAY], "next_cursor": None, "as_of": {}}, files=True),
)
async def cash_days(
    call: Annotated[Call, call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    span: Annotated[Span, Depends(span_of)],
    time_zone: Annotated[str, Query(max_length=64, description="Whose days: an IANA time zone")] = "UTC",
    form: FormParameter = None,
) -> Response:
    """By currency and local day what was earned, and what banks paid; days on which nothing moved are left out."""
    if time_zone not in available_timezones():
        raise bad_parameter("time_zone", f"{time_zone!r} is none: give an IANA name, as Europe/Amsterdam")

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        keys: Any = page.keys(str, str)
        of = span_as_of(span._replace(position=snapshot.known), call.as_of.effective_at)
        documents = [day_document(each) for each in cash_by_day(snapshot.cursor, of, ZoneInfo(time_zone).key)]
        behind = [each for each in documents if keys is None or (each["currency"], each["day"]) > keys]
        last = behind[page.limit - 1] if behind[page.limit :] else None
        return behind[: page.limit], page.cursor(last["currency"], last["day"]) if last else None

    return await listed(call, page, form, DAYS, ask)


@router.get(
    "/cash/sessions",
    summary="Sessions from plug-out to cash",
    responses=answers({"data": [_SESSION], "next_cursor": None, "as_of": {}}, files=True),
)
async def cash_sessions(
    call: Annotated[Call, call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    span: Annotated[Span, Depends(span_of)],
    form: FormParameter = None,
) -> Response:
    """The sessions behind `days_to_cash`, as they were paid: what each waited for, in seconds that add up."""

    def found(snapshot: Snapshot) -> Iterator[dict[str, Any]]:
        of = span_as_of(span._replace(position=snapshot.known), call.as_of.effective_at)
        for each in sessions_to_cash(snapshot.cursor, of, call.as_of.effective_at):
            yield session_document(each)

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        keys: Any = page.keys(str, str)
        behind = [each for each in found(snapshot) if keys is None or (each["paid_at"], each["session_id"]) > keys]
        last = behind[page.limit - 1] if behind[page.limit :] else None
        return behind[: page.limit], page.cursor(last["paid_at"], last["session_id"]) if last else None

    return await listed(call, page, form, SESSIONS, ask, found)
