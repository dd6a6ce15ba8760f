"""Payout days that were closed too far: a person's decision to open them again, given through Kafka."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import orjson

from consumers.publisher import Outgoing
from contracts.decode import Message, decode_event
from contracts.messages import TOPIC_OF, partition_key, stream_of
from domain.calendar import utc_text
from engine.payout_days import closed_days
from ledger.database import Role, connect
from ledger.events.codec import decode
from ledger.events.store import read_streams
from ledger.intake.operators import known_operators
from wattledger.crew import Crew, OnProgress
from wattledger.errors import ApplicationError
from wattledger.store import Store
from wattledger.verbs import publish_records, take_in

SOURCE = "urn:wattledger:payouts"
TYPE = "payouts.reopened"


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants open again: business dates from `opened_from` on, of one operator or, with None, of all."""

    opened_from: date
    operator_id: str | None
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Reopened:
    """The decision as it was taken in, and by operator through which business date its days were closed."""

    decision_id: str
    were_closed: dict[str, date]


def reopen(store: Store, crew: Crew, wish: Wish, on_progress: OnProgress) -> Reopened:
    """Publish the decision and take it in.

    Raises ApplicationError for an unknown operator, where nothing is closed from that day on, and where the decision
    is refused.
    """
    event = _event(wish)
    message = _message(event)
    # First what waits to be taken in: it may tell of the operator.
    take_in(crew, on_progress)
    were_closed = _closed(store, wish)
    publish_records(store, [Outgoing(TOPIC_OF[TYPE], partition_key(message).encode(), orjson.dumps(event))])
    take_in(crew, on_progress)
    if not _was_taken(store, message):
        raise ApplicationError(
            f"decision {message.id} was published and not taken in; see 'wattledger deadletter list'"
        )
    return Reopened(message.id, were_closed)


def _closed(store: Store, wish: Wish) -> dict[str, date]:
    """By operator, through when its days are closed that are wanted open."""
    with connect(store.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        known = known_operators(cursor)
        closed = closed_days(cursor, wish.opened_from, wish.operator_id)
    if wish.operator_id is not None and wish.operator_id not in known:
        raise ApplicationError(f"no operator {wish.operator_id!r} is known; ids are those of operator.registered")
    if not closed:
        whose = f"of operator {wish.operator_id} " if wish.operator_id else ""
        raise ApplicationError(
            f"no payout day {whose}from {wish.opened_from} on is closed: nothing is to be reopened"
        )
    return closed


def _message(event: dict[str, Any]) -> Message:
    """The decision as it is read on arrival; raises ApplicationError where it would be refused."""
    found = decode_event(event)
    if not isinstance(found, Message):
        raise ApplicationError(f"the decision would be refused: {found.sentence}")
    return found


def _event(wish: Wish) -> dict[str, Any]:
    """The CloudEvent of the decision."""
    data = {"from": wish.opened_from.isoformat(), "at": utc_text(wish.at), "reason": wish.reason, "by": wish.by}
    if wish.operator_id is not None:
        data["operator_id"] = wish.operator_id
    name = ":".join((wish.operator_id or "", data["from"], data["at"], wish.by))
    return {
        "specversion": "1.0",
        "id": str(uuid5(NAMESPACE_URL, f"wattledger:reopening:{name}")),
        "source": SOURCE,
        "type": TYPE,
        "subject": wish.operator_id or "payouts",
        "time": data["at"],
        "data": data,
    }


def _was_taken(store: Store, message: Message) -> bool:
    stream_id = stream_of(message.type, message.data)
    with connect(store.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        stored = read_streams(cursor, [stream_id]).get(stream_id, ())
    return any(each.topic == TYPE and decode(each.topic, each.state).id == message.id for each in stored)
