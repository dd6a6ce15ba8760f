"""Webhooks as administrators see them: who is told what happens, what came of each message, and another secret."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from starlette.responses import Response

from api.access.roles import Right
from api.pages.forms import Sent, form, led_to
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.table import Column, Table
from api.pages.view import View
from api.v1.api_keys import at_the_door
from api.v1.webhook_endpoints import (
    NewEndpoint,
    create_endpoint,
    deliveries_of,
    enable_endpoint,
    endpoints_of,
    present_endpoint,
    remove_endpoint,
    resend_delivery,
    rotate_secret,
    try_endpoint,
)
from domain.calendar import instant
from ledger.access.documents import endpoint_document
from ledger.access.webhooks import MessageType
from projections.reading import Snapshot

# What each type of message tells, to whoever chooses among them.
TELLS: Final[Mapping[str, str]] = {
    MessageType.PAYOUT_CREATED: "a payout was made",
    MessageType.PAYOUT_AWAITING_APPROVAL: "a payout waits for approval",
    MessageType.PAYOUT_PAID: "a payout was paid",
    MessageType.PAYOUT_FAILED: "a payout failed",
    MessageType.PAYOUT_RETURNED: "a payout came back",
    MessageType.CDR_ISSUED: "a CDR was issued",
    MessageType.DEAD_LETTER_CREATED: "a message was refused",
}
_TYPES: Final = [(f"types.{each.value}", f"{each.value}: {TELLS[each]}") for each in MessageType]


@page("/webhooks", Right.CREDENTIALS, listed="/v1/webhook-endpoints")
async def endpoints(call: PageCall) -> Response:
    """Endpoints, newest first, and the form for another one."""
    wanted = call.page
    found = await at_the_door(call).read(lambda snapshot: endpoints_of(snapshot, wanted))

    def present(view: View, of: tuple[Sequence[Mapping[str, Any]], str | None]) -> Response:
        return render("webhooks.html", view, table=_endpoints(view, *of), types=_TYPES)

    return await call.show(lambda _: found, present)


def _endpoints(view: View, rows: Sequence[Mapping[str, Any]], cursor: str | None) -> Table:
    columns = [
        Column("url", "Endpoint", href=lambda row: view.link("/webhooks", row["id"])),
        Column("state", "State", "badge"),
        Column("types", "Is told"),
        Column("delivered_at", "Took a message", "time"),
        Column("failing_since", "Fails since", "time"),
    ]
    return Table(
        columns,
        [{**each, "types": ", ".join(each["types"])} for each in rows],
        "Newest first. Each opens what it was sent.",
        kind="endpoint",
        key="id",
        empty="Nobody is told anything by webhooks.",
        exports=view.exports("/v1/webhook-endpoints"),
        pages=view.pages(cursor),
    )


@page("/webhooks/{endpoint_id}", Right.CREDENTIALS, listed="/v1/webhook-endpoints/{endpoint_id}/deliveries")
async def endpoint(call: PageCall) -> Response:
    """One endpoint: whether it takes what it is sent, its messages, and what can be done about it."""
    id_, wanted = call.path["endpoint_id"], call.page
    ask = deliveries_of(id_)

    def read(snapshot: Snapshot) -> tuple[dict[str, Any], list[dict[str, Any]], str | None]:
        return endpoint_document(present_endpoint(snapshot.cursor, id_)), *ask(snapshot, wanted)

    found = await at_the_door(call).read(read)

    def present(view: View, of: tuple[dict[str, Any], list[dict[str, Any]], str | None]) -> Response:
        document, sent, cursor = of
        return render(
            "webhook.html",
            view,
            endpoint=document,
            tells=[f"{each} ({TELLS[MessageType(each)]})" for each in document["types"]],
            table=_deliveries(view, id_, sent, cursor),
            over=[(each["id"], _named(view, each)) for each in sent if each["status"] != "PENDING"],
        )

    return await call.show(lambda _: found, present)


def _named(view: View, sent: Mapping[str, Any]) -> str:
    """A message as it is chosen among others."""
    return f"{sent['type']}, {view.reader.time_text(instant(sent['created_at']))}, {sent['status'].lower()}"


def _deliveries(view: View, endpoint_id: str, rows: Sequence[Mapping[str, Any]], cursor: str | None) -> Table:
    columns = [
        Column("created_at", "Since", "time"),
        Column("type", "What it tells"),
        Column("status", "State", "badge"),
        Column("attempts", "Attempts", "number"),
        Column("answer", "Answered", "number"),
        Column("error", "Why not"),
        Column("next_at", "Next attempt", "time"),
        Column("id", "Message", "id"),
    ]
    return Table(
        columns,
        rows,
        "Messages of the last seven days, newest first",
        kind="delivery",
        key="id",
        empty="It was sent nothing yet.",
        exports=view.exports(f"/v1/webhook-endpoints/{endpoint_id}/deliveries"),
        pages=view.pages(cursor),
    )


async def _secret_shown(call: PageCall, answer: Response) -> Response:
    """The page that has the secret this once; sent again, the form shows that it was shown."""
    document = orjson.loads(answer.body)

    def present(view: View, found: Mapping[str, Any]) -> Response:
        return render("webhook_secret.html", view, endpoint=found, href=f"/webhooks/{found['id']}")

    return await call.show(lambda _: document, present)


async def _to_endpoint(call: PageCall, _: Response) -> Response:
    return led_to(f"/webhooks/{call.path['endpoint_id']}")


async def _to_all(_: PageCall, __: Response) -> Response:
    return led_to("/webhooks")


@form("/webhooks/add", Right.CREDENTIALS, endpoints, "add", _secret_shown)
async def add(call: PageCall, sent: Sent) -> Response:
    """Another endpoint, told of the types that are ticked."""
    types = [each.value for each in MessageType if sent.text(f"types.{each.value}")]
    body = sent.body(NewEndpoint, url=sent.text("url"), types=types)
    return await create_endpoint(call.request, body, call, None)


@form("/webhooks/{endpoint_id}/rotate", Right.CREDENTIALS, endpoint, "rotate", _secret_shown)
async def rotate(call: PageCall, _: Sent) -> Response:
    """Another secret."""
    return await rotate_secret(call.request, call.path["endpoint_id"], call)


@form("/webhooks/{endpoint_id}/enable", Right.CREDENTIALS, endpoint, "enable", _to_endpoint)
async def enable(call: PageCall, _: Sent) -> Response:
    """One that was disabled."""
    return await enable_endpoint(call.request, call.path["endpoint_id"], call)


@form("/webhooks/{endpoint_id}/test", Right.CREDENTIALS, endpoint, "test", _to_endpoint)
async def send_test(call: PageCall, _: Sent) -> Response:
    """A message that tries it."""
    return await try_endpoint(call.request, call.path["endpoint_id"], call)


@form("/webhooks/{endpoint_id}/resend", Right.CREDENTIALS, endpoint, "resend", _to_endpoint)
async def resend(call: PageCall, sent: Sent) -> Response:
    """A message that is over, again."""
    return await resend_delivery(call.request, call.path["endpoint_id"], sent.text("delivery_id") or "", call)


@form("/webhooks/{endpoint_id}/remove", Right.CREDENTIALS, endpoint, "remove", _to_all)
async def remove(call: PageCall, sent: Sent) -> Response:
    """For good, by who says so."""
    sent.agreed("sure")
    return await remove_endpoint(call.request, call.path["endpoint_id"], call)


ROUTES = (endpoints, endpoint, add, rotate, enable, send_test, resend, remove)
