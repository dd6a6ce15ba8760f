"""Records that were refused, why, and what they said."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.exports import FormParameter, Table, listed
from api.parameters import Identifier, PageRequest, page_request
from api.problems import not_found
from api.resource import answers, answers_file, resources
from api.tables import Column, texts, times
from projections.deadletters import Wanted, all_letters, newest_letters, one_letter, record_bytes
from projections.reading import Snapshot

router = resources("dead letters")

TABLE = Table(
    "dead-letters",
    (
        *texts("deadletter_id"),
        *times("recorded_at"),
        *texts("code", "sentence", "path", "topic", "partition", "offset"),
        *texts("event_source", "event_id", "event_type", "replayed"),
        *times("replayed_at"),
        Column("record"),
    ),
)
_EXAMPLE = {
    "deadletter_id": "c6d0fd5c-6f0c-5b3b-9df5-5fd2a9e5f0f4",
    "topic": "charging.sessions",
    "code": "INVALID_DATA",
    "path": "data.energy_wh",
    "sentence": "is -5: energy is not negative",
    "event_source": "urn:example:gateway",
    "event_id": "4711",
    "event_type": "charging.session.ended",
    "replayed": False,
    "record": {"text": '{"specversion":"1.0"}'},
    "partition": 0,
    "offset": 42,
    "recorded_at": "2026-03-25T10:00:00Z",
    "replayed_at": None,
}


@router.get(
    "/dead-letters",
    summary="What was refused, the newest first",
    responses=answers({"data": [_EXAMPLE], "next_cursor": None}, files=True),
)
async def dead_letters(
    call: Annotated[Call, plain_call_for(Right.BOOK)],
    page: Annotated[PageRequest, Depends(page_request)],
    code: Annotated[Identifier | None, Query(description="Only of this error code")] = None,
    topic: Annotated[Identifier | None, Query(description="Only of this topic")] = None,
    event_type: Annotated[Identifier | None, Query(description="Only of this type of event")] = None,
    event_id: Annotated[Identifier | None, Query(description="Only of the event with this id")] = None,
    replayed: Annotated[bool | None, Query(description="Only what was, or was not, sent again")] = None,
    form: FormParameter = None,
) -> Response:
    """What was refused, with the fields of `deadletter.jsonl`, and where and when it came.

    A record of more than 64 KiB is shown as its beginning, with its size and its SHA-256; `/record` has all of it.
    """
    wanted = Wanted(code, topic, event_type, event_id, replayed)

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        found = newest_letters(snapshot.cursor, wanted, page.keys(datetime, UUID), page.limit + 1)
        shown = found[: page.limit]
        last = shown[-1] if found[page.limit :] else None
        return shown, page.cursor(last["recorded_at"], last["deadletter_id"]) if last else None

    return await listed(call, page, form, TABLE, ask, lambda snapshot: all_letters(snapshot.cursor, wanted))


@router.get(
    "/dead-letters/{deadletter_id}",
    summary="One record that was refused",
    responses=answers(_EXAMPLE | {"key": {"text": "S-1"}, "headers": []}, 404, etag=True),
)
async def dead_letter(call: Annotated[Call, plain_call_for(Right.BOOK)], deadletter_id: Identifier) -> Response:
    """The same as in the list, and the key and the headers of its record."""
    id_ = _id(deadletter_id)
    return await call.answer(
        lambda snapshot: one_letter(snapshot.cursor, id_), not_found("dead letter", deadletter_id)
    )


@router.get(
    "/dead-letters/{deadletter_id}/record",
    summary="The bytes of a record that was refused",
    response_class=Response,
    responses=answers_file("application/octet-stream", 404, description="As it came, never interpreted."),
)
async def dead_letter_record(
    call: Annotated[Call, plain_call_for(Right.BOOK)], deadletter_id: Identifier
) -> Response:
    """The record as it came, whatever it is."""
    id_ = _id(deadletter_id)
    found = await call.read(lambda snapshot: record_bytes(snapshot.cursor, id_))
    if found is None:
        raise not_found("record of a dead letter", deadletter_id)
    headers = {
        "Content-Disposition": f'attachment; filename="dead-letter-{id_}.bin"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return Response(found, 200, headers, "application/octet-stream")


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise not_found("dead letter", text) from None
