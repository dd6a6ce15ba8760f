"""The stored events as the audit reads them: one stream after the other, facts and decisions sorted apart."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson

from ledger.audit.amounts import instant
from ledger.audit.snapshot import Snapshot

Body = dict[str, Any]

# Readings, states and statuses move no money by themselves, unless an orphan's end is estimated by them; they are the
# larger part of the store.
_EVENTS = """
SELECT originator_id, originator_version, topic, state
FROM event_store.stored_events
WHERE topic <> ALL ('{charging.session.metered,charging.session.state_changed,
                      charging.charger.status_changed,location.published}'::text[])
   OR originator_id IN (SELECT originator_id FROM event_store.stored_events WHERE topic = 'OrphanClosed')
ORDER BY originator_id, originator_version
"""

# When each kind of fact acts, by the field that says so.
_TIME_FIELDS = {
    "charging.session.started": "started_at",
    "charging.session.ended": "ended_at",
    "charging.session.metered": "read_at",
    "charging.session.state_changed": "at",
    "charging.reservation.expired": "expired_at",
    "charging.session.meter_corrected": "corrected_at",
    "payment.captured": "captured_at",
    "payment.failed": "failed_at",
    "payment.refunded": "refunded_at",
    "payment.disputed": "opened_at",
    "payment.dispute_closed": "closed_at",
    "payment.settled": "settled_at",
    "payment.settled.item": "settled_at",
    "roaming.cdr_accepted": "at",
    "roaming.cdr_rejected": "at",
    "roaming.invoice_paid": "paid_at",
    "roaming.invoice_paid.item": "paid_at",
    "payout.accepted": "at",
    "payout.paid": "at",
    "payout.failed": "at",
    "payout.returned": "at",
}

# What a stream is about shows in the first of its events that has one of these topics.
SESSION, PAYOUT, SETTLEMENT, INVOICE = "session", "payout", "settlement", "invoice"
_KINDS = {
    "SessionAssessed": SESSION,
    "charging.session.started": SESSION,
    "charging.session.ended": SESSION,
    "charging.session.meter_corrected": SESSION,
    "charging.reservation.expired": SESSION,
    "payment.captured": SESSION,
    "payment.failed": SESSION,
    "payment.refunded": SESSION,
    "payment.disputed": SESSION,
    "payment.dispute_closed": SESSION,
    "PayoutCreated": PAYOUT,
    "payout.accepted": PAYOUT,
    "payout.paid": PAYOUT,
    "payout.failed": PAYOUT,
    "payout.returned": PAYOUT,
    "payment.settled": SETTLEMENT,
    "roaming.invoice_paid": INVOICE,
}


@dataclass(frozen=True, slots=True)
class Fact:
    """A message as it was accepted, with the moment at which it acts."""

    at: datetime
    source: str
    id: str
    data: Body

    @property
    def sort_key(self) -> tuple[datetime, str, str]:
        """Facts at the same time are taken by (source, id)."""
        return (self.at, self.source, self.id)


@dataclass(slots=True)
class Stream:
    """A stream's facts by type and its decisions in their order, with what could not be read."""

    stream_id: UUID
    kind: str = ""
    name: str = ""
    facts: dict[str, list[Fact]] = field(default_factory=lambda: defaultdict(list))
    decisions: list[tuple[int, str, Body]] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    events: int = 0
    standing: dict[str, tuple[str, Body]] = field(default_factory=dict)
    sums: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))

    def decided(self, topic: str) -> list[Body]:
        """The decisions of a type."""
        return [body for _, found, body in self.decisions if found == topic]

    def bookings(self, *types: str) -> list[Body]:
        """The standing bookings of some types."""
        return [booking for kind, booking in self.standing.values() if kind in types]

    def sum(self, kind: str, account: str) -> int:
        """What the stream's entries of a kind add up to on an account, or on all accounts of a code."""
        if "/" in account or (kind, account) in self.sums:
            return self.sums.get((kind, account), 0)
        return sum(amount for (of, to), amount in self.sums.items() if of == kind and to.startswith(f"{account}/"))


def read_streams(snapshot: Snapshot) -> Iterator[Stream]:
    """Every stream that can have moved money, one at a time."""
    for stream_id, rows in groupby(snapshot.rows(_EVENTS), key=itemgetter(0)):
        stream = Stream(stream_id)
        for _, version, topic, state in rows:
            stream.events += 1
            try:
                _take(stream, version, topic, orjson.loads(state))
            except (ValueError, LookupError, TypeError, AttributeError) as fault:
                stream.unreadable.append(f"version {version}, {topic}: {type(fault).__name__}: {fault}")
        yield stream


def _take(stream: Stream, version: int, topic: str, body: Body) -> None:
    if not stream.kind and topic in _KINDS:
        stream.kind = _KINDS[topic]
        stream.name = _NAMES[stream.kind](body.get("data", body))
    time_field = _TIME_FIELDS.get(topic)
    if time_field is not None:
        data = body["data"]
        stream.facts[topic].append(Fact(instant(data[time_field]), body["source"], body["id"], data))
    elif topic[0].isupper():
        stream.decisions.append((version, topic, body))


_NAMES = {
    SESSION: lambda data: f"session:{data['session_id']}",
    PAYOUT: lambda data: f"payout:{data['payout_id']}",
    SETTLEMENT: lambda data: f"settlement:{data['provider']}:{data['settlement_id']}",
    INVOICE: lambda data: f"invoice:{data['partner'].upper()}:{data['invoice_id']}",
}


def first_of_each(facts: Iterable[Fact], *names: str) -> list[Fact]:
    """Facts in their order, of those that agree in some fields only the first."""
    found: dict[tuple[Any, ...], Fact] = {}
    for fact in sorted(facts, key=lambda fact: fact.sort_key):
        found.setdefault(tuple(fact.data[name] for name in names), fact)
    return list(found.values())


def stream_id_of(name: str) -> UUID:
    """The id that the stream of a name has."""
    return uuid5(NAMESPACE_URL, f"wattledger:stream:{name}")


def event_id(stream_id: UUID, version: int) -> UUID:
    """The id by which entries name a stored event as their cause."""
    return uuid5(stream_id, f"event:{version}")
