"""Stored events: what caused an entry, and the message that it came from."""

from typing import Annotated, Any

from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, call_for
from api.parameters import Identifier
from api.problems import not_found
from api.resource import answers, resources
from api.shapes import Loose
from api.v1.entries import uuid_of
from projections.documents.events import event_document
from projections.event_story import event_story
from projections.reading import Snapshot

router = resources("book")

_MESSAGE = Loose(
    {
        "event_id": "5b1f0f86-6f0e-5d0c-b5f5-6f0b7d9e2c31",
        "source": "urn:example:psp",
        "id": "pay-77-captured",
        "type": "payment.captured",
        "time": "2026-03-25T10:42:00Z",
        "is_whole": True,
        "data": {"session_id": "S-1001", "payment_id": "pay-77", "provider": "acme"},
    },
    nullable=("event_id",),
    free=("data",),
)
EXAMPLE = Loose(
    {
        "event_id": "0c8f9a57-3f7d-5b1c-9c54-5d8c3a1c7b20",
        "type": "Booked.PaymentCaptured",
        "stream": "9f0d4c1e-0a1b-5c2d-8e3f-4a5b6c7d8e9f",
        "version": 7,
        "position": 4711,
        "recorded_at": "2026-03-25T10:42:03.120344Z",
        "operator_id": "OP-NL",
        "about": Loose({"kind": "session", "id": "S-1001", "of": None}, nullable=("kind", "of")),
        "body": {"booking": {"key": "captured:pay-77"}, "revision": 1},
        "message": _MESSAGE,
        "messages": [_MESSAGE],
        "decisions": [],
        "entry_ids": ["8e8a3e2f-6a6d-5a3c-8d5e-0f4a1b7c9d10"],
    },
    nullable=("recorded_at", "operator_id", "message"),
    free=("body",),
)


@router.get(
    "/events/{event_id}",
    summary="A stored event",
    responses=answers(EXAMPLE, 404, description="The event and the message behind it.", etag=True),
)
async def event(event_id: Identifier, call: Annotated[Call, call_for(Right.MONEY)]) -> Response:
    """A message as it was taken in, or a decision with the `message` it came from (null where the clock made it).

    An operator sees the events of its own sessions and payouts. Bank accounts are masked.
    """
    missing = not_found("event", event_id)
    id_ = uuid_of(event_id)
    if id_ is None:
        raise missing

    def ask(snapshot: Snapshot) -> dict[str, Any] | None:
        story = event_story(snapshot.cursor, id_, snapshot.known)
        return event_document(story) if story else None

    return await call.answer(ask, missing)
