"""Outgoing CloudEvents made of stored events and dead letters; the same one on every emission, `id` and all."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from consumers.misplaced import refuse_other_key, refuse_other_topic, refuse_waiting
from consumers.publisher import RECORD_MAX_BYTES, Outgoing
from contracts.outgoing import ENTRY_IDS_MAX, ENTRY_IDS_OF_PART, encode, raw_bytes
from domain.money import format_minor
from domain.named_ids import named_id
from domain.payout.content import bank_file_name, content_hash, creditor, end_to_end_id, execution_day
from domain.payout.events import PayoutCreated, PayoutHandedOff
from domain.payout.payout import as_handed_off
from ledger.events.codec import decode
from ledger.events.store import event_id
from ledger.intake.outbox import PendingEvent, PendingLetter
from ledger.intake.quarantine import DeadLetter
from projections.notifications import BEGINNING, NOTIFICATIONS, Happened

_LETTER = "settlement.deadletter.recorded"
_HANDED_OFF = (PayoutCreated.__name__, PayoutHandedOff.__name__)
_CDR_LINKS = ("tariff_hash", "replaces")


@dataclass(frozen=True, slots=True)
class _Content:
    """Type, subject, time and data of an outgoing event."""

    type: str
    subject: str
    time: datetime
    data: Mapping[str, Any]


def outgoing(pending: PendingEvent | PendingLetter) -> Outgoing:
    """The record of an outbox row, the first where there are several.

    Raises ContractError or KeyError for a row that nothing can be made of.
    """
    if isinstance(pending, PendingLetter):
        refuse_other_topic(pending.topic, _LETTER)
        return _letter_record(pending.topic, pending.record_key.encode() or None, pending.letter)
    content = _CONTENTS[pending.event_topic](pending)
    return _record(pending, event_id(pending.stream_id, pending.version), content)


def all_outgoing(pending: PendingEvent | PendingLetter) -> list[Outgoing]:
    """All records of an outbox row, in the order in which they are sent; raises as `outgoing` does."""
    records = [outgoing(pending)]
    if isinstance(pending, PendingEvent) and pending.event_topic in _HANDED_OFF:
        whole = event_id(pending.stream_id, pending.version)
        for number, content in enumerate(_batch_lines(pending), 1):
            records.append(_record(pending, named_id(whole, f"part:{number}"), content))
    return records


def _record(pending: PendingEvent, id_: UUID, content: _Content) -> Outgoing:
    refuse_other_topic(pending.topic, content.type)
    value = encode(content.type, str(id_), content.subject, content.time, content.data)
    return Outgoing(pending.topic, pending.record_key.encode() or None, value)


def _cdr_issued(pending: PendingEvent) -> _Content:
    return _cdr(pending, "settlement.cdr.issued", "issued_at")


def _cdr_credited(pending: PendingEvent) -> _Content:
    return _cdr(pending, "settlement.cdr.credited", "credited_at")


def _cdr(pending: PendingEvent, type_: str, at: str) -> _Content:
    # Read as plain JSON, whose numbers are written again as they were: by their shortest text.
    body = orjson.loads(pending.state)
    refuse_other_key(pending.record_key, body["operator_id"])
    # What was stored before there were pins says nothing of them, and is sent as it was.
    said = {name: body[name] for name in _CDR_LINKS if body.get(name) is not None}
    return _Content(type_, body["session_id"], datetime.fromisoformat(body[at]), {"cdr": body["document"], **said})


def _batch_created(pending: PendingEvent) -> _Content:
    event = _handed_off(pending)
    refuse_other_key(pending.record_key, event.operator_id)
    refuse_waiting(event)
    count = len(event.entry_ids)
    data = {
        **_batch(event),
        "business_date": event.business_date.isoformat(),
        "currency": event.currency,
        "amount": {"amount": format_minor(event.amount, event.currency), "currency": event.currency},
        "attempt": event.attempt,
        "end_to_end_id": end_to_end_id(event),
        "execution_date": execution_day(event).isoformat(),
        "creditor": creditor(event),
        "bank_file": bank_file_name(event),
        "content_hash": content_hash(event),
        "entry_count": count,
        "lines": count,
    }
    if count <= ENTRY_IDS_MAX:
        data["entry_ids"] = list(event.entry_ids)
    if event.reissue_of is not None:
        data["reissue_of"] = event.reissue_of
    return _Content("settlement.batch.created", event.payout_id, event.fired_at, data)


def _batch_lines(pending: PendingEvent) -> Iterator[_Content]:
    """The entries of a payout that has too many to be named in its message, in parts."""
    event = _handed_off(pending)
    count = len(event.entry_ids)
    if count <= ENTRY_IDS_MAX:
        return
    parts = -(-count // ENTRY_IDS_OF_PART)
    for part in range(1, parts + 1):
        some = event.entry_ids[(part - 1) * ENTRY_IDS_OF_PART : part * ENTRY_IDS_OF_PART]
        data = {**_batch(event), "part": part, "parts": parts, "entry_ids": list(some)}
        yield _Content("settlement.batch.lines", event.payout_id, event.fired_at, data)


def _handed_off(pending: PendingEvent) -> PayoutCreated:
    """A payout as its run handed it off, or people did."""
    event: PayoutCreated | PayoutHandedOff = decode(pending.event_topic, pending.state)
    if isinstance(event, PayoutCreated):
        return event
    if pending.made_state is None:
        raise KeyError(f"payout {event.payout_id} was handed off and is not made")
    made: PayoutCreated = decode(PayoutCreated.__name__, pending.made_state)
    return as_handed_off(made, event)


def _batch(event: PayoutCreated) -> dict[str, Any]:
    return {"payout_id": event.payout_id, "batch_id": event.batch_id, "operator_id": event.operator_id}


def _notification(pending: PendingEvent) -> _Content:
    told = NOTIFICATIONS[pending.event_topic](Happened(pending.event_topic, pending.state, pending.fact_state))
    return _Content("settlement.notification.raised", told.subject, told.time, told.data)


_CONTENTS: Mapping[str, Callable[[PendingEvent], _Content]] = {
    "CdrIssued": _cdr_issued,
    "CdrCredited": _cdr_credited,
    "PayoutCreated": _batch_created,
    "PayoutHandedOff": _batch_created,
    **dict.fromkeys(NOTIFICATIONS, _notification),
}


def _letter_record(topic: str, key: bytes | None, letter: DeadLetter) -> Outgoing:
    """A dead letter with the raw record in it, as much of it as a broker takes."""
    record = Outgoing(topic, key, _letter_event(letter))
    if record.size_bytes > RECORD_MAX_BYTES:
        record = Outgoing(topic, key, _letter_event(replace(letter, headers=())))
    return record


def _letter_event(letter: DeadLetter) -> bytes:
    origin = None
    if letter.partition is not None and letter.offset is not None:
        origin = {"topic": letter.topic, "partition": letter.partition, "offset": letter.offset}
    data = {
        "origin": origin,
        "record": None if letter.value is None else raw_bytes(letter.value),
        "headers": [{"name": name, "value": raw_bytes(value)} for name, value in letter.headers],
        "code": letter.code,
        "path": letter.path,
        "sentence": letter.sentence,
        "event_id": letter.id,
        "event_source": letter.source,
        "event_type": letter.type,
    }
    id_, time = str(letter.deadletter_id), letter.recorded_at or BEGINNING
    return encode(_LETTER, id_, id_, time, data)
