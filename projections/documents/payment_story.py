"""The story of a payment as a document: messages about it, the sessions it pays, its entries."""

from typing import Any

from domain.calendar import utc_text
from projections.documents.session import entry_document
from projections.payment_story import PaymentStory


def payment_document(story: PaymentStory) -> dict[str, Any]:
    """A payment; messages by their time, entries by their effective time; no provider of one never captured."""
    return {
        "payment_id": story.payment_id,
        "provider": story.provider,
        "session_ids": list(story.session_ids),
        "messages": [
            {
                "type": fact.type,
                "id": fact.id,
                "source": fact.source,
                "time": utc_text(fact.time),
                "data": dict(fact.data),
            }
            for fact in story.messages
        ],
        "entries": [entry_document(entry) | {"session_id": entry.session_id} for entry in story.entries],
    }
