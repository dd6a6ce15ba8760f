"""Runs to come, made dry over HTTP: what each pays, and every amount that it leaves out."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Annotated, Any, Final

from fastapi import Depends, Query
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.exports import FormParameter, Table, listed
from api.parameters import AS_A_DAY, Identifier, PageRequest, page_request
from api.problems import bad_parameter
from api.resource import answers, resources
from api.shapes import Keyed, Loose
from api.tables import amounts, dates, numbers, texts, times
from engine.preview import operators_of, preview_in
from engine.preview_documents import preview_document
from projections.reading import Snapshot

router = resources("payouts")

# Later dates say nothing: what is earned until then nobody knows.
_DAYS_MAX: Final = 31
_OPERATORS_AT_ONCE: Final = 200
_ROWS: Final = Table(
    "payouts-preview",
    (
        *texts("operator_id"),
        *dates("business_date"),
        *times("fires_at"),
        *texts("payout_id", "status", "reason"),
        *dates("available_on"),
        *numbers("entries"),
        *texts("currency"),
        *amounts("amount"),
    ),
)
_PAYOUT: Final[dict[str, Any]] = {
    "payout_id": "831b35c9-3282-5ea1-8d00-b3dc05a4c01b",
    "currency": "EUR",
    "attempt": 1,
    "amount": "219.39",
    "reserve": "2.00",
    "retained": "0.00",
    "withheld": Keyed({"IN-194O": "0.22"}),
    "status": "AWAITING_APPROVAL",
    "doubts": ["PAYOUT_LIMIT"],
    "approvals_needed": 1,
    "included": "221.39",
    "entries": 18,
}
_EXCLUDED: Final = Loose(
    {
        "currency": "EUR",
        "reason": "AVAILABLE_LATER",
        "entries": 4,
        "amount": "27.70",
        "available_on": "2026-03-23",
        "payout_id": None,
        "comes_with": "2026-03-23",
    },
    nullable=("available_on", "payout_id", "comes_with"),
)
_RUN: Final[dict[str, Any]] = {
    "operator_id": "OP-NL",
    "business_date": "2026-03-22",
    "fires_at": "2026-03-23T01:30:00Z",
    "waits": False,
    "payouts": [_PAYOUT],
    "excluded": [_EXCLUDED],
}


@router.get(
    "/payouts/preview",
    summary="What the runs to come pay, and what they leave out",
    responses=answers({"data": [_RUN], "next_cursor": None, "as_of": {}}, files=True),
)
async def preview_payouts(
    call: Annotated[Call, plain_call_for(Right.BOOK)],
    page: Annotated[PageRequest, Depends(page_request)],
    through: Annotated[
        date | None,
        Query(alias="date", description="All runs through this business date; by default the next of each operator"),
        AS_A_DAY,
    ] = None,
    operator_id: Annotated[Identifier | None, Query(description="Only this operator's runs")] = None,
    form: FormParameter = None,
) -> Response:
    """The next run of each operator dry, or all through a date; `limit` counts operators, in the order of their ids.

    Decided by the code of the runs in one snapshot, in which nothing is locked or written: the real run on the same
    book gives the same. A file has a row for each payout, and one for each amount that is left out.
    """
    now = datetime.now(UTC)
    if through is not None and through > now.date() + timedelta(days=_DAYS_MAX):
        raise bad_parameter("date", f"is more than {_DAYS_MAX} days ahead")

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        after = page.keys(str)
        working_set = call.surface.working_set()
        working_set.known.read(snapshot.cursor)
        ids = [each for each in operators_of(working_set) if operator_id in (None, each)]
        found = list(islice((each for each in ids if after is None or each > after[0]), page.limit + 1))
        runs = preview_in(snapshot.cursor, working_set, found[: page.limit], now, through)
        cursor = page.cursor(found[page.limit - 1]) if found[page.limit :] else None
        return [preview_document(run) for run in runs], cursor

    def rows(snapshot: Snapshot) -> Iterator[dict[str, Any]]:
        every = replace(page, limit=_OPERATORS_AT_ONCE, after=None)
        while True:
            data, cursor = ask(snapshot, every)
            for run in data:
                yield from _rows(run)
            if cursor is None:
                return
            every = every.behind(cursor, _OPERATORS_AT_ONCE)

    return await listed(call, page, form, _ROWS, ask, rows)


def _rows(run: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A run as rows: what it pays, and what it leaves out."""
    of_run = {name: run[name] for name in ("operator_id", "business_date", "fires_at")}
    for paid in run["payouts"]:
        yield {**of_run, **paid, "reason": None, "available_on": None}
    for left_out in run["excluded"]:
        yield {**of_run, **left_out, "status": None}
