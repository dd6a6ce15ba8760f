"""Notices: what was told to whom, when and by which channel, what came of it, and what is still open."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request
from starlette.responses import Response

from api.access.principal import Principal
from api.access.roles import Right
from api.call import Call, plain_call_for
from api.exports import FormParameter, Table, listed
from api.idempotency import Done, act_once
from api.parameters import Identifier, PageRequest, page_request
from api.problems import Problem, not_found
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import numbers, texts, times
from api.v1.api_keys import at_the_door, but_200, gate_of
from api.v1.webhook_endpoints import Once
from domain.calendar import utc_text
from domain.notice.subscription import Channel, Severity
from ledger.access import notice_targets, notices
from ledger.access.duties import Duty
from ledger.access.notice_documents import notice_document
from ledger.access.notices import ListedNotice, NoticeFilter, NoticeStatus
from projections.reading import Snapshot

router = resources("notices")

TABLE = Table(
    "notices",
    (
        *texts("id", "notice_id", "operator_id", "subscription_id", "type", "severity", "cause"),
        *times("occurred_at", "created_at"),
        *texts("is_end", "is_open"),
        *times("ended_at"),
        *texts("channel", "target", "status"),
        *numbers("attempts", "answer"),
        *times("attempted_at", "next_at"),
        *texts("error", "digest_id"),
    ),
)
EXAMPLE = Loose(
    {
        "id": "msg_0d6c1a522a0f5a3b9a0e0f0f6c6a1d11",
        "notice_id": "0d6c1a52-2a0f-5a3b-9a0e-0f0f6c6a1d11",
        "operator_id": "OP-NL",
        "subscription_id": "night-desk",
        "type": "charger.down",
        "severity": "WARNING",
        "cause": "NL-A7-2",
        "occurred_at": "2026-03-25T11:58:00Z",
        "created_at": "2026-03-25T12:00:00Z",
        "is_end": False,
        "is_open": True,
        "ended_at": "2026-03-25T16:00:00Z",
        "channel": "WEBHOOK",
        "target": "https://erp.example.com/hooks/charging",
        "status": "PENDING",
        "attempts": 2,
        "next_at": "2026-03-25T12:35:05Z",
        "attempted_at": "2026-03-25T12:05:05Z",
        "answer": 503,
        "error": "ConnectError: connection refused",
        "digest_id": "5f0a2c33-6d0b-5c0e-8f0d-3a1b2c3d4e5f",
        "data": {"evse_uid": "NL-A7-2"},
    },
    nullable=("ended_at", "next_at", "attempted_at", "answer", "error", "digest_id"),
    free=("data",),
)

Reader = Annotated[Call, plain_call_for(Right.NOTICES)]


async def wanted_of(
    operator_id: Annotated[Identifier | None, Query(description="Only this operator's")] = None,
    subscription_id: Annotated[Identifier | None, Query(description="Only those of this subscription")] = None,
    type_: Annotated[Identifier | None, Query(alias="type", description="Only of this type")] = None,
    severity: Annotated[Severity | None, Query(description="Only of this severity")] = None,
    status: Annotated[NoticeStatus | None, Query(description="Only in this state")] = None,
    channel: Annotated[Channel | None, Query(description="Only by this channel")] = None,
    is_open: Annotated[bool | None, Query(description="Only what goes on, or only what does not")] = None,
) -> NoticeFilter:
    """Which notices are asked for."""
    return NoticeFilter(
        None if operator_id is None else [operator_id],
        subscription_id,
        type_,
        None if severity is None else severity.value,
        None if status is None else status.value,
        None if channel is None else channel.value,
        is_open,
    )


@router.get(
    "/notices",
    summary="What operators were told, the newest first",
    responses=answers({"data": [EXAMPLE], "next_cursor": None}, files=True),
)
async def list_notices(
    call: Reader,
    page: Annotated[PageRequest, Depends(page_request)],
    wanted: Annotated[NoticeFilter, Depends(wanted_of)],
    form: FormParameter = None,
) -> Response:
    """Each notice for each subscription, with what came of sending it; for 90 days, and longer what is still open.

    HELD waits for the end of quiet hours, BUNDLED is in the digest `digest_id`, or will be in the one of `next_at`.
    `is_open`: what it tells of goes on, and its end will be told.
    """
    return await listed(at_the_door(call), page, form, TABLE, notices_of(call.principal, wanted))


def notices_of(
    principal: Principal, wanted: NoticeFilter
) -> Callable[[Snapshot, PageRequest], tuple[list[dict[str, Any]], str | None]]:
    """What finds the notices that somebody may see for a page of the list."""
    operator_id = wanted.operators[0] if wanted.operators else None
    hers = replace(wanted, operators=whose(principal, operator_id))

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        keys = page.keys(datetime, UUID)
        behind = (keys[0], keys[1]) if keys else None
        found = notices.newest(snapshot.cursor, page.limit + 1, hers, behind)
        shown = found[: page.limit]
        last = shown[-1] if found[page.limit :] else None
        cursor = page.cursor(utc_text(last.created_at), str(last.notice_id)) if last else None
        return [notice_document(each) for each in shown], cursor

    return ask


def whose(principal: Principal, operator_id: str | None) -> Sequence[str] | None:
    """Whose subscriptions and notices are read: an operator reads her own alone; None is everybody's."""
    own = principal.operators if principal.duty is Duty.OPERATOR else None
    if operator_id is None:
        return own
    return [operator_id] if own is None or operator_id in own else []


@router.get("/notices/{notice_id}", summary="One notice", responses=answers(EXAMPLE, 404, etag=True))
async def one_notice(notice_id: Identifier, call: Reader) -> Response:
    """A notice by its `id`, which receivers know as `webhook-id`, or by its `notice_id`."""
    return await at_the_door(call).answer(
        lambda snapshot: notice_document(present_notice(snapshot.cursor, call.principal, notice_id)),
        not_found("notice", notice_id),
    )


def present_notice(cursor: Any, principal: Principal, id_: str) -> ListedNotice:
    """A notice that there is, and that she may see; raises Problem 404."""
    # What is no UUID is its own id, or one that nothing has.
    with suppress(ValueError):
        id_ = notices.delivery_id(UUID(id_))
    found = notices.find(cursor, id_)
    if found is None or whose(principal, found.operator_id) == []:
        raise not_found("notice", id_)
    return found


@router.post(
    "/notices/{notice_id}/replay",
    summary="Send a notice again",
    status_code=202,
    responses={202: answers(EXAMPLE)[200], **but_200(answers(EXAMPLE, 404, 409, 422))},
)
async def replay_notice(
    request: Request,
    notice_id: Identifier,
    call: Annotated[Call, plain_call_for(Right.RESEND)],
    _once: Once = None,
) -> Response:
    """It goes out again under its id, from the beginning of its schedule, to where its subscription is by now."""

    def send(cursor: Any) -> Done:
        found = present_notice(cursor, call.principal, notice_id)
        target = notice_targets.present(cursor, found.target_id)
        if not target.is_enabled:
            raise Problem(409, "disabled", target.why_not)
        return Done(notice_document(notices.replay(cursor, notice_id, datetime.now(UTC))), 202)

    request.state.audited_object = f"notice/{notice_id}"
    return await act_once(request, call, gate_of(call), None, send)
