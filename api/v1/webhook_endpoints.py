"""Webhooks: who is told over HTTP what happens, and what came of each message."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends, Header, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.access.bodies import refuse_other_bodies
from api.access.roles import Right
from api.call import Call, plain_call_for
from api.exports import FormParameter, Table, listed
from api.idempotency import Done, act_once
from api.outward.sealing import new_secret
from api.outward.targets import TargetRefused, checked_target
from api.parameters import Identifier, PageRequest, page_request
from api.problems import Problem, not_found
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import numbers, texts, times
from api.v1.api_keys import at_the_door, but_200, gate_of
from ledger.access import deliveries, webhooks
from ledger.access.deliveries import DeliveryStatus
from ledger.access.documents import delivery_document, endpoint_document
from ledger.access.webhooks import TEST_TYPE, Endpoint, MessageType
from projections.reading import Snapshot
from projections.webhook_messages import body as body_of

router = resources("webhooks")

TABLE = Table(
    "webhook-endpoints",
    (
        *texts("id", "url", "types", "state", "reason", "created_by"),
        *times("created_at", "rotating_until", "delivered_at", "failing_since"),
    ),
)
DELIVERIES = Table(
    "webhook-deliveries",
    (
        *texts("id", "endpoint_id", "type", "status", "error"),
        *numbers("attempts", "answer"),
        *times("created_at", "attempted_at", "next_at"),
    ),
)
_EXAMPLE = Loose(
    {
        "id": "7b0e4f1d2c3a5b69",
        "url": "https://erp.example.com/hooks/wattledger",
        "types": ["payout.paid", "payout.failed"],
        "state": "DISABLED",
        "reason": "it answered 410 Gone",
        "created_at": "2026-03-25T10:00:00Z",
        "created_by": "Anna",
        "rotating_until": "2026-03-26T10:00:00Z",
        "delivered_at": "2026-03-25T12:00:00Z",
        "failing_since": "2026-03-25T13:00:00Z",
    },
    nullable=("reason", "rotating_until", "delivered_at", "failing_since"),
)
_DELIVERY = Loose(
    {
        "id": "msg_0d6c1a522a0f5a3b9a0e0f0f6c6a1d11",
        "endpoint_id": "7b0e4f1d2c3a5b69",
        "type": "payout.paid",
        "status": "PENDING",
        "attempts": 2,
        "next_at": "2026-03-25T12:35:05Z",
        "created_at": "2026-03-25T12:00:00Z",
        "attempted_at": "2026-03-25T12:05:05Z",
        "answer": 503,
        "error": "ConnectError: connection refused",
    },
    nullable=("next_at", "attempted_at", "answer", "error"),
)
_SHOWN_ONCE = Loose(_EXAMPLE | {"secret": "whsec_SECRET"}, nullable=(*_EXAMPLE.nullable, "secret"))

Admin = Annotated[Call, plain_call_for(Right.CREDENTIALS)]
Json = Annotated[None, Depends(refuse_other_bodies)]
Once = Annotated[str | None, Header(alias="Idempotency-Key", description="New for each action")]


class NewEndpoint(BaseModel):
    """An endpoint to be told of some types of messages: where it is, and which they are."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(max_length=2_000, examples=["https://erp.example.com/hooks/wattledger"])
    types: list[MessageType] = Field(min_length=1, max_length=100, examples=[["payout.paid"]])


@router.get(
    "/webhook-endpoints",
    summary="Endpoints of webhooks, the newest first",
    responses=answers({"data": [_EXAMPLE], "next_cursor": None}, files=True),
)
async def list_endpoints(
    call: Admin, page: Annotated[PageRequest, Depends(page_request)], form: FormParameter = None
) -> Response:
    """Endpoints, whether each is enabled, and whether it takes what it is sent; nobody can see their secrets."""

    return await listed(at_the_door(call), page, form, TABLE, endpoints_of)


def endpoints_of(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
    """The endpoints of a page of the list, and where the next one begins."""
    behind = page.keys(datetime, str)
    found = webhooks.newest(snapshot.cursor, page.limit + 1, (behind[0], behind[1]) if behind else None)
    shown = found[: page.limit]
    last = shown[-1] if found[page.limit :] else None
    return [endpoint_document(each) for each in shown], page.cursor(last.created_at, last.id) if last else None


@router.post(
    "/webhook-endpoints",
    summary="Add an endpoint of webhooks",
    status_code=201,
    responses={201: answers(_SHOWN_ONCE)[200], **but_200(answers(_EXAMPLE, 413, 415, 422))},
)
async def create_endpoint(
    request: Request, body: NewEndpoint, call: Admin, _json: Json, _once: Once = None
) -> Response:
    """An endpoint that is told what happens from now on. Its secret is shown this once: the same again has null."""
    gate = gate_of(call)
    try:
        await checked_target(gate.settings.targets, body.url)
    except TargetRefused as refused:
        raise Problem(422, "refused", f"url: {refused}", [{"pointer": "/url", "detail": str(refused)}]) from refused

    def create(cursor: Any) -> Done:
        secret = new_secret()
        sealed, by = gate.settings.seal.sealed(secret), call.principal.name
        made = webhooks.add(cursor, body.url, body.types, sealed, created_by=by)
        request.state.audited_object = f"webhook-endpoint/{made.id}"
        return Done(endpoint_document(made), 201, {"secret": secret}, f"/v1/webhook-endpoints/{made.id}")

    return await act_once(request, call, gate, body.model_dump(mode="json"), create)


@router.get(
    "/webhook-endpoints/{endpoint_id}",
    summary="One endpoint of webhooks",
    responses=answers(_EXAMPLE, 404, etag=True, description="The endpoint."),
)
async def one_endpoint(endpoint_id: Identifier, call: Admin) -> Response:
    """The endpoint, without its secrets."""

    def ask(snapshot: Snapshot) -> dict[str, Any] | None:
        found = webhooks.find(snapshot.cursor, endpoint_id)
        return endpoint_document(found) if found else None

    return await at_the_door(call).answer(ask, not_found("endpoint", endpoint_id))


@router.delete(
    "/webhook-endpoints/{endpoint_id}",
    summary="Remove an endpoint of webhooks",
    status_code=204,
    response_class=Response,
    responses={204: {"description": "It is told nothing more."}, **but_200(answers(_EXAMPLE, 404))},
)
async def remove_endpoint(request: Request, endpoint_id: Identifier, call: Admin) -> Response:
    """Remove an endpoint with all that was to be sent there."""
    gate = gate_of(call)

    def remove() -> None:
        with gate.door.transaction() as cursor:
            present_endpoint(cursor, endpoint_id)
            webhooks.remove(cursor, endpoint_id)

    await gate.credentials.in_thread(remove)
    request.state.audited_object = f"webhook-endpoint/{endpoint_id}"
    return Response(status_code=204, headers={"Cache-Control": "no-store"})


@router.post(
    "/webhook-endpoints/{endpoint_id}/rotate",
    summary="Give an endpoint another secret",
    responses=answers(_SHOWN_ONCE, 404, 422),
)
async def rotate_secret(request: Request, endpoint_id: Identifier, call: Admin, _once: Once = None) -> Response:
    """A new secret, shown this once; the one before signs beside it for a day, and then no more."""
    gate = gate_of(call)

    def rotate(cursor: Any) -> Done:
        present_endpoint(cursor, endpoint_id)
        secret, until = new_secret(), datetime.now(UTC) + webhooks.BOTH_SIGN
        made = webhooks.rotate(cursor, endpoint_id, gate.settings.seal.sealed(secret), until)
        return Done(endpoint_document(made), once={"secret": secret})

    request.state.audited_object = f"webhook-endpoint/{endpoint_id}"
    return await act_once(request, call, gate, None, rotate)


@router.post(
    "/webhook-endpoints/{endpoint_id}/enable",
    summary="Send to an endpoint again",
    responses=answers(_EXAMPLE, 404, 422),
)
async def enable_endpoint(request: Request, endpoint_id: Identifier, call: Admin, _once: Once = None) -> Response:
    """Enable an endpoint that was disabled; what waited for it is sent now."""

    def enable(cursor: Any) -> Done:
        present_endpoint(cursor, endpoint_id)
        made = webhooks.enable(cursor, endpoint_id)
        deliveries.begin_anew(cursor, endpoint_id, datetime.now(UTC))
        return Done(endpoint_document(made))

    request.state.audited_object = f"webhook-endpoint/{endpoint_id}"
    return await act_once(request, call, gate_of(call), None, enable)


@router.post(
    "/webhook-endpoints/{endpoint_id}/test",
    summary="Send an endpoint a message that tries it",
    status_code=202,
    responses={202: answers(_DELIVERY)[200], **but_200(answers(_DELIVERY, 404, 409, 422))},
)
async def try_endpoint(request: Request, endpoint_id: Identifier, call: Admin, _once: Once = None) -> Response:
    """A message of type `webhook.test`, signed as all others; its delivery, which says what came of it."""

    def send(cursor: Any) -> Done:
        endpoint = present_endpoint(cursor, endpoint_id)
        if not endpoint.is_enabled:
            detail = f"endpoint {endpoint_id} is disabled ({endpoint.reason}); enable it first"
            raise Problem(409, "disabled", detail)
        now = datetime.now(UTC)
        text = body_of(TEST_TYPE, now, {"endpoint_id": endpoint_id, "asked_by": call.principal.name})
        return Done(delivery_document(deliveries.put_test(cursor, endpoint, uuid4(), text, now)), 202)

    request.state.audited_object = f"webhook-endpoint/{endpoint_id}"
    return await act_once(request, call, gate_of(call), None, send)


@router.get(
    "/webhook-endpoints/{endpoint_id}/deliveries",
    summary="What an endpoint was and is to be sent, the newest first",
    responses=answers({"data": [_DELIVERY], "next_cursor": None}, 404, files=True),
)
async def list_deliveries(
    endpoint_id: Identifier,
    call: Admin,
    page: Annotated[PageRequest, Depends(page_request)],
    status: Annotated[DeliveryStatus | None, Query(description="Only in this state")] = None,
    form: FormParameter = None,
) -> Response:
    """Deliveries with their attempts, the last answer and when the next is made; those that are over for a week."""

    return await listed(at_the_door(call), page, form, DELIVERIES, deliveries_of(endpoint_id, status))


def deliveries_of(
    endpoint_id: str, status: DeliveryStatus | None = None
) -> Callable[[Snapshot, PageRequest], tuple[list[dict[str, Any]], str | None]]:
    """What finds the deliveries to an endpoint for a page of the list. It raises Problem 404."""

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        present_endpoint(snapshot.cursor, endpoint_id)
        keys: Any = page.keys(datetime, str)
        wanted = status.value if status else None
        found = deliveries.newest(snapshot.cursor, endpoint_id, page.limit + 1, status=wanted, behind=keys)
        shown = found[: page.limit]
        last = shown[-1] if found[page.limit :] else None
        return [delivery_document(each) for each in shown], page.cursor(last.created_at, last.id) if last else None

    return ask


@router.post(
    "/webhook-endpoints/{endpoint_id}/deliveries/{delivery_id}/resend",
    summary="Send a message again",
    status_code=202,
    responses={202: answers(_DELIVERY)[200], **but_200(answers(_DELIVERY, 404, 422))},
)
async def resend_delivery(
    request: Request, endpoint_id: Identifier, delivery_id: Identifier, call: Admin, _once: Once = None
) -> Response:
    """A message again under its id, from the beginning of its schedule, whatever became of it."""

    def send(cursor: Any) -> Done:
        present_endpoint(cursor, endpoint_id)
        found = deliveries.find(cursor, delivery_id)
        if found is None or found.endpoint_id != endpoint_id:
            raise not_found("delivery", delivery_id)
        return Done(delivery_document(deliveries.resend(cursor, delivery_id, datetime.now(UTC))), 202)

    request.state.audited_object = f"webhook-endpoint/{endpoint_id}"
    return await act_once(request, call, gate_of(call), None, send)


def present_endpoint(cursor: Any, endpoint_id: str) -> Endpoint:
    """An endpoint that there is; raises Problem 404."""
    found = webhooks.find(cursor, endpoint_id)
    if found is None:
        raise not_found("endpoint", endpoint_id)
    return found
