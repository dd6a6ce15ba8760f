"""Stored form of domain events: a topic naming the type and JSON bytes, and the way back.

Facts keep the message as it came under its own type; decisions are stored under their class name. Readers of old
events go through `UPCASTS`, so that an event class may change and what was stored need not.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from types import UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

import orjson

from domain.bank.entry import BankLineConfirmed
from domain.book import bookings
from domain.book.findings import Finding, FindingEnded, FindingOpened
from domain.book.posting import POSTING_RULES
from domain.book.refusals import DecisionCounts, DecisionRefused
from domain.book.standing import Booked, Retracted
from domain.closing.events import BookDecided, PeriodClosed, PeriodReopened, SweepReserved, VatReturnFiled
from domain.fact import RecordedFact
from domain.far_ahead import SourceAhead
from domain.matter.judgement import MatterJudged
from domain.money import plain
from domain.payout.events import (
    ApprovalCounted,
    ApprovalLapsed,
    PayoutCreated,
    PayoutHandedOff,
    PayoutStatusChanged,
    PayoutSuperseded,
)
from domain.payout.reopening import DaysClosedAhead
from domain.session.decisions import (
    CdrCredited,
    CdrIssued,
    FactReadmitted,
    FactRejected,
    OrphanClosed,
    OverlapNoted,
    SessionAssessed,
    ShareReleased,
)
from domain.tariff.events import TariffWarned

_PLAIN_EVENTS: tuple[type, ...] = (
    SessionAssessed,
    OrphanClosed,
    OverlapNoted,
    FactRejected,
    FactReadmitted,
    ShareReleased,
    CdrIssued,
    CdrCredited,
    PayoutCreated,
    PayoutStatusChanged,
    PayoutSuperseded,
    PayoutHandedOff,
    ApprovalCounted,
    ApprovalLapsed,
    DecisionRefused,
    DecisionCounts,
    TariffWarned,
    SourceAhead,
    DaysClosedAhead,
    BankLineConfirmed,
    MatterJudged,
    BookDecided,
    PeriodClosed,
    PeriodReopened,
    SweepReserved,
    VatReturnFiled,
)

_WRAPPERS = (Booked, Retracted)

# A CDR that was sent is repeated to the last digit in its credit CDR, so its numbers are read as decimals.
_DOCUMENT_TOPICS = frozenset({CdrIssued.__name__, CdrCredited.__name__})

# Changes to stored JSON, by topic, applied before it is read; released events are never rewritten.
UPCASTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}


@lru_cache(maxsize=16_384)
def _number(value: Decimal) -> orjson.Fragment:
    """Hours, prices and rates come back in CDR after CDR."""
    return orjson.Fragment(plain(value).encode())


def _json_default(value: Any) -> Any:
    if isinstance(value, Decimal):
        # Zero and minus zero are equal and not the same text, so that neither may be told in place of the other.
        return _number(value) if value else orjson.Fragment(plain(value).encode())
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no stored form")


def dump(value: Any) -> bytes:
    """JSON bytes; decimals become numbers by their shortest text."""
    return orjson.dumps(value, default=_json_default)


def encode(event: Any) -> tuple[str, bytes]:
    """Topic and bytes of a fact or a decision."""
    if isinstance(event, RecordedFact):
        body = {"source": event.source, "id": event.id, "time": event.time, "data": event.data}
        return event.type, dump(body)
    name = type(event).__name__
    if isinstance(event, _WRAPPERS):
        return f"{name}.{type(event.booking).__name__}", dump(event)
    return name, dump(event)


def decode(topic: str, state: bytes) -> Any:
    """The fact or decision stored under a topic; raises KeyError for a topic that was never written."""
    body = read_body(topic, state)
    read = _READERS.get(topic)
    if read is not None:
        return read(body)
    return RecordedFact(topic, body["source"], body["id"], datetime.fromisoformat(body["time"]), body["data"])


def read_body(topic: str, state: bytes) -> dict[str, Any]:
    """The stored JSON in today's form; of a fact its `source`, `id`, `time` and `data`."""
    body: dict[str, Any] = (
        json.loads(state, parse_float=Decimal) if topic in _DOCUMENT_TOPICS else orjson.loads(state)
    )
    return UPCASTS[topic](body) if topic in UPCASTS else body


# What stands around the document of a stored CDR; the members after it came later than the others.
_BEFORE_DOCUMENT, _AFTER_DOCUMENT = b',"document":', b',"tariff_hash":'


def cut_document(state: bytes) -> tuple[dict[str, Any], bytes]:
    """A stored CDR without reading its document: what is said before it, and the document's bytes as they are.

    Before it stand texts and numbers, in which every quote is escaped, so that the first mark is the member itself.
    Behind it one is where all that follows is the rest of an object; inside of something too much would follow.
    """
    start = state.index(_BEFORE_DOCUMENT)
    end = state.rfind(_AFTER_DOCUMENT, start)
    while end >= 0 and not _ends_an_object(state[end + 1 :]):
        end = state.rfind(_AFTER_DOCUMENT, start, end)
    # Where nothing follows, as of old, `end` is -1: without the closing brace.
    return orjson.loads(state[:start] + b"}"), state[start + len(_BEFORE_DOCUMENT) : end]


def _ends_an_object(members: bytes) -> bool:
    try:
        orjson.loads(b"{" + members)
    except orjson.JSONDecodeError:
        return False
    return True


def _reader(kind: type) -> Callable[[dict[str, Any]], Any]:
    """A function that makes a dataclass of parsed JSON, converting what JSON has no type for."""
    hints = get_type_hints(kind)
    converters = {field.name: convert for field in fields(kind) if (convert := _converter(hints[field.name]))}

    def read(body: dict[str, Any]) -> Any:
        for name, convert in converters.items():
            value = body.get(name)
            if value is not None:
                body[name] = convert(value)
        return kind(**body)

    return read


def _converter(hint: Any) -> Callable[[Any], Any] | None:
    if get_origin(hint) in (Union, UnionType):
        hint = next(each for each in get_args(hint) if each is not type(None))
    if hint is datetime:
        return datetime.fromisoformat
    if hint is date:
        return date.fromisoformat
    if hint is UUID:
        return UUID
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        # Ten times as fast as to call the class.
        return {member.value: member for member in hint}.__getitem__
    if get_origin(hint) is tuple:
        return cast("Callable[[Any], Any]", tuple)
    return None


def _booking_reader(wrapper: type[Booked] | type[Retracted], kind: type[bookings.Booking]) -> Callable[..., Any]:
    read_booking = _reader(kind)
    return lambda body: wrapper(read_booking(body["booking"]), body["revision"])


def _finding_reader(kind: type[FindingOpened] | type[FindingEnded]) -> Callable[..., Any]:
    read_finding, read_change = _reader(Finding), _reader(kind)
    return lambda body: read_change({**body, "finding": read_finding(body["finding"])})


_READERS = {kind.__name__: _reader(kind) for kind in _PLAIN_EVENTS} | {
    f"{wrapper.__name__}.{kind.__name__}": _booking_reader(wrapper, kind)
    for wrapper in _WRAPPERS
    for kind in POSTING_RULES
}
_READERS |= {kind.__name__: _finding_reader(kind) for kind in (FindingOpened, FindingEnded)}

# The topics of all decisions, those of facts being the types of messages.
DECISION_TOPICS = frozenset(_READERS)
