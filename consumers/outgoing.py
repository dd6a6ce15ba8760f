"""Outgoing CloudEvents made of stored events and dead letters; the same one on every emission, `id` and all."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from consumers.misplaced import refuse_other_key, refuse_other_topic, refuse_waiting
from consumers.publisher import RECORD_MAX_BYTES, Outgoing
from contracts.outgoing import ENTRY_IDS_MAX, ENTRY_IDS_OF_PART, encode, raw_bytes
from domain.book.findings import CURES, FindingEnded, FindingOpened
from domain.book.refusals import DecisionRefused
from domain.calendar import instant, utc_text
from domain.fact import RecordedFact
from domain.far_ahead import AHEAD_MAX, SourceAhead
from domain.money import format_minor
from domain.named_ids import named_id
from domain.payout.content import bank_file_name, content_hash, creditor, end_to_end_id, execution_day
from domain.payout.events import ApprovalCounted, ApprovalLapsed, PayoutCreated, PayoutHandedOff, PayoutStatusChanged
from domain.payout.payout import as_handed_off
from domain.payout.reopening import DaysClosedAhead
from domain.session.decisions import SessionAssessed
from domain.tariff.events import TariffWarned
from ledger.events.codec import decode
from ledger.events.store import event_id
from ledger.intake.outbox import PendingEvent, PendingLetter
from ledger.intake.quarantine import DeadLetter

_SESSION_KINDS = {"SUSPENSE": "SESSION_SUSPENDED", "INVALID": "SESSION_INVALID", "RATED": "SESSION_ESTIMATED"}
_SESSION_SENTENCES = {
    "SUSPENSE": "session {id} is not billed before this is mended: {reason}",
    "INVALID": "session {id} is not billed, its reports contradict each other: {reason}",
    "RATED": "session {id} never ended: it is billed up to its last register, until its end is reported ({reason})",
}
_LETTER = "settlement.deadletter.recorded"
_HANDED_OFF = (PayoutCreated.__name__, PayoutHandedOff.__name__)
_CDR_LINKS = ("tariff_hash", "replaces")
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


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


# Payouts whose payee gets an advice again.
_ADVISED = frozenset({"IN_TRANSIT", "RETURNED"})


def _payout_notice(pending: PendingEvent) -> _Content:
    event: PayoutStatusChanged = decode(pending.event_topic, pending.state)
    reason = f" ({event.reason})" if event.reason else ""
    told = f"; its advice: /v1/payouts/{event.payout_id}/advice.json" if event.status in _ADVISED else ""
    sentence = f"payout {event.payout_id} of operator {event.operator_id} is {event.status}{reason}{told}"
    data = _notice(f"PAYOUT_{event.status}", event.payout_id, sentence, event.operator_id)
    return _Content("settlement.notification.raised", event.payout_id, event.at, data)


def _approval_notice(pending: PendingEvent) -> _Content:
    event: ApprovalCounted = decode(pending.event_topic, pending.state)
    sentence = (
        f"{event.by} approved payout {event.payout_id} of operator {event.operator_id}: {event.number} of "
        f"{event.needed}"
    )
    data = _notice("PAYOUT_APPROVED", event.payout_id, sentence, event.operator_id)
    return _Content("settlement.notification.raised", event.payout_id, event.at, data)


def _lapse_notice(pending: PendingEvent) -> _Content:
    event: ApprovalLapsed = decode(pending.event_topic, pending.state)
    sentence = (
        f"the approval of payout {event.payout_id} of operator {event.operator_id} by {event.by} has lapsed, since "
        "too few people joined it in time: it awaits approval"
    )
    data = _notice("PAYOUT_APPROVAL_LAPSED", event.payout_id, sentence, event.operator_id)
    return _Content("settlement.notification.raised", event.payout_id, event.at, data)


def _refusal_notice(pending: PendingEvent) -> _Content:
    event: DecisionRefused = decode(pending.event_topic, pending.state)
    sentence = f"{event.type} of {utc_text(event.at)} counts for nothing: {event.sentence}"
    data = _notice("DECISION_REFUSED", event.subject, sentence, "")
    return _Content("settlement.notification.raised", event.subject, event.at, data)


_DECIDED = {
    "operator.payouts_held": ("PAYOUTS_HELD", "the payouts of operator {operator_id} are held"),
    "operator.payouts_released": ("PAYOUTS_RELEASED", "the payouts of operator {operator_id} are released"),
    "payouts.stopped": ("PAYOUTS_STOPPED", "all payouts are stopped"),
    "payouts.resumed": ("PAYOUTS_RESUMED", "all payouts go on"),
    "bank_account.proposed": (
        "BANK_ACCOUNT_PROPOSED",
        "another bank account of operator {operator_id} is proposed: a second person has to confirm it",
    ),
    "bank_account.confirmed": (
        "BANK_ACCOUNT_CONFIRMED",
        "another bank account of operator {operator_id} is confirmed, and takes effect once it has cooled off",
    ),
}


def _decided_notice(pending: PendingEvent) -> _Content:
    """What a person decided of an operator or of all payouts, with its reason where it has one."""
    fact: RecordedFact = decode(pending.event_topic, pending.state)
    kind, what = _DECIDED[fact.type]
    operator_id, reason = str(fact.data.get("operator_id") or ""), fact.data.get("reason")
    why = f", {reason}" if reason else ""
    sentence = f"{what.format(operator_id=operator_id)} ({fact.data['by']}{why})"
    data = _notice(kind, operator_id or "payouts", sentence, operator_id)
    return _Content("settlement.notification.raised", operator_id or "payouts", instant(fact.data["at"]), data)


def _session_notice(pending: PendingEvent) -> _Content:
    event: SessionAssessed = decode(pending.event_topic, pending.state)
    template = _SESSION_SENTENCES.get(event.state, "session {id} is " + event.state + ": {reason}")
    sentence = template.format(id=event.session_id, reason=event.reason)
    kind = _SESSION_KINDS.get(event.state, f"SESSION_{event.state}")
    data = _notice(kind, event.session_id, sentence, event.operator_id)
    return _Content("settlement.notification.raised", event.session_id, _time_of_fact(pending.fact_state), data)


def _tariff_notice(pending: PendingEvent) -> _Content:
    event: TariffWarned = decode(pending.event_topic, pending.state)
    given_to = f" for partner {event.partner}" if event.partner else ""
    warnings = "; ".join(f"{finding['path']}: {finding['sentence']}" for finding in event.findings)
    sentence = (
        f"tariff {event.tariff_id} of operator {event.operator_id}{given_to} is in use, with warnings: {warnings}"
    )
    data = _notice("TARIFF_WARNING", event.tariff_id, sentence, event.operator_id)
    return _Content("settlement.notification.raised", event.tariff_id, event.published_at, data)


def _source_notice(pending: PendingEvent) -> _Content:
    event: SourceAhead = decode(pending.event_topic, pending.state)
    sentence = (
        f"{event.source} sent {event.event_type} {event.event_id} with the time {utc_text(event.event_time)}, more "
        f"than {AHEAD_MAX // timedelta(hours=1)} hours ahead of {utc_text(event.noticed_at)}: it is taken in, and "
        "closes no payout days; look at the sender's clock"
    )
    data = _notice("SOURCE_AHEAD", event.source, sentence, event.operator_id)
    return _Content("settlement.notification.raised", event.source, event.noticed_at, data)


def _closed_ahead_notice(pending: PendingEvent) -> _Content:
    event: DaysClosedAhead = decode(pending.event_topic, pending.state)
    sentence = (
        f"the payout days of operator {event.operator_id} are closed through {event.closed_through}, more than "
        f"{AHEAD_MAX // timedelta(hours=1)} hours ahead of {utc_text(event.noticed_at)}: nothing is paid before; if "
        "that was not meant, open them again with 'wattledger payouts reopen'"
    )
    data = _notice("PAYOUT_DAYS_CLOSED", event.operator_id, sentence, event.operator_id)
    return _Content("settlement.notification.raised", event.operator_id, event.noticed_at, data)


def _reopened_notice(pending: PendingEvent) -> _Content:
    fact: RecordedFact = decode(pending.event_topic, pending.state)
    operator_id = str(fact.data.get("operator_id") or "")
    whose = f"operator {operator_id}" if operator_id else "all operators"
    sentence = (
        f"the payout days of {whose} from {fact.data['from']} on are open again, as {fact.data['by']} has decided: "
        f"{fact.data['reason']}"
    )
    data = _notice("PAYOUT_DAYS_REOPENED", operator_id or "payouts", sentence, operator_id)
    return _Content("settlement.notification.raised", operator_id or "payouts", fact.time, data)


def _finding_opened(pending: PendingEvent) -> _Content:
    finding = _finding_change(pending).finding
    data = _notice(finding.kind, finding.subject, finding.sentence, finding.operator_id) | {
        "cure": CURES[finding.kind]
    }
    return _Content("settlement.notification.raised", finding.subject, finding.since, data)


def _finding_ended(pending: PendingEvent) -> _Content:
    event = _finding_change(pending)
    finding = event.finding
    data = _notice(f"{finding.kind}_ENDED", finding.subject, f"no longer: {finding.sentence}", finding.operator_id)
    return _Content(
        "settlement.notification.raised", finding.subject, _ended_at(event) or _time_of_fact(pending.fact_state), data
    )


def _ended_at(event: FindingOpened | FindingEnded) -> datetime | None:
    return event.at if isinstance(event, FindingEnded) else None


def _finding_change(pending: PendingEvent) -> FindingOpened | FindingEnded:
    event: FindingOpened | FindingEnded = decode(pending.event_topic, pending.state)
    return event


def _notice(kind: str, subject: str, sentence: str, operator_id: str) -> dict[str, Any]:
    return {"kind": kind, "subject": subject, "sentence": sentence[:1000], "operator_id": operator_id or None}


def _time_of_fact(state: bytes | None) -> datetime:
    """When the fact that led to an assessment happened; the beginning of time where only others' facts did."""
    return _BEGINNING if state is None else datetime.fromisoformat(orjson.loads(state)["time"])


_CONTENTS: Mapping[str, Callable[[PendingEvent], _Content]] = {
    "CdrIssued": _cdr_issued,
    "CdrCredited": _cdr_credited,
    "PayoutCreated": _batch_created,
    "PayoutHandedOff": _batch_created,
    "PayoutStatusChanged": _payout_notice,
    "ApprovalCounted": _approval_notice,
    "ApprovalLapsed": _lapse_notice,
    "DecisionRefused": _refusal_notice,
    **dict.fromkeys(_DECIDED, _decided_notice),
    "SessionAssessed": _session_notice,
    "TariffWarned": _tariff_notice,
    "SourceAhead": _source_notice,
    "DaysClosedAhead": _closed_ahead_notice,
    "payouts.reopened": _reopened_notice,
    "FindingOpened": _finding_opened,
    "FindingEnded": _finding_ended,
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
    id_, time = str(letter.deadletter_id), letter.recorded_at or _BEGINNING
    return encode(_LETTER, id_, id_, time, data)
