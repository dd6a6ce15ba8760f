"""Statements that were issued: an operator's, one of them with its documents, and what its month would say now."""

import re
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.document_answers import document_answer, made_document
from api.exports import FormParameter, Table, listed
from api.parameters import Identifier, PageRequest, page_request
from api.problems import Problem, bad_parameter, not_found
from api.resource import answers, answers_file, resources
from api.shapes import Loose
from api.statement import MEDIA_TYPES, StatementForm, statement_bytes
from api.tables import amounts, texts, times
from projections.documents.issued_statements import issued_document, listed_statement, restatement_document
from projections.issued_statements import IssuedStatement, issued_of_operator, issued_statement, restatement
from projections.operators import operator
from projections.reading import Snapshot
from projections.statement_content import month_from
from projections.statements import TooManyLines

router = resources("statements")

# More entries that came to be known late than anybody reads.
_LINES_MAX = 20_000

TABLE = Table(
    "statements",
    (
        *texts("number", "operator_id", "month", "currency"),
        *amounts("opening", "closing"),
        *texts("follows", "restates", "restated_by"),
        *times("issued_at"),
        *texts("issued_by", "content_sha256"),
    ),
)
# What a name of a file should not have, and an id may.
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9.=-]+")
_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_LISTED: dict[str, Any] = {
    "number": "OP-NL-000003",
    "operator_id": "OP-NL",
    "month": "2026-04",
    "currency": "EUR",
    "opening": "577.15",
    "closing": "603.21",
    "follows": "OP-NL-000001",
    "restates": "OP-NL-000002",
    "restated_by": "OP-NL-000005",
    "issued_at": "2026-05-02T07:00:00Z",
    "issued_by": "m.ortega",
    "content_sha256": _HASH,
}
_OPEN = ("follows", "restates", "restated_by")
_EARLIER = {"number": "OP-NL-000001", "content_sha256": _HASH}
_MOVEMENT = {"kind": "J01", "mirror": False, "label": "session earned", "entries": 41, "amount": "812.40"}
_STATEMENT: dict[str, Any] = {
    **_LISTED,
    "operator_name": "Waddenstroom Laden BV",
    "from": "2026-04-01T00:30:00Z",
    "to": "2026-05-01T00:30:00Z",
    "time_zone": "Europe/Amsterdam",
    "cutoff_time": "02:30",
    "known_at": "2026-05-02T06:59:58.120000Z",
    "position": 13_204,
    "follows": _EARLIER,
    "restates": _EARLIER | {"number": "OP-NL-000002"},
    "movements": [_MOVEMENT],
    "moved": "28.06",
    "told_late": [_MOVEMENT | {"kind": "J25", "label": "refund", "entries": 1, "amount": "-2.00"}],
    "moved_late": "-2.00",
}
_DIFFERENCE: dict[str, Any] = {
    "number": "OP-NL-000001",
    "operator_id": "OP-NL",
    "currency": "EUR",
    "month": "2026-03",
    "issued": "577.15",
    "lines": [
        {
            "entry_id": "8e8a3e2f-6a6d-5a3c-8d5e-0f4a1b7c9d10",
            "kind": "J25",
            "effective_at": "2026-03-25T10:42:00Z",
            "session_id": "S-1001",
            "payout_id": None,
            "reverses": None,
            "amount": "-2.00",
            "balance": "575.15",
            "before_month": False,
        }
    ],
    "difference": "-2.00",
    "closing": "575.15",
}


@router.get(
    "/operators/{operator_id}/statements",
    summary="Statements that were issued to an operator",
    responses=answers(
        {"data": [Loose(_LISTED, nullable=_OPEN)], "next_cursor": None, "as_of": {}},
        404,
        description="Newest first.",
        files=True,
    ),
)
async def statements_of_operator(
    operator_id: Identifier,
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    month: Annotated[Identifier | None, Query(description="Of this month: `2026-03`")] = None,
    currency: Annotated[Identifier | None, Query(description="Only of this currency")] = None,
    form: FormParameter = None,
) -> Response:
    """Each as it was issued: a month and currency once, and again under a number of its own where it was restated."""
    of = first_day(month)

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        if operator(snapshot.cursor, operator_id) is None:
            raise not_found("operator", operator_id)
        before = page.keys(int)
        found = issued_of_operator(
            snapshot.cursor, operator_id, limit=page.limit + 1, before=before[0] if before else None,
            currency=currency, month=of,
        )  # fmt: skip
        shown = found[: page.limit]
        cursor = page.cursor(shown[-1].sequence) if found[page.limit :] else None
        return [listed_statement(each) for each in shown], cursor

    return await listed(call, page, form, TABLE, ask)


def first_day(month: str | None) -> date | None:
    """The first day of a month such as `2026-03`; raises Problem 400 for what is none."""
    try:
        return None if month is None else month_from(month)
    except ValueError as error:
        raise bad_parameter("month", str(error)) from None


@router.get(
    "/statements/{number}",
    summary="A statement as it was issued",
    responses=answers(
        Loose(_STATEMENT, nullable=_OPEN), 404, description="From opening to closing, by what moved.", etag=True
    ),
)
async def get_statement(number: Identifier, call: Annotated[Call, plain_call_for(Right.MONEY)]) -> Response:
    """What it says, with the hash of its document: `opening`, `moved` and `moved_late` add up to `closing`."""

    def ask(snapshot: Snapshot) -> dict[str, Any] | None:
        found = issued_statement(snapshot.cursor, number)
        return issued_document(found) if found else None

    return await call.answer(ask, not_found("statement", number))


@router.get(
    "/statements/{number}/difference",
    summary="What the month of a statement would say now",
    responses=answers(_DIFFERENCE, 404, 422, description="Line by line; it adds up exactly.", etag=True),
)
async def get_difference(number: Identifier, call: Annotated[Call, plain_call_for(Right.MONEY)]) -> Response:
    """Entries up to the end of the month that came to be known since; with `issued` they give `closing`."""

    def ask(snapshot: Snapshot) -> dict[str, Any] | None:
        found = issued_statement(snapshot.cursor, number)
        if found is None:
            return None
        return restatement_document(restatement(snapshot.cursor, found, snapshot.known, lines_max=_LINES_MAX))

    try:
        return await call.answer(ask, not_found("statement", number))
    except TooManyLines as error:
        detail = f"{error} came to be known since; ask for them by /v1/entries"
        raise Problem(422, "too_many_lines", detail) from error


@router.get(
    "/statements/{number}/statement.pdf",
    summary="A statement for people",
    response_class=Response,
    responses=answers_file(
        MEDIA_TYPES[StatementForm.PDF], 404, description="A tagged PDF (PDF/UA-1), made of the document that is kept."
    ),
)
async def get_statement_pdf(number: Identifier, call: Annotated[Call, plain_call_for(Right.MONEY)]) -> Response:
    """From opening to closing, by what moved, with the hash of the document."""
    return await _given(number, call, StatementForm.PDF)


@router.get(
    "/statements/{number}/statement.csv",
    summary="A statement as a list",
    response_class=Response,
    responses=answers_file(
        MEDIA_TYPES[StatementForm.CSV], 404, description="Rows by section, made of the document that is kept."
    ),
)
async def get_statement_csv(number: Identifier, call: Annotated[Call, plain_call_for(Right.MONEY)]) -> Response:
    """For a spreadsheet: STATEMENT, BALANCE, MOVEMENT, TOLD_LATE; amounts but the last BALANCE add up to that."""
    return await _given(number, call, StatementForm.CSV)


@router.get(
    "/statements/{number}/statement.json",
    summary="The document of a statement",
    response_class=Response,
    responses=answers_file(
        MEDIA_TYPES[StatementForm.JSON], 404, description="The bytes that are kept.", example=_STATEMENT
    ),
)
async def get_statement_json(number: Identifier, call: Annotated[Call, plain_call_for(Right.MONEY)]) -> Response:
    """Byte for byte as it was issued: its SHA-256 is `content_sha256`."""
    return await _given(number, call, StatementForm.JSON)


async def _given(number: str, call: Call, form: StatementForm) -> Response:
    def ask(snapshot: Snapshot) -> IssuedStatement | None:
        return issued_statement(snapshot.cursor, number)

    found = await call.read(ask)
    if found is None:
        raise not_found("statement", number)
    made = await made_document(lambda: statement_bytes(found, form, call.surface.platform_name))
    return document_answer(
        call, made, MEDIA_TYPES[form], f"statement-{_NOT_IN_NAME.sub('-', number)}.{form}", "inline"
    )
