"""Entries of the book, and the stored events that caused them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query
from starlette.responses import Response

from api.access.principal import Principal
from api.access.roles import Right
from api.call import Call, call_for, plain_call_for
from api.expansion import expansion
from api.exports import FormParameter, Table, listed
from api.parameters import Identifier, PageRequest, page_request
from api.problems import Problem, not_found
from api.resource import answers, resources
from api.shapes import Loose
from api.spans import effective_span, recorded_span, up_to
from api.tables import Column, Kind, amounts, numbers, texts, times
from ledger.access.duties import Duty
from projections.documents.entries import entry_lines, listed_entry
from projections.documents.events import event_document
from projections.entry_list import EntryFilter, Range, all_entries, entries_by_id, list_entries
from projections.event_story import event_story
from projections.reading import Snapshot

router = resources("book")

# A row a posting.
TABLE = Table(
    "entries",
    (
        *texts("entry_id", "kind"),
        *times("effective_at", "recorded_at"),
        *texts("period", "session_id", "payout_id", "reverses", "reversed_by", "cause"),
        *numbers("line"),
        *texts("account"),
        *amounts("amount"),
        Column("currency", Kind.TEXT),
    ),
)
_EXAMPLE: dict[str, Any] = {
    "entry_id": "8e8a3e2f-6a6d-5a3c-8d5e-0f4a1b7c9d10",
    "kind": "J02",
    "effective_at": "2026-03-25T10:42:00Z",
    "currency": "EUR",
    "session_id": "S-1001",
    "payout_id": None,
    "postings": [
        {"account": "4010", "amount": "-1.19"},
        {"account": "2011/OP-NL", "amount": "1.19"},
    ],
    "recorded_at": "2026-03-25T10:42:03.120344Z",
    "period": "2026-03",
    "reverses": "0330b6a1-a3ea-540c-ace9-070090853561",
    "reversed_by": None,
    "cause": "0c8f9a57-3f7d-5b1c-9c54-5d8c3a1c7b20",
}

_LISTED: dict[str, Any] = {"data": [Loose(_EXAMPLE, optional=("reverses",))], "next_cursor": None, "as_of": {}}


def own_operators(principal: Principal, operator_id: str | None) -> tuple[str, ...] | None:
    """Whose entries are meant: one's that is named, else those of who asks; None for everybody's."""
    if operator_id is not None:
        return (operator_id,)
    return principal.operators if principal.duty is Duty.OPERATOR else None


@router.get(
    "/entries",
    summary="Entries, the newest first",
    responses=answers(_LISTED, files=True),
)
async def entries(
    call: Annotated[Call, call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    effective: Annotated[Range, Depends(effective_span)],
    recorded: Annotated[Range, Depends(recorded_span)],
    account: Annotated[Identifier | None, Query(description="With a line on this account: `2010/OP-NL`")] = None,
    code: Annotated[Identifier | None, Query(description="With a line on an account of this code: `2010`")] = None,
    operator_id: Annotated[Identifier | None, Query(description="With a line on an account of this operator")] = None,
    session_id: Annotated[Identifier | None, Query(description="Of this session")] = None,
    payout_id: Annotated[Identifier | None, Query(description="Of this payout itself, not of what it pays")] = None,
    kind: Annotated[Identifier | None, Query(description="Of this posting: `J02`")] = None,
    currency: Annotated[Identifier | None, Query(description="In this currency")] = None,
    form: FormParameter = None,
) -> Response:
    """Entries by effective time and id, the latest first, with the fields of `journal.jsonl`.

    An operator sees the entries with a line on an account of its own, and of those only these lines. A file has a row
    a posting.
    """
    wanted = EntryFilter(
        *(account, code, own_operators(call.principal, operator_id), session_id, payout_id, kind, currency),
        up_to(effective, call.as_of.effective_at),
        recorded,
    )
    sees_all = call.principal.duty is not Duty.OPERATOR

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        keys: Any = page.keys(datetime, UUID)
        rows = list_entries(
            snapshot.cursor, wanted, known=snapshot.known, limit=page.limit + 1, after=keys, sees_all=sees_all
        )
        shown = [listed_entry(row) for row in rows[: page.limit]]
        last = rows[page.limit - 1] if rows[page.limit :] else None
        return shown, page.cursor(last.effective_at, last.entry_id) if last else None

    def everything(snapshot: Snapshot) -> Iterator[dict[str, Any]]:
        for row in all_entries(snapshot.cursor, wanted, known=snapshot.known, sees_all=sees_all):
            yield from entry_lines(row)

    return await listed(call, page, form, TABLE, ask, everything)


@router.get(
    "/entries/{entry_id}",
    summary="An entry",
    responses=answers(
        Loose(_EXAMPLE, free=("cause",), optional=("reverses",)),
        404,
        description="The entry; its cause is the id of a stored event.",
        etag=True,
    ),
)
async def entry(
    entry_id: Identifier,
    call: Annotated[Call, call_for(Right.MONEY)],
    expand: Annotated[
        frozenset[str], Depends(expansion("cause", within="entry", of="the stored event that caused it"))
    ],
) -> Response:
    """One entry with its postings; with `expand=cause` the event in place of its id."""
    missing = not_found("entry", entry_id)
    id_ = uuid_of(entry_id)
    if id_ is None:
        raise missing

    def ask(snapshot: Snapshot) -> dict[str, Any] | None:
        rows = entries_by_id(
            snapshot.cursor, [id_], known=snapshot.known, sees_all=call.principal.duty is not Duty.OPERATOR
        )
        if not rows or is_later(rows[0].effective_at, call.as_of.effective_at):
            return None
        found = listed_entry(rows[0])
        if "cause" in expand:
            story = event_story(snapshot.cursor, rows[0].cause, snapshot.known)
            found["cause"] = event_document(story) if story else found["cause"]
        return found

    return await call.answer(ask, missing)


@router.get(
    "/entries/{entry_id}/proof",
    summary="That an entry is in the book as it was anchored",
    responses=answers({"entry_id": _EXAMPLE["entry_id"], "hash": "9f86d081"}, 404, description="An inclusion proof."),
)
async def proof(entry_id: Identifier, call: Annotated[Call, plain_call_for(Right.MONEY)]) -> Response:
    """404 `proofs_unavailable`, since the book has no anchors yet; `wattledger verify` derives it from the events."""
    id_ = uuid_of(entry_id)

    def ask(snapshot: Snapshot) -> bool:
        return id_ is not None and bool(entries_by_id(snapshot.cursor, [id_], known=snapshot.known))

    if not await call.read(ask):
        raise not_found("entry", entry_id)
    raise Problem(404, "proofs_unavailable", "the book has no anchors, so there is nothing to prove an entry against")


def is_later(moment: datetime, than: datetime | None) -> bool:
    """Whether something is effective later than is asked for."""
    return than is not None and moment > than


def uuid_of(text: str) -> UUID | None:
    """The id as a UUID, in any spelling; None where it is none."""
    try:
        return UUID(text.strip())
    except ValueError:
        return None
