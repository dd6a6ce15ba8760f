"""What people are told of stored events (`settlement.notification.raised`), the same whoever tells it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import orjson

from domain.book.findings import CURES, FindingEnded, FindingOpened
from domain.book.refusals import DecisionRefused
from domain.calendar import instant, utc_text
from domain.closing.events import PeriodClosed, PeriodReopened
from domain.fact import RecordedFact
from domain.far_ahead import AHEAD_MAX, SourceAhead
from domain.payout.events import ApprovalCounted, ApprovalLapsed, PayoutStatusChanged
from domain.payout.reopening import DaysClosedAhead
from domain.session.decisions import SessionAssessed
from domain.tariff.events import TariffWarned
from ledger.events.codec import decode

SESSION_KINDS = {"SUSPENSE": "SESSION_SUSPENDED", "INVALID": "SESSION_INVALID", "RATED": "SESSION_ESTIMATED"}
_SESSION_SENTENCES = {
    "SUSPENSE": "session {id} is not billed before this is mended: {reason}",
    "INVALID": "session {id} is not billed, its reports contradict each other: {reason}",
    "RATED": "session {id} never ended: it is billed up to its last register, until its end is reported ({reason})",
}
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Happened:
    """A stored event: its topic, its bytes, and of an assessment or the end of a finding the fact that led to it."""

    topic: str
    state: bytes
    fact_state: bytes | None = None


@dataclass(frozen=True, slots=True)
class Notification:
    """What is told of an event: `data` is that of `settlement.notification.raised`."""

    subject: str
    time: datetime
    data: Mapping[str, Any]


# Payouts whose payee gets an advice again.
_ADVISED = frozenset({"IN_TRANSIT", "RETURNED"})


def _payout_notice(happened: Happened) -> Notification:
    event: PayoutStatusChanged = decode(happened.topic, happened.state)
    reason = f" ({event.reason})" if event.reason else ""
    told = f"; its advice: /v1/payouts/{event.payout_id}/advice.json" if event.status in _ADVISED else ""
    sentence = f"payout {event.payout_id} of operator {event.operator_id} is {event.status}{reason}{told}"
    data = _notice(f"PAYOUT_{event.status}", event.payout_id, sentence, event.operator_id)
    return Notification(event.payout_id, event.at, data)


def _approval_notice(happened: Happened) -> Notification:
    event: ApprovalCounted = decode(happened.topic, happened.state)
    sentence = (
        f"{event.by} approved payout {event.payout_id} of operator {event.operator_id}: {event.number} of "
        f"{event.needed}"
    )
    data = _notice("PAYOUT_APPROVED", event.payout_id, sentence, event.operator_id)
    return Notification(event.payout_id, event.at, data)


def _lapse_notice(happened: Happened) -> Notification:
    event: ApprovalLapsed = decode(happened.topic, happened.state)
    sentence = (
        f"the approval of payout {event.payout_id} of operator {event.operator_id} by {event.by} has lapsed, since "
        "too few people joined it in time: it awaits approval"
    )
    data = _notice("PAYOUT_APPROVAL_LAPSED", event.payout_id, sentence, event.operator_id)
    return Notification(event.payout_id, event.at, data)


def _refusal_notice(happened: Happened) -> Notification:
    event: DecisionRefused = decode(happened.topic, happened.state)
    sentence = f"{event.type} of {utc_text(event.at)} counts for nothing: {event.sentence}"
    data = _notice("DECISION_REFUSED", event.subject, sentence, "")
    return Notification(event.subject, event.at, data)


def _period_notice(happened: Happened) -> Notification:
    event: PeriodClosed | PeriodReopened = decode(happened.topic, happened.state)
    is_closed = isinstance(event, PeriodClosed)
    what = f"closed, version {event.version}" if is_closed else f"open again, after version {event.version}"
    sentence = f"period {event.period} is {what}, by {' and '.join(event.by)}"
    data = _notice("PERIOD_CLOSED" if is_closed else "PERIOD_REOPENED", event.period, sentence, "")
    return Notification(event.period, event.at, data)


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


def _decided_notice(happened: Happened) -> Notification:
    """What a person decided of an operator or of all payouts, with its reason where it has one."""
    fact: RecordedFact = decode(happened.topic, happened.state)
    kind, what = _DECIDED[fact.type]
    operator_id, reason = str(fact.data.get("operator_id") or ""), fact.data.get("reason")
    why = f", {reason}" if reason else ""
    sentence = f"{what.format(operator_id=operator_id)} ({fact.data['by']}{why})"
    data = _notice(kind, operator_id or "payouts", sentence, operator_id)
    return Notification(operator_id or "payouts", instant(fact.data["at"]), data)


def _session_notice(happened: Happened) -> Notification:
    event: SessionAssessed = decode(happened.topic, happened.state)
    template = _SESSION_SENTENCES.get(event.state, "session {id} is " + event.state + ": {reason}")
    sentence = template.format(id=event.session_id, reason=event.reason)
    kind = SESSION_KINDS.get(event.state, f"SESSION_{event.state}")
    data = _notice(kind, event.session_id, sentence, event.operator_id)
    return Notification(event.session_id, _time_of_fact(happened.fact_state), data)


def _tariff_notice(happened: Happened) -> Notification:
    event: TariffWarned = decode(happened.topic, happened.state)
    given_to = f" for partner {event.partner}" if event.partner else ""
    warnings = "; ".join(f"{finding['path']}: {finding['sentence']}" for finding in event.findings)
    sentence = (
        f"tariff {event.tariff_id} of operator {event.operator_id}{given_to} is in use, with warnings: {warnings}"
    )
    data = _notice("TARIFF_WARNING", event.tariff_id, sentence, event.operator_id)
    return Notification(event.tariff_id, event.published_at, data)


def _source_notice(happened: Happened) -> Notification:
    event: SourceAhead = decode(happened.topic, happened.state)
    sentence = (
        f"{event.source} sent {event.event_type} {event.event_id} with the time {utc_text(event.event_time)}, more "
        f"than {AHEAD_MAX // timedelta(hours=1)} hours ahead of {utc_text(event.noticed_at)}: it is taken in, and "
        "closes no payout days; look at the sender's clock"
    )
    data = _notice("SOURCE_AHEAD", event.source, sentence, event.operator_id)
    return Notification(event.source, event.noticed_at, data)


def _closed_ahead_notice(happened: Happened) -> Notification:
    event: DaysClosedAhead = decode(happened.topic, happened.state)
    sentence = (
        f"the payout days of operator {event.operator_id} are closed through {event.closed_through}, more than "
        f"{AHEAD_MAX // timedelta(hours=1)} hours ahead of {utc_text(event.noticed_at)}: nothing is paid before; if "
        "that was not meant, open them again with 'wattledger payouts reopen'"
    )
    data = _notice("PAYOUT_DAYS_CLOSED", event.operator_id, sentence, event.operator_id)
    return Notification(event.operator_id, event.noticed_at, data)


def _reopened_notice(happened: Happened) -> Notification:
    fact: RecordedFact = decode(happened.topic, happened.state)
    operator_id = str(fact.data.get("operator_id") or "")
    whose = f"operator {operator_id}" if operator_id else "all operators"
    sentence = (
        f"the payout days of {whose} from {fact.data['from']} on are open again, as {fact.data['by']} has decided: "
        f"{fact.data['reason']}"
    )
    data = _notice("PAYOUT_DAYS_REOPENED", operator_id or "payouts", sentence, operator_id)
    return Notification(operator_id or "payouts", fact.time, data)


def _finding_opened(happened: Happened) -> Notification:
    finding = _finding_change(happened).finding
    data = _notice(finding.kind, finding.subject, finding.sentence, finding.operator_id) | {
        "cure": CURES[finding.kind]
    }
    return Notification(finding.subject, finding.since, data)


def _finding_ended(happened: Happened) -> Notification:
    event = _finding_change(happened)
    finding = event.finding
    data = _notice(f"{finding.kind}_ENDED", finding.subject, f"no longer: {finding.sentence}", finding.operator_id)
    return Notification(finding.subject, _ended_at(event) or _time_of_fact(happened.fact_state), data)


def _ended_at(event: FindingOpened | FindingEnded) -> datetime | None:
    return event.at if isinstance(event, FindingEnded) else None


def _finding_change(happened: Happened) -> FindingOpened | FindingEnded:
    event: FindingOpened | FindingEnded = decode(happened.topic, happened.state)
    return event


def _notice(kind: str, subject: str, sentence: str, operator_id: str) -> dict[str, Any]:
    return {"kind": kind, "subject": subject, "sentence": sentence[:1000], "operator_id": operator_id or None}


def _time_of_fact(state: bytes | None) -> datetime:
    """When the fact that led to an assessment happened; the beginning of time where only others' facts did."""
    return BEGINNING if state is None else datetime.fromisoformat(orjson.loads(state)["time"])


NOTIFICATIONS: Mapping[str, Callable[[Happened], Notification]] = MappingProxyType(
    {
        "PayoutStatusChanged": _payout_notice,
        "ApprovalCounted": _approval_notice,
        "ApprovalLapsed": _lapse_notice,
        "DecisionRefused": _refusal_notice,
        "PeriodClosed": _period_notice,
        "PeriodReopened": _period_notice,
        **dict.fromkeys(_DECIDED, _decided_notice),
        "SessionAssessed": _session_notice,
        "TariffWarned": _tariff_notice,
        "SourceAhead": _source_notice,
        "DaysClosedAhead": _closed_ahead_notice,
        "payouts.reopened": _reopened_notice,
        "FindingOpened": _finding_opened,
        "FindingEnded": _finding_ended,
    }
)
