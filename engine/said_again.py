"""Messages that come again in other words: the same content once it is read, though not the same bytes."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from contracts.content import same_content
from contracts.decode import Message
from contracts.messages import CDR, MESSAGE_TYPES, Kind, stream_of
from domain.payout.events import payout_stream
from domain.session.session import session_stream
from ledger.intake.accepted import accepted_before


class Doubt(NamedTuple):
    """A message of a known source and id in other bytes; `first` is the one in its batch, None: in an earlier."""

    message: Message
    first: Message | None


def said_again(cursor: Any, doubts: Sequence[Doubt]) -> list[bool]:
    """Of each whether it says what was accepted under its source and id before."""
    messages = [doubt.message for doubt in doubts if doubt.first is None]
    before = {}
    if messages:
        streams = {stream for message in messages if (stream := _stream(message)) is not None}
        waiting = {(CDR.kind, each.data[CDR.field]) for each in messages if _kind(each) is Kind.CDR_ANSWER}
        types = {message.type for message in messages}
        before = accepted_before(cursor, types, sorted(streams), sorted(waiting))
    found = []
    for message, first in doubts:
        earlier = first or before.get((message.source, message.id))
        found.append(earlier is not None and same_content(earlier, message))
    return found


def _kind(message: Message) -> Kind:
    return MESSAGE_TYPES[message.type].kind


def _stream(message: Message) -> UUID | None:
    """The stream that keeps a message of this content; None for what the session of its CDR keeps."""
    kind = _kind(message)
    if kind is Kind.SESSION_FACT:
        return session_stream(message.data["session_id"])
    if kind is Kind.PAYOUT_FACT:
        return payout_stream(message.data["payout_id"])
    return None if kind is Kind.CDR_ANSWER else stream_of(message.type, message.data)
