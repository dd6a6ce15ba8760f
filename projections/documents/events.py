"""A stored event as a document: its stream, what it says, and the message that it came from."""

from typing import Any

import orjson

from domain.calendar import utc_text
from ledger.events.codec import read_body
from projections.documents.masks import without_accounts
from projections.event_story import EventStory, MessageSaid

_ACCOUNT = b'"bank_account"'


def event_document(story: EventStory) -> dict[str, Any]:
    """`event_id`, `type`, `stream`, `version`, `about`, `body` as stored, and `message`: the latest behind it.

    `messages` are all behind it, `decisions` those that follow a message, `entry_ids` the entries it gave. Bank
    accounts are masked.
    """
    stored = story.event.stored
    messages = [_message_document(each) for each in story.messages]
    return {
        "event_id": story.event.id,
        "type": stored.topic,
        "stream": str(stored.stream_id),
        "version": stored.version,
        "position": story.event.position,
        "recorded_at": utc_text(story.recorded_at) if story.recorded_at else None,
        "operator_id": story.operator_id,
        "about": {
            "kind": story.about.kind.value if story.about.kind else None,
            "id": story.about.id,
            "of": story.about.of or None,
        },
        "body": _body(stored.topic, stored.state),
        "message": messages[-1] if messages else None,
        "messages": messages,
        "decisions": [{"event_id": id_, "type": topic} for id_, topic in story.decisions],
        "entry_ids": [str(each) for each in story.entry_ids],
    }


def _body(topic: str, state: bytes) -> Any:
    """The stored text as it is, to the last digit, unless it names a bank account."""
    if _ACCOUNT not in state:
        return orjson.Fragment(state)
    return without_accounts(read_body(topic, state))


def _message_document(said: MessageSaid) -> dict[str, Any]:
    return {
        "event_id": said.event_id,
        "source": said.source,
        "id": said.id,
        "type": said.type,
        "time": utc_text(said.time),
        "is_whole": said.is_whole,
        "data": without_accounts(said.data),
    }
