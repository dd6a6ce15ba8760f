"""Subscriptions: of what operators are told, where and when not; set by events, as the catalogue tells them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import Depends, Query, Request
from starlette.responses import Response

from api.access.principal import Principal
from api.access.roles import Right
from api.actions.asked import ASKED, Asked
from api.actions.bodies import NewSubscription, SubscriptionTerms
from api.actions.conditions import refuse_changed
from api.actions.described import acts
from api.actions.desk import Plan, desk_of
from api.actions.followed import reading_hers
from api.actions.moments import now_text
from api.call import Call, plain_call_for
from api.exports import FormParameter, Table, listed
from api.idempotency import Done, act_once
from api.outward.sealing import new_secret
from api.outward.targets import TargetRefused, checked_target
from api.parameters import Identifier, PageRequest, page_request
from api.problems import Problem, not_found
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import Column, texts, times
from api.v1.api_keys import at_the_door, but_200, gate_of
from api.v1.notices import EXAMPLE as NOTICE
from api.v1.notices import whose
from api.v1.webhook_endpoints import Once
from ledger.access import notice_targets, notices
from ledger.access.actions import action_id
from ledger.access.notice_documents import notice_document, subscription_document
from ledger.access.notice_targets import NoticeTarget, target_id
from projections.action_state import SOURCE
from projections.operators import operator
from projections.reading import Snapshot

router = resources("notices")

SET: Final = "operator.notify_set"
TABLE = Table(
    "subscriptions",
    (
        *texts("operator_id", "subscription_id", "events", "channel", "target", "digest"),
        Column("quiet_from", field="quiet.from"),
        Column("quiet_to", field="quiet.to"),
        *texts("min_severity", "language", "enabled", "state", "reason"),
        *times("set_at", "delivered_at", "failing_since"),
    ),
)
_EXAMPLE = Loose(
    {
        "operator_id": "OP-NL",
        "subscription_id": "night-desk",
        "events": ["payout.*", "charger.down"],
        "channel": "WEBHOOK",
        "target": "https://erp.example.com/hooks/charging",
        "digest": "NONE",
        "quiet": {"from": "22:00", "to": "06:30"},
        "min_severity": "INFO",
        "language": "nl",
        "enabled": True,
        "state": "DISABLED",
        "reason": "it answered 410 Gone",
        "set_at": "2026-03-25T10:00:00Z",
        "has_secret": True,
        "rotating_until": "2026-03-26T10:00:00Z",
        "delivered_at": "2026-03-25T12:00:00Z",
        "failing_since": "2026-03-25T13:00:00Z",
    },
    nullable=("language", "reason", "rotating_until", "delivered_at", "failing_since"),
    free=("quiet",),
)
_SHOWN_ONCE = Loose(
    _EXAMPLE | {"secret": "whsec_SECRET"}, nullable=(*_EXAMPLE.nullable, "secret"), free=_EXAMPLE.free
)

Reader = Annotated[Call, plain_call_for(Right.SUBSCRIPTIONS)]
Setter = Annotated[Call, plain_call_for(Right.SUBSCRIBE)]


@router.get(
    "/subscriptions",
    summary="Of what operators are told, and where",
    responses=answers({"data": [_EXAMPLE], "next_cursor": None}, files=True),
)
async def list_subscriptions(
    call: Reader,
    page: Annotated[PageRequest, Depends(page_request)],
    operator_id: Annotated[Identifier | None, Query(description="Only this operator's")] = None,
    form: FormParameter = None,
) -> Response:
    """The version of each that is in effect, by operator and id, and whether anything is sent there."""
    return await listed(at_the_door(call), page, form, TABLE, subscriptions_of(call.principal, operator_id))


def subscriptions_of(principal: Principal, operator_id: str | None) -> Any:
    """What finds the subscriptions that somebody may see for a page of the list."""
    operators = whose(principal, operator_id)

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        keys = page.keys(str, str)
        after = (keys[0], keys[1]) if keys else None
        found = notice_targets.listed(snapshot.cursor, page.limit + 1, operators=operators, after=after)
        shown = found[: page.limit]
        last = shown[-1] if found[page.limit :] else None
        cursor = page.cursor(last.operator_id, last.subscription_id) if last else None
        return [subscription_document(each) for each in shown], cursor

    return ask


@router.get(
    "/subscriptions/{operator_id}/{subscription_id}",
    summary="One subscription",
    responses=answers(_EXAMPLE, 404, etag=True),
)
async def one_subscription(operator_id: Identifier, subscription_id: Identifier, call: Reader) -> Response:
    """The version in effect; nobody can see its secrets."""
    return await at_the_door(call).answer(
        lambda snapshot: subscription_document(
            present_subscription(snapshot.cursor, call.principal, operator_id, subscription_id)
        ),
        not_found("subscription", subscription_id),
    )


def present_subscription(cursor: Any, principal: Principal, operator_id: str, subscription_id: str) -> NoticeTarget:
    """A subscription that there is, and that she may see; raises Problem 404."""
    found = None
    if whose(principal, operator_id) != []:
        found = notice_targets.find(cursor, target_id(operator_id, subscription_id))
    if found is None:
        raise not_found("subscription", subscription_id)
    return found


@router.post("/subscriptions", summary="Tell an operator of something", **acts())
async def add_subscription(body: NewSubscription, call: Setter, asked: Asked = ASKED) -> Response:
    """A subscription of an operator: it hears of what happens from then on. One that is there already is changed."""
    name = body.subscription_id or str(action_id(call.principal.name, asked.key))
    return await _set(call, asked, body.operator_id, name, body)


@router.post("/subscriptions/{operator_id}/{subscription_id}", summary="Change of what an operator is told", **acts())
async def change_subscription(
    operator_id: Identifier, subscription_id: Identifier, body: SubscriptionTerms, call: Setter, asked: Asked = ASKED
) -> Response:
    """Another version of all of it; with `enabled` false nothing more is sent there."""
    return await _set(call, asked, operator_id, subscription_id, body, is_new=False)


async def _set(
    call: Call, asked: Asked, operator_id: str, subscription_id: str, body: SubscriptionTerms, *, is_new: bool = True
) -> Response:
    desk = desk_of(call)
    terms = body.model_dump(
        by_alias=True, exclude_none=True, exclude=({"operator_id", "subscription_id"} if is_new else None)
    )
    subject = target_id(operator_id, subscription_id)
    event = {
        "specversion": "1.0",
        "id": str(action_id(call.principal.name, asked.key)),
        "source": SOURCE,
        "type": SET,
        "subject": subject,
        "time": now_text(),
        "data": {"operator_id": operator_id, "subscription_id": subscription_id, **terms},
    }

    async def plan() -> Plan:
        await _refuse_unknown(call, operator_id)
        if not is_new:
            await _refuse_absent(call, asked, operator_id, subscription_id)
        deed = desk.deed(event, subject=subject, operator_id=operator_id)
        if body.channel == "WEBHOOK":
            await _refuse_target(call, body.target)
        return Plan(deed)

    return await desk.act(reading_hers(call), asked, plan)


async def _refuse_unknown(call: Call, operator_id: str) -> None:
    """Raises Problem 404 for an operator that there is not, or that is another's."""
    if await call.read(lambda snapshot: operator(snapshot.cursor, operator_id)) is None:
        raise not_found("operator", operator_id)


async def _refuse_absent(call: Call, asked: Asked, operator_id: str, subscription_id: str) -> None:
    """Raises Problem 404 for a subscription that there is not, and 412 for one that has changed since it was read."""

    def ask(snapshot: Snapshot) -> Mapping[str, Any]:
        found = present_subscription(snapshot.cursor, call.principal, operator_id, subscription_id)
        return subscription_document(found)

    refuse_changed(asked, await at_the_door(call).read(ask))


async def _refuse_target(call: Call, url: str) -> None:
    """Raises Problem 422 for a URL to which nothing is sent."""
    try:
        await checked_target(gate_of(call).settings.targets, url)
    except TargetRefused as refused:
        errors = [{"pointer": "/target", "detail": str(refused)}]
        raise Problem(422, "refused", f"target: {refused}", errors) from refused


@router.post(
    "/subscriptions/{operator_id}/{subscription_id}/secret",
    summary="Make a secret that signs",
    responses=answers(_SHOWN_ONCE, 404, 409, 422),
)
async def make_secret(
    request: Request, operator_id: Identifier, subscription_id: Identifier, call: Setter, _once: Once = None
) -> Response:
    """The secret that signs its webhooks, shown this once; one before signs beside it for a day, and then no more."""
    gate = gate_of(call)

    def rotate(cursor: Any) -> Done:
        found = present_subscription(cursor, call.principal, operator_id, subscription_id)
        if found.subscription.channel != "WEBHOOK":
            raise Problem(409, "other_state", f"{found.id} is told by mail, which nothing signs")
        secret, until = new_secret(), datetime.now(UTC) + notice_targets.BOTH_SIGN
        made = notice_targets.rotate(cursor, found.id, gate.settings.seal.sealed(secret), until)
        return Done(subscription_document(made), once={"secret": secret})

    request.state.audited_object = f"subscription/{target_id(operator_id, subscription_id)}"
    return await act_once(request, call, gate, None, rotate)


@router.post(
    "/subscriptions/{operator_id}/{subscription_id}/test",
    summary="Send a notice that tries it",
    status_code=202,
    responses={202: answers(NOTICE)[200], **but_200(answers(NOTICE, 404, 409, 422))},
)
async def try_subscription(
    request: Request, operator_id: Identifier, subscription_id: Identifier, call: Setter, _once: Once = None
) -> Response:
    """A notice of type `notify.test`, at once whatever its hours; its delivery says what came of it."""

    def send(cursor: Any) -> Done:
        found = present_subscription(cursor, call.principal, operator_id, subscription_id)
        if not found.is_enabled:
            raise Problem(409, "disabled", found.why_not)
        now = datetime.now(UTC)
        return Done(notice_document(notices.put_test(cursor, found.id, now.isoformat(), now)), 202)

    request.state.audited_object = f"subscription/{target_id(operator_id, subscription_id)}"
    return await act_once(request, call, gate_of(call), None, send)
