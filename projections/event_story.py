"""One stored event, for those who ask: what it says, the message that it came from, and what it gave.

An event is a message as it was taken in, or a decision. Behind a decision stand the messages that it follows
(`projections.histories`); of a message that a stream has but a line of, the whole one is named where it may be seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import DERIVED_FACTS, MESSAGE_TYPES
from contracts.messages import Kind as MessageKind
from ledger.events.codec import read_body
from ledger.events.store import event_id
from projections.histories import Decided, History, Owner, Told, history_of, owner_of_message
from projections.seen_events import EVERYTHING, SeenEvent, known_at, seen_event, seen_message, seen_streams

# The kinds of messages behind which their streams keep decisions.
_DECIDED_ON = (
    MessageKind.SESSION_FACT,
    MessageKind.PAYOUT_FACT,
    MessageKind.RECEIPT,
    MessageKind.CDR_ANSWER,
    MessageKind.OPERATOR_MATTER,
    MessageKind.BOOK_DECISION,
    MessageKind.WALLET,
)


@dataclass(frozen=True, slots=True)
class MessageSaid:
    """A message as a stream has it; `event_id` is that of the event which is the whole message, where that is seen.

    `is_whole` is whether `data` is all that the message said, or the line that is about the stream's subject.
    """

    event_id: str | None
    type: str
    source: str
    id: str
    time: datetime
    data: Mapping[str, Any]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class EventStory:
    """A stored event; `messages` are those behind a decision, the latest last, or the event itself as a message.

    `decisions` are the ids of the decisions that follow a message, `entry_ids` the entries that an event gave.
    """

    event: SeenEvent
    recorded_at: datetime | None
    about: Owner
    operator_id: str | None
    messages: tuple[MessageSaid, ...]
    decisions: tuple[tuple[str, str], ...]
    entry_ids: tuple[UUID, ...]


def event_story(cursor: Cursor[TupleRow], id_: UUID, known: int = EVERYTHING) -> EventStory | None:
    """The event of an id that was known at a position; None for one that there is not, or that may not be seen.

    Costs as much as its stream has events, and a session's or a payout's has few.
    """
    event = seen_event(cursor, id_, known)
    if event is None:
        return None
    stored = event.stored
    recorded_at = known_at(cursor, [event.position])[event.position]
    row = MESSAGE_TYPES.get(stored.topic)
    if row is not None and row.kind not in _DECIDED_ON:
        return _of_message_alone(event, recorded_at)
    seen = seen_streams(cursor, [stored.stream_id], known)[stored.stream_id]
    history = history_of(stored.stream_id, [each.stored for each in seen])
    decision = next((each for each in history.decided if each.version == stored.version), None)
    if decision is not None:
        said = _messages(cursor, history, history.causes_of(decision))
        return _story(event, recorded_at, history, said, (), decision.entry_ids)
    told = next(each for each in history.told if each.version == stored.version)
    followed = history.caused_by(told.fact.source, told.id)
    decisions = tuple([_named(history, each) for each in followed])
    entry_ids = tuple([entry_id for each in followed for entry_id in each.entry_ids])
    return _story(event, recorded_at, history, _messages(cursor, history, [told]), decisions, entry_ids)


def _story(
    event: SeenEvent,
    recorded_at: datetime | None,
    history: History,
    messages: tuple[MessageSaid, ...],
    decisions: tuple[tuple[str, str], ...],
    entry_ids: tuple[UUID, ...],
) -> EventStory:
    return EventStory(
        event, recorded_at, history.owner, history.operator_id, messages, decisions, tuple(dict.fromkeys(entry_ids))
    )


def _of_message_alone(event: SeenEvent, recorded_at: datetime | None) -> EventStory:
    """A message of a stream that keeps nothing but messages, or warnings: a charger's, a tariff's."""
    topic = event.stored.topic
    body = read_body(topic, event.stored.state)
    data = body["data"]
    said = MessageSaid(
        event.id, topic, body["source"], body["id"], datetime.fromisoformat(body["time"]), data, is_whole=True
    )
    owner = owner_of_message(topic, data) or Owner(None, "")
    return EventStory(event, recorded_at, owner, data.get("operator_id"), (said,), (), ())


def _messages(cursor: Cursor[TupleRow], history: History, told: Sequence[Told]) -> tuple[MessageSaid, ...]:
    return tuple([_said(cursor, history, each) for each in told if each.fact.type not in DERIVED_FACTS])


def _said(cursor: Cursor[TupleRow], history: History, told: Told) -> MessageSaid:
    fact = told.fact
    whole: str | None = str(event_id(history.stream_id, told.version))
    if not told.is_whole:
        found = seen_message(cursor, fact.source, told.id, fact.type.removesuffix(".item"))
        whole = found.id if found else None
    return MessageSaid(whole, fact.type, fact.source, told.id, fact.time, fact.data, is_whole=told.is_whole)


def _named(history: History, decided: Decided) -> tuple[str, str]:
    """A decision by its id and its type."""
    return str(event_id(history.stream_id, decided.version)), decided.topic
