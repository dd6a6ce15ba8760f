"""What waits to be sent: each message is of a stored event that says so, to its topic, under its key, and once."""

from typing import Any

from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot

# Each row with the event or the dead letter that it is made of, and how many rows there are of that.
_ROWS = """
SELECT waiting.topic, waiting.record_key, stream_id, version, waiting.deadletter_id,
       letter.deadletter_id IS NOT NULL, event.topic,
       convert_from(event.state, 'UTF8')::jsonb - 'entry_ids' - 'own_entries',
       count(*) OVER (PARTITION BY waiting.topic, stream_id, version, waiting.deadletter_id)
FROM intake.outbox AS waiting
LEFT JOIN event_store.stored_events AS event ON originator_id = stream_id AND originator_version = version
LEFT JOIN intake.deadletter AS letter ON letter.deadletter_id = waiting.deadletter_id
ORDER BY outbox_id
"""
_BATCHES, _CDRS, _NOTICES = "settlement.batches", "settlement.cdrs", "settlement.notifications"
_LETTERS = "settlement.deadletter"
# The events of which people are told, beside findings.
_TOLD = frozenset(
    (
        "ApprovalCounted",
        "ApprovalLapsed",
        "DaysClosedAhead",
        "DecisionRefused",
        "PayoutStatusChanged",
        "PeriodClosed",
        "PeriodReopened",
        "SessionAssessed",
        "SourceAhead",
        "TariffWarned",
        "bank_account.confirmed",
        "bank_account.proposed",
        "operator.payouts_held",
        "operator.payouts_released",
        "payouts.reopened",
        "payouts.resumed",
        "payouts.stopped",
    )
)
_UNDER_OPERATORS = frozenset(("ApprovalCounted", "ApprovalLapsed", "DaysClosedAhead", "PayoutStatusChanged"))


def check_outbox(snapshot: Snapshot, tally: Tally) -> None:
    """Nothing leaves that no event stands behind: no batch of a payout that waits, nothing under another's key."""
    for topic, key, stream_id, version, letter_id, has_letter, event, body, times in snapshot.rows(_ROWS):
        tally.examined += 1
        where = f"message to {topic} of " + (
            f"dead letter {letter_id}" if letter_id else f"version {version} of stream {stream_id}"
        )
        if topic == _LETTERS or letter_id is not None:
            if not has_letter or topic != _LETTERS:
                tally.note(where, "a dead letter", key, f"{where}: there is none such")
        elif event is None:
            tally.note(where, "a stored event", "none", f"{where}: there is no such event")
        elif not _may_leave(topic, event, body):
            tally.note(where, "an event that is sent there", event, f"{where}: {event} is not sent there")
        elif (wanted := _key_of(topic, event, body)) not in (None, key):
            tally.note(where, wanted, key, f"{where} goes under the key {key!r}, and is of {wanted!r}")
        if times > 1:
            tally.note(where, 1, times, f"{where} is to be sent {times} times")


def _may_leave(topic: str, event: str, body: dict[str, Any]) -> bool:
    """Whether an event is sent to a topic."""
    if topic == _BATCHES:
        return event == "PayoutHandedOff" or (event == "PayoutCreated" and body["status"] != "AWAITING_APPROVAL")
    if topic == _CDRS:
        return event in ("CdrIssued", "CdrCredited")
    if topic == _NOTICES and event in ("FindingOpened", "FindingEnded"):
        return bool(body["first"])
    return topic == _NOTICES and event in _TOLD


def _key_of(topic: str, event: str, body: dict[str, Any]) -> str | None:
    """Under which key an event is sent; None where the audit cannot tell."""
    if topic in (_BATCHES, _CDRS):
        return str(body["operator_id"])
    if event in ("FindingOpened", "FindingEnded"):
        return str(body["finding"]["operator_id"] or body["finding"]["subject"])
    if event in _UNDER_OPERATORS:
        return str(body["operator_id"])
    if event in ("PeriodClosed", "PeriodReopened"):
        return str(body["period"])
    if event == "TariffWarned":
        return str(body["tariff_id"])
    if event == "SessionAssessed":
        return str(body["operator_id"] or body["session_id"])
    if event[0].islower():
        return str(body["data"].get("operator_id") or "payouts")
    return None
