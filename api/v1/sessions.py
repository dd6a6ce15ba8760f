"""Charging sessions: what they came to, their whole story, and that in the order of time."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, call_for, plain_call_for
from api.examples import MOMENT, OF_RATED, SESSION, WHOLE_SESSION
from api.expansion import expansion
from api.exports import FormParameter, Table, listed
from api.parameters import Identifier, PageRequest, page_request
from api.problems import not_found
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import Column, amounts, numbers, texts, times
from ledger.access.duties import Duty
from projections.documents.session import seen_session_document
from projections.documents.sessions import AMOUNTS
from projections.documents.timeline import moment_document
from projections.reading import Snapshot
from projections.session_list import SessionFilter, list_sessions, one_session
from projections.session_story import seen_session, session_timeline

router = resources("sessions")

TABLE = Table(
    "sessions",
    (
        *texts("session_id", "operator_id", "state", "reason"),
        *numbers("energy_wh"),
        *texts("currency"),
        *amounts(*AMOUNTS),
    ),
)
TIMELINE = Table(
    "timeline",
    (
        *times("at", "recorded_at"),
        *texts("kind", "id", "type", "event_id"),
        *amounts("amount"),
        *texts("currency"),
        Column("source"),
    ),
)
# All of a timeline, unless less is asked for.
_WHOLE = 1_000_000


@router.get(
    "/sessions",
    summary="Sessions, by id",
    responses=answers({"data": [Loose(SESSION, nullable=OF_RATED)], "next_cursor": None, "as_of": {}}, files=True),
)
async def sessions(
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    operator_id: Annotated[Identifier | None, Query(description="Only this operator's")] = None,
    state: Annotated[Identifier | None, Query(description="OPEN, SUSPENSE, RATED or INVALID")] = None,
    reason: Annotated[Identifier | None, Query(description="Only with this reason of their state")] = None,
    currency: Annotated[Identifier | None, Query(description="Only those billed in this currency")] = None,
    evse_uid: Annotated[Identifier | None, Query(description="Only at this charger")] = None,
    partner: Annotated[Identifier | None, Query(description="Only those that this roaming partner pays for")] = None,
    tariff_hash: Annotated[Identifier | None, Query(description="Only those rated by this version")] = None,
    form: FormParameter = None,
) -> Response:
    """Sessions in the order of their ids, with the fields of `sessions.jsonl`: amounts where they are rated."""
    wanted = SessionFilter(operator_id, state, reason, currency, evse_uid, partner, tariff_hash)

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        keys = page.keys(str)
        found = list_sessions(snapshot.cursor, wanted, limit=page.limit + 1, after=keys[0] if keys else None)
        shown = found[: page.limit]
        return shown, page.cursor(shown[-1]["session_id"]) if found[page.limit :] else None

    return await listed(call, page, form, TABLE, ask)


@router.get(
    "/sessions/{session_id}",
    summary="A session and all that is known of it",
    responses=answers(
        WHOLE_SESSION,
        404,
        etag=True,
    ),
)
async def session(
    session_id: Identifier,
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    _: Annotated[
        frozenset[str], Depends(expansion("entries", within="session", of="its entries, which are there anyway"))
    ],
) -> Response:
    """The fields of the list, then the document of `wattledger session --json`.

    Of a session that is known from payments alone there is no `operator_id` and no state. An operator sees the lines
    on its own accounts, and not what was captured for other sessions of one payment.
    """
    sees_all = call.principal.duty is not Duty.OPERATOR

    def ask(snapshot: Snapshot) -> dict[str, Any] | None:
        seen = seen_session(snapshot.cursor, session_id, snapshot.known, derived=sees_all)
        return seen_session_document(seen, one_session(snapshot.cursor, session_id)) if seen else None

    return await call.answer(ask, not_found("session", session_id))


@router.get(
    "/sessions/{session_id}/timeline",
    summary="A session from its register to the bank, in the order of time",
    responses=answers({"data": [MOMENT], "next_cursor": None, "as_of": {}}, 404, files=True),
)
async def timeline(
    request: Request,
    session_id: Identifier,
    call: Annotated[Call, call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    form: FormParameter = None,
) -> Response:
    """Messages, decisions, entries, CDRs and payouts, the oldest first: `at` is when each acts.

    `recorded_at` is by when it was known. All of it at once, unless there is a `limit`.
    """
    limit = page.limit if "limit" in request.query_params else _WHOLE

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        found = session_timeline(snapshot.cursor, session_id, snapshot.known)
        if found is None:
            raise not_found("session", session_id)
        end = call.as_of.effective_at
        keys = page.keys(datetime, int, int, str)
        wanted = [each for each in found if (end is None or each.at <= end) and (keys is None or each.key > keys)]
        shown = wanted[:limit]
        return [moment_document(each) for each in shown], page.cursor(*shown[-1].key) if wanted[limit:] else None

    return await listed(call, page, form, TIMELINE, ask)
