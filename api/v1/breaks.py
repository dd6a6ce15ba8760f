"""What does not match, or is kept without effect: the findings."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.exports import FormParameter, Table, listed
from api.parameters import Identifier, PageRequest, page_request
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import money, numbers, texts, times
from domain.book.findings import FindingKind
from projections.all_findings import Chosen, FoundRow, every_finding, findings_behind
from projections.assignments import assignments, finding_id
from projections.documents.findings import assigned_document
from projections.reading import Snapshot

router = resources("breaks")

# So many at once are asked for who looks after them.
_AT_ONCE = 500

TABLE = Table(
    "breaks",
    (
        *texts("kind", "subject", "operator_id", "account"),
        *money("amount"),
        *times("since"),
        *numbers("age_days"),
        *texts("sentence", "cure", "owner", "note", "finding_id"),
    ),
)
_EXAMPLE = {
    "finding_id": "5b0f3a4e-5f6c-5d0b-8f5e-3c1f9a7d2b60",
    "kind": "CAPTURE_DIFFERS",
    "account": "1105/S-2040",
    "subject": "S-2040",
    "operator_id": "OP-NL",
    "amount": {"amount": "2.50", "currency": "EUR"},
    "since": "2026-03-20T10:00:00Z",
    "sentence": "session S-2040 costs 12.50 EUR and 10.00 EUR was paid for it",
    "cure": "Capture the rest, or send the payment.refunded of what is too much.",
    "age_days": 3,
    "owner": "Anna",
    "note": "asked the provider on Monday",
}


@router.get(
    "/breaks",
    summary="What does not match",
    responses=answers(
        {
            "data": [Loose(_EXAMPLE, nullable=("account", "amount", "operator_id", "owner", "note"))],
            "next_cursor": None,
            "as_of": {},
        },
        files=True,
    ),
)
async def breaks(
    call: Annotated[Call, plain_call_for(Right.BOOK)],
    page: Annotated[PageRequest, Depends(page_request)],
    kind: Annotated[FindingKind | None, Query(description="Only of this kind")] = None,
    operator_id: Annotated[Identifier | None, Query(description="Only this operator's")] = None,
    subject: Annotated[Identifier | None, Query(description="Only of this session, payment, payout, ...")] = None,
    account: Annotated[Identifier | None, Query(description="Only what is open on this account")] = None,
    currency: Annotated[Identifier | None, Query(description="Only amounts in this currency")] = None,
    form: FormParameter = None,
) -> Response:
    """The findings that are open, with the fields of `findings.jsonl` and `age_days`, by kind and subject."""
    chosen, now = Chosen(operator_id, kind, subject, account, currency), datetime.now(UTC)

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        found = findings_behind(snapshot.cursor, chosen, page.keys(*[str] * 6), page.limit + 1)
        shown = found[: page.limit]
        cursor = page.cursor(*shown[-1].place) if found[page.limit :] else None
        return documents(snapshot, shown), cursor

    def documents(snapshot: Snapshot, rows: Sequence[FoundRow]) -> list[dict[str, Any]]:
        found = assignments(snapshot.cursor, [finding_id(each) for each in rows])
        return [assigned_document(each, now, found) for each in rows]

    def everything(snapshot: Snapshot) -> Iterator[dict[str, Any]]:
        rows = every_finding(snapshot.cursor, chosen)
        while some := list(islice(rows, _AT_ONCE)):
            yield from documents(snapshot, some)

    return await listed(call, page, form, TABLE, ask, everything)
