"""One payment, for those who ask: what was said of it, the sessions it pays, and what it put on the book.

A payment is known by its provider and its id. Which session it belongs to is known from its captures; what else is
said of it is kept with that session, or waits until one claims it. One that was never captured, a failure or a refund
alone, has no provider, and is found by the events that mention it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import DERIVED_FACTS, MESSAGE_TYPES, PAYMENT
from domain.book.bookings import Booking
from domain.book.journal import Entry
from domain.book.standing import Booked, Retracted
from domain.fact import RecordedFact
from domain.session.session import session_stream
from ledger.events.codec import decode
from ledger.events.store import read_streams
from projections.lookups import Lookups
from projections.mentions import Kind, ids_in
from projections.story import entries_by_id, entry_ids_of

# References begin with the provider, and a tab: each next provider is found by the key, however many payments it has.
_PROVIDERS = """
WITH RECURSIVE provider AS (
    (SELECT split_part(ref, E'\\t', 1) AS name FROM intake.{table} WHERE kind = 'payment' ORDER BY ref LIMIT 1)
    UNION ALL
    SELECT (SELECT split_part(ref, E'\\t', 1) FROM intake.{table}
            WHERE kind = 'payment' AND ref > provider.name || E'\\n' ORDER BY ref LIMIT 1)
    FROM provider WHERE provider.name IS NOT NULL
)
SELECT name FROM provider WHERE name IS NOT NULL
"""
_SESSIONS = "SELECT session_id FROM intake.reference WHERE kind = 'payment' AND ref = %s ORDER BY session_id"
_WAITING = """
SELECT type, source, id, event_time, data FROM intake.parked WHERE kind = 'payment' AND ref = %s
"""

# Of a payment that was never captured so many events are read; hardly one has more than two.
_MENTIONS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class PaymentStory:
    """A payment of a provider: the messages about it by time, the sessions it pays, and its entries.

    Of one that was never captured no provider is known, and `session_ids` are those that its messages name.
    """

    payment_id: str
    provider: str | None
    session_ids: tuple[str, ...]
    messages: tuple[RecordedFact, ...]
    entries: tuple[Entry, ...]


def payment_stories(cursor: Cursor[TupleRow], payment_id: str, provider: str | None = None) -> list[PaymentStory]:
    """The payments of this id, of one provider or of each that has one; none where none is known.

    Needs a role that may read the event store and the intake.
    """
    providers = _providers(cursor) if provider is None else [provider]
    found = (_story(cursor, payment_id, each) for each in providers)
    return [story for story in found if story.messages]


def _providers(cursor: Cursor[TupleRow]) -> list[str]:
    names = set()
    for table in ("reference", "parked"):
        names |= {name for (name,) in cursor.execute(_PROVIDERS.format(table=table).encode()).fetchall()}
    return sorted(names)


def uncaptured_payment(cursor: Cursor[TupleRow], payment_id: str) -> PaymentStory | None:
    """The payment of this id that failed, was refunded or disputed, and was never captured; None where none is known.

    Needs a role that may read the event store, and `mentions` up to date.
    """
    mentions = Lookups(cursor).mentions((Kind.PAYMENT,), payment_id, _MENTIONS_MAX)[Kind.PAYMENT]
    told = [each.body["data"] for each in mentions if each.topic in MESSAGE_TYPES]
    session_ids = sorted(
        {data["session_id"] for data in told if "session_id" in data and (Kind.PAYMENT, payment_id) in ids_in(data)}
    )
    messages, entry_ids = _of_sessions(cursor, session_ids, payment_id, None)
    if not messages:
        return None
    return _told(cursor, payment_id, None, session_ids, messages, entry_ids)


def _story(cursor: Cursor[TupleRow], payment_id: str, provider: str) -> PaymentStory:
    ref = PAYMENT.of({"payment_id": payment_id, "provider": provider})
    session_ids = [session_id for (session_id,) in cursor.execute(_SESSIONS, (ref,)).fetchall()]
    waiting = [
        RecordedFact(type_, source, id_, time, orjson.loads(data))
        for type_, source, id_, time, data in cursor.execute(_WAITING, (ref,)).fetchall()
    ]
    messages, entry_ids = _of_sessions(cursor, session_ids, payment_id, provider)
    return _told(cursor, payment_id, provider, session_ids, [*waiting, *messages], entry_ids)


def _told(
    cursor: Cursor[TupleRow],
    payment_id: str,
    provider: str | None,
    session_ids: Sequence[str],
    messages: Sequence[RecordedFact],
    entry_ids: list[UUID],
) -> PaymentStory:
    in_order = sorted(messages, key=lambda each: (each.time, each.source, each.id))
    return PaymentStory(payment_id, provider, tuple(session_ids), tuple(in_order), entries_by_id(cursor, entry_ids))


def _of_sessions(
    cursor: Cursor[TupleRow], session_ids: Sequence[str], payment_id: str, provider: str | None
) -> tuple[list[RecordedFact], list[UUID]]:
    """The messages about a payment that these sessions keep, and the entries it put on the book."""
    messages, entry_ids = [], []
    streams = read_streams(cursor, [session_stream(each) for each in session_ids])
    for stream_id, stored in streams.items():
        timeline = [decode(event.topic, event.state) for event in stored]
        said = [each for each in timeline if isinstance(each, RecordedFact) and _is_about(each, payment_id, provider)]
        disputes = {each.data["dispute_id"] for each in said if each.data.get("dispute_id")}
        booked = [
            each
            for each in timeline
            if isinstance(each, Booked | Retracted) and _is_of(each.booking, payment_id, provider, disputes)
        ]
        messages += said
        entry_ids += entry_ids_of(booked, stream_id)
    return messages, entry_ids


def _is_about(fact: RecordedFact, payment_id: str, provider: str | None) -> bool:
    """Whether a message is about the payment; refunds and disputes name no provider, and their session has one."""
    if fact.type in DERIVED_FACTS or fact.data.get("payment_id") != payment_id:
        return False
    return bool(fact.data.get("provider", provider) == provider)


def _is_of(booking: Booking, payment_id: str, provider: str | None, disputes: set[Any]) -> bool:
    """Whether a booking comes of the payment: it names it, or one of its disputes."""
    if getattr(booking, "provider", provider) != provider:
        return False
    if hasattr(booking, "payment_id"):
        return bool(booking.payment_id == payment_id)
    return getattr(booking, "dispute_id", None) in disputes
