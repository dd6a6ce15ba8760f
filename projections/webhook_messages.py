"""What webhooks say of stored events and dead letters: each the document that its resource has."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import utc_text
from domain.payout.events import PayoutCreated, PayoutStatus, PayoutStatusChanged
from domain.session.decisions import CdrCredited, CdrIssued
from ledger.access.deliveries import Message
from ledger.access.webhooks import MessageType
from ledger.events.codec import cut_document, decode
from ledger.events.store import event_id
from projections.cdrs import todays_form
from projections.deadletters import one_letter
from projections.documents.payouts import shown_payout_document
from projections.feed import Piece
from projections.payout_list import ShownPayout, shown_payouts

_log = logging.getLogger(__name__)

# The read models that documents are made of: what they have not read yet is not told.
MADE_OF = ("payouts",)

_CDRS = (CdrIssued.__name__, CdrCredited.__name__)
_PAYOUTS = (PayoutCreated.__name__, PayoutStatusChanged.__name__)
TOPICS = frozenset((*_CDRS, *_PAYOUTS))
_OF_STATUS = {
    PayoutStatus.AWAITING_APPROVAL: MessageType.PAYOUT_AWAITING_APPROVAL,
    PayoutStatus.PAID: MessageType.PAYOUT_PAID,
    PayoutStatus.FAILED: MessageType.PAYOUT_FAILED,
    PayoutStatus.RETURNED: MessageType.PAYOUT_RETURNED,
}


def body(type_: str, at: datetime, data: Any) -> bytes:
    """The text of a message in the form that Standard Webhooks recommends ("Payload structure")."""
    return orjson.dumps({"type": type_, "timestamp": utc_text(at), "data": data})


def messages_of(cursor: Cursor[TupleRow], piece: Piece, wanted: set[str]) -> list[Message]:
    """What is told of events, in their order; `wanted` are the types that somebody hears.

    The cursor may read everything. A payout is as its resource has it, with the status that the event gave it. An
    event that nothing can be made of is logged, and holds up no other.
    """
    decisions = [decode(topic, state) if topic in _PAYOUTS else None for topic, state in piece.events]
    payouts = shown_payouts(cursor, sorted({each.payout_id for each in decisions if each is not None}))
    found = []
    for decision, (topic, state), place in zip(decisions, piece.events, piece.places, strict=True):
        id_ = event_id(place.stream_id, place.version)
        try:
            told = list(_cdr(topic, state) if decision is None else _payout(decision, payouts[decision.payout_id]))
        except Exception as error:
            _log.error("no webhook can be made of an event", exc_info=error, extra={"event": id_, "topic": topic})
            continue
        found += [Message(id_, type_, text, place.position) for type_, text in told if type_ in wanted]
    return found


def messages_of_letters(cursor: Cursor[TupleRow], ids: Sequence[UUID]) -> list[Message]:
    """What is told of dead letters, each as its resource has it."""
    found = []
    for id_ in ids:
        letter = one_letter(cursor, id_)
        if letter is not None:
            at = datetime.fromisoformat(letter["recorded_at"])
            type_ = MessageType.DEAD_LETTER_CREATED
            found.append(Message(id_, type_, body(type_, at, letter)))
    return found


def _payout(decision: PayoutCreated | PayoutStatusChanged, payout: ShownPayout) -> Iterator[tuple[str, bytes]]:
    created = isinstance(decision, PayoutCreated)
    at = decision.fired_at if isinstance(decision, PayoutCreated) else decision.at
    reason = None if isinstance(decision, PayoutCreated) else decision.reason
    data = shown_payout_document(replace(payout, status=decision.status.value, status_at=at, reason=reason))
    of_status = _OF_STATUS.get(decision.status)
    if created:
        yield MessageType.PAYOUT_CREATED, body(MessageType.PAYOUT_CREATED, at, data)
    if of_status is not None:
        yield of_status, body(of_status, at, data)


def _cdr(topic: str, state: bytes) -> Iterator[tuple[str, bytes]]:
    """The text that went out, to the last digit."""
    said, document = cut_document(todays_form(topic, state))
    at = datetime.fromisoformat(said.get("credited_at") or said["issued_at"])
    yield MessageType.CDR_ISSUED, body(MessageType.CDR_ISSUED, at, orjson.Fragment(document))
