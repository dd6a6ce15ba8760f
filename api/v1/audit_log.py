"""Who read or did what: the audit log."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.exports import Ask, FormParameter, Table, listed
from api.parameters import IN_DIGITS, Identifier, Moment, PageRequest, moment, page_request
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import texts, times
from api.v1.api_keys import at_the_door
from ledger.access import audit_log
from ledger.access.documents import record_document
from projections.reading import Snapshot

router = resources("audit log")

TABLE = Table(
    "audit-log",
    (
        *times("at"),
        *texts("id", "request_id", "principal", "role", "method", "path", "status", "object", "edited_by"),
    ),
)
_EXAMPLE = {
    "id": 4711,
    "at": "2026-03-25T10:00:00Z",
    "request_id": "5f0c6b3b9df55fd2a9e5f0f4c6d0fd5c",
    "principal": "Anna",
    "role": "finance",
    "method": "GET",
    "path": "/v1/payouts/7a3b2c1d-0000-5000-8000-000000000000/bank-file",
    "status": 200,
    "object": "bank-file/7a3b2c1d-0000-5000-8000-000000000000",
    "edited_by": "Anna",
}


@router.get(
    "/audit-log",
    summary="Who read or did what, the newest first",
    responses=answers(
        {"data": [Loose(_EXAMPLE, nullable=("principal", "role", "object", "edited_by"))], "next_cursor": None},
        files=True,
    ),
)
async def list_records(
    call: Annotated[Call, plain_call_for(Right.AUDIT_LOG)],
    page: Annotated[PageRequest, Depends(page_request)],
    principal: Annotated[Identifier | None, Query(description="Only by this person or key")] = None,
    role: Annotated[Identifier | None, Query(description="Only by this role")] = None,
    method: Annotated[Identifier | None, Query(description="Only by this method")] = None,
    path: Annotated[Identifier | None, Query(description="Only of this path")] = None,
    status: Annotated[
        int | None, Query(ge=0, le=999, description="Only answered with this status"), IN_DIGITS
    ] = None,
    object_: Annotated[Identifier | None, Query(alias="object", description="Only of this object")] = None,
    request_id: Annotated[Identifier | None, Query(description="Only of the request with this id")] = None,
    at_gte: Annotated[Moment | None, Query(alias="at.gte", description="Then or later")] = None,
    at_gt: Annotated[Moment | None, Query(alias="at.gt", description="Later")] = None,
    at_lte: Annotated[Moment | None, Query(alias="at.lte", description="Then or earlier")] = None,
    at_lt: Annotated[Moment | None, Query(alias="at.lt", description="Earlier")] = None,
    form: FormParameter = None,
) -> Response:
    """Reads of bank files, of what is not masked, exports and searches; every action; answers 401, 403 and 404."""
    equal = {
        "principal": principal,
        "role": role,
        "method": method,
        "path": path,
        "status": status,
        "object": object_,
        "request_id": request_id,
    }
    at = {"gte": at_gte, "gt": at_gt, "lte": at_lte, "lt": at_lt}
    return await listed(at_the_door(call), page, form, TABLE, records_of(equal, at))


def records_of(equal: Mapping[str, Any], at: Mapping[str, str | None]) -> Ask:
    """What a list of records asks: those of a filter, of a page."""
    wanted = {name: value for name, value in equal.items() if value is not None}
    times_ = {name: moment(text) for name, text in at.items() if text is not None}

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        behind = page.keys(int)
        found = audit_log.newest(
            snapshot.cursor, page.limit + 1, before=behind[0] if behind else None, equal=wanted, at=times_
        )
        shown = found[: page.limit]
        return [record_document(each) for each in shown], page.cursor(shown[-1].id) if found[page.limit :] else None

    return ask
