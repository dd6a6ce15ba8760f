"""What stored events say that somebody may want to be told, for operators that have subscriptions."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.findings import FindingEnded, FindingOpened
from domain.calendar import utc_text
from domain.money import format_minor
from domain.network.moments import moment_of
from domain.network.states import STATE_OF, State
from domain.notice.kinds import NoticeType, type_of_kind
from domain.payout.events import PayoutCreated, PayoutStatus, PayoutStatusChanged
from domain.session.decisions import SessionAssessed
from domain.session.orphans import ESTIMATED
from ledger.arrays import columns
from ledger.events.codec import decode, read_body
from ledger.events.store import event_id
from projections.feed import Piece, Place
from projections.notices.seen import Key, Seen
from projections.notifications import BEGINNING, NOTIFICATIONS, Happened, Notification
from projections.payout_list import ShownPayout, shown_payouts

_log = logging.getLogger(__name__)

SUBSCRIPTION = "operator.notify_set"
_STATUS = "charging.charger.status_changed"
_CREATED, _CHANGED, _ASSESSED = PayoutCreated.__name__, PayoutStatusChanged.__name__, SessionAssessed.__name__
_OPENED, _ENDED = FindingOpened.__name__, FindingEnded.__name__
_OPERATORS = ("operator.registered", "operator.changed")
_NOT_TOLD = frozenset({SUBSCRIPTION, _STATUS, *_OPERATORS})
TOPICS = frozenset({*_NOT_TOLD, _CREATED, *NOTIFICATIONS})

# What concerns everybody, where it names nobody.
_FOR_ALL = frozenset({NoticeType.PAYOUTS_STOPPED, NoticeType.PAYOUTS_RESUMED, NoticeType.PAYOUTS_DAYS_REOPENED})
_OF_STATUS = {
    PayoutStatus.PAID: NoticeType.PAYOUT_PAID,
    PayoutStatus.FAILED: NoticeType.PAYOUT_FAILED,
    PayoutStatus.RETURNED: NoticeType.PAYOUT_RETURNED,
    PayoutStatus.REJECTED: NoticeType.PAYOUT_REJECTED,
    PayoutStatus.IN_TRANSIT: NoticeType.PAYOUT_IN_TRANSIT,
}
_OF_SESSION: Mapping[NoticeType, Callable[[str, str], bool]] = {
    NoticeType.SESSION_SUSPENSE: lambda state, reason: state == "SUSPENSE",
    NoticeType.SESSION_INVALID: lambda state, reason: state == "INVALID",
    NoticeType.SESSION_ESTIMATED: lambda state, reason: state == "RATED" and reason == ESTIMATED,
}
# Findings whose text names what operators are not shown (`masked.findings`).
_UNSAID = frozenset(
    {
        "BAD_ACCOUNT",
        "PAYOUT_REASON_UNKNOWN",
        "PAYOUT_WAITS_FOR_PERSON",
        "RUNS_FAILED",
        "SHARED_ACCOUNT",
        "UNREAD_BATCH",
    }
)

# The fact stored before what has no time of its own.
_FACTS = """
SELECT named.number, fact.state
FROM unnest(%s::uuid[], %s::bigint[]) WITH ORDINALITY AS named (stream_id, version, number)
CROSS JOIN LATERAL (
    SELECT state FROM event_store.stored_events
    WHERE originator_id = named.stream_id AND originator_version < named.version AND topic ~ '^[a-z]'
    ORDER BY originator_version DESC LIMIT 1
) AS fact
"""
# How EVSEs stand by the newest that is known of each, and the error that came with it.
_EVSES = """
SELECT evse.operator_id, evse.evse_key, evse.evse_uid, evse.location_id, evse.status, evse.status_us, told.error_code
FROM unnest(%s::text[], %s::text[]) AS named (operator_id, evse_key)
JOIN projection.evses AS evse USING (operator_id, evse_key)
LEFT JOIN LATERAL (
    SELECT error_code FROM projection.evse_statuses AS status
    WHERE (status.operator_id, status.evse_key, status.at_us) = (evse.operator_id, evse.evse_key, evse.status_us)
    ORDER BY source DESC, id DESC LIMIT 1
) AS told ON true
WHERE evse.status IS NOT NULL
"""


class _Stored(NamedTuple):
    """A stored event that is about an operator with subscriptions, and the fact before it where that is needed."""

    topic: str
    state: bytes
    place: Place
    fact_state: bytes | None = None

    @property
    def id(self) -> UUID:
        return event_id(self.place.stream_id, self.place.version)


def seen_in(cursor: Cursor[TupleRow], piece: Piece, operators: Collection[str], now: datetime) -> list[Seen]:
    """What the events of a piece say of these operators, in their order. The cursor may read everything.

    What no event gives a time, since others' facts led to it, is of now.
    An event that nothing can be made of is logged, and holds up no other.
    """
    stored = [
        _Stored(topic, state, place)
        for (topic, state), place in zip(piece.events, piece.places, strict=True)
        if topic not in _NOT_TOLD
    ]
    found: list[Seen] = []
    payouts = shown_payouts(cursor, sorted({*_payout_ids(stored)}))
    for each in _with_facts(cursor, stored):
        try:
            of_event = _READERS.get(each.topic, _notified)(each, payouts, operators)
            found += [replace(seen, at=now) if seen.at == BEGINNING else seen for seen in of_event]
        except Exception as error:
            _log.error("no notice can be made of an event", exc_info=error, extra={"event": each.id})
    return [*found, *_chargers(cursor, piece, operators)]


def _payout_ids(stored: Iterable[_Stored]) -> Iterator[str]:
    for each in stored:
        if each.topic in (_CREATED, _CHANGED):
            yield read_body(each.topic, each.state)["payout_id"]


def _with_facts(cursor: Cursor[TupleRow], stored: list[_Stored]) -> list[_Stored]:
    without = [place for place, each in enumerate(stored) if each.topic in (_ASSESSED, _ENDED)]
    if not without:
        return stored
    asked = [(str(stored[place].place.stream_id), stored[place].place.version) for place in without]
    for number, state in cursor.execute(_FACTS, columns(asked), binary=True):
        place = without[number - 1]
        stored[place] = stored[place]._replace(fact_state=state)
    return stored


Payouts = Mapping[str, ShownPayout]


def _payout(stored: _Stored, payouts: Payouts, operators: Collection[str]) -> Iterator[Seen]:
    """What became of a payout: that it waits for approval goes on until it is let go or rejected."""
    event: PayoutCreated | PayoutStatusChanged = decode(stored.topic, stored.state)
    if event.operator_id not in operators:
        return
    made = isinstance(event, PayoutCreated)
    at = event.fired_at if isinstance(event, PayoutCreated) else event.at
    reason = None if isinstance(event, PayoutCreated) else event.reason
    data = _payout_data(payouts[event.payout_id], event.status, reason)
    position = stored.place.position
    if made:
        key = Key(event.operator_id, NoticeType.PAYOUT_CREATED, event.payout_id)
        yield Seen(key, at, _said(data, "is made"), position)
    waits = event.status == PayoutStatus.AWAITING_APPROVAL
    if waits or not made:
        key = Key(event.operator_id, NoticeType.PAYOUT_AWAITING_APPROVAL, event.payout_id)
        told = _said(data, "waits for approval") if waits else {"status": event.status.value}
        yield Seen(key, at, told, position, is_open=waits)
    if not waits and not made:
        key = Key(event.operator_id, _OF_STATUS[event.status], event.payout_id)
        yield Seen(key, at, _said(data, f"is {event.status}{f' ({reason})' if reason else ''}"), position)


def _said(data: Mapping[str, Any], what: str) -> dict[str, Any]:
    amount = data["amount"]
    sentence = f"payout {data['payout_id']} of {amount['amount']} {amount['currency']} {what}"
    return {"subject": data["payout_id"], "sentence": sentence, **data}


def _payout_data(payout: ShownPayout, status: PayoutStatus, reason: str | None) -> dict[str, Any]:
    data = {
        "payout_id": payout.payout_id,
        "business_date": payout.business_date.isoformat(),
        "amount": {"amount": format_minor(payout.amount, payout.currency), "currency": payout.currency},
        "status": status.value,
        "reason": reason,
        "attempt": payout.attempt,
        "execution_date": payout.execution_date.isoformat() if payout.execution_date else None,
        "reissue_of": payout.reissue_of,
        "doubts": payout.doubts[:10] or None,
    }
    return {name: value for name, value in data.items() if value is not None}


def _session(stored: _Stored, payouts: Payouts, operators: Collection[str]) -> Iterator[Seen]:
    """How a session stands: what is wrong with it goes on until it is assessed otherwise."""
    event: SessionAssessed = decode(stored.topic, stored.state)
    if event.operator_id not in operators:
        return
    told = NOTIFICATIONS[stored.topic](Happened(stored.topic, stored.state, stored.fact_state))
    data = {**_data(told), "session_id": event.session_id, "state": event.state, "reason": event.reason}
    if event.evse_uid:
        data["evse_uid"] = event.evse_uid
    for type_, holds in _OF_SESSION.items():
        is_open = holds(event.state, event.reason)
        said = data if is_open else {"state": event.state}
        key = Key(event.operator_id, type_, event.session_id)
        yield Seen(key, told.time, said, stored.place.position, is_open=is_open)


def _finding(stored: _Stored, payouts: Payouts, operators: Collection[str]) -> Iterator[Seen]:
    """What is found goes on until it is over."""
    event: FindingOpened | FindingEnded = decode(stored.topic, stored.state)
    finding = event.finding
    if finding.operator_id not in operators:
        return
    told = NOTIFICATIONS[stored.topic](Happened(stored.topic, stored.state, stored.fact_state))
    is_open = isinstance(event, FindingOpened)
    data = {**_data(told), "kind": finding.kind} if is_open else {}
    if is_open and finding.kind in _UNSAID:
        data["sentence"] = f"{finding.kind.replace('_', ' ').casefold()}: {finding.subject}"
    cause = f"{finding.subject}:{stored.place.stream_id}"
    key = Key(finding.operator_id, type_of_kind(finding.kind), cause)
    yield Seen(key, told.time, data, stored.place.position, is_open=is_open)


def _notified(stored: _Stored, payouts: Payouts, operators: Collection[str]) -> Iterator[Seen]:
    """What else is told on `settlement.notifications`, each once."""
    told = NOTIFICATIONS[stored.topic](Happened(stored.topic, stored.state))
    type_ = type_of_kind(told.data["kind"])
    operator_id = told.data["operator_id"]
    if operator_id:
        concerned = [operator_id] if operator_id in operators else []
    elif type_ in _FOR_ALL:
        concerned = sorted(operators)
    else:
        # A decision that counts for nothing names the operator, or nobody that subscribes.
        concerned = [told.subject] if told.subject in operators else []
    for each in concerned:
        key = Key(each, type_, f"{told.subject}:{stored.id}")
        yield Seen(key, told.time, _data(told), stored.place.position)


def _data(told: Notification) -> dict[str, Any]:
    kept = {name: told.data[name] for name in ("sentence", "cure") if told.data.get(name)}
    return {"subject": told.subject, **kept}


_READERS: Mapping[str, Callable[[_Stored, Payouts, Collection[str]], Iterator[Seen]]] = {
    _CREATED: _payout,
    _CHANGED: _payout,
    _ASSESSED: _session,
    _OPENED: _finding,
    _ENDED: _finding,
}


def _chargers(cursor: Cursor[TupleRow], piece: Piece, operators: Collection[str]) -> Iterator[Seen]:
    """How EVSEs stand of which a status was told: down since the newest status says so, whatever came late."""
    touched: dict[tuple[str, str], int] = {}
    for (topic, state), place in zip(piece.events, piece.places, strict=True):
        if topic == _STATUS:
            data = read_body(topic, state)["data"]
            if data["operator_id"] in operators:
                touched[data["operator_id"], data["evse_uid"].casefold()] = place.position
    if not touched:
        return
    for operator_id, evse_key, uid, location_id, status, at_us, error_code in cursor.execute(
        _EVSES, columns(sorted(touched))
    ):
        is_down = STATE_OF[status] is State.DOWN
        at = moment_of(at_us)
        data = {"evse_uid": uid, "location_id": location_id, "status": status}
        if is_down:
            told = f" ({error_code})" if error_code else ""
            sentence = f"EVSE {uid} at {location_id} is down since {utc_text(at)}: {status}{told}"
            data |= {"subject": uid, "sentence": sentence, "since": utc_text(at)}
            data |= {"error_code": error_code} if error_code else {}
        key = Key(operator_id, NoticeType.CHARGER_DOWN, evse_key)
        yield Seen(key, at, data, touched[operator_id, evse_key], is_open=is_down)


def operators_in(piece: Piece) -> set[str]:
    """Operators of whom the events of a piece publish something."""
    return {read_body(topic, state)["data"]["operator_id"] for topic, state in piece.events if topic in _OPERATORS}


def version_at(body: Mapping[str, Any]) -> datetime:
    """From when on a version of a subscription counts: when it was told."""
    return datetime.fromisoformat(body["time"].upper())
