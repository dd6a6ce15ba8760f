"""Sorts events into what is known: each once, refused ones apart, by session, operator and tariff."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.oracle.business_days import parse_time
from tests.oracle.exact import decimals, minor

Event = Mapping[str, Any]
BEGINNING = datetime.min.replace(tzinfo=UTC)

SESSION_FACTS = (
    "charging.session.started",
    "charging.session.metered",
    "charging.session.state_changed",
    "charging.session.ended",
    "charging.session.meter_corrected",
)
TIME_FIELDS = {
    "charging.session.started": "started_at",
    "charging.session.metered": "read_at",
    "charging.session.state_changed": "at",
    "charging.session.ended": "ended_at",
    "charging.session.meter_corrected": "corrected_at",
    "payment.captured": "captured_at",
    "payment.failed": "failed_at",
    "payment.refunded": "refunded_at",
    "payment.disputed": "opened_at",
    "payment.dispute_closed": "closed_at",
    "payment.settled": "settled_at",
    "roaming.cdr_accepted": "at",
    "roaming.cdr_rejected": "at",
    "roaming.invoice_paid": "paid_at",
    "payout.accepted": "at",
    "payout.paid": "at",
    "payout.failed": "at",
    "payout.returned": "at",
    "charging.charger.status_changed": "at",
}
CATALOGUE = (
    "operator.registered",
    "operator.changed",
    "location.published",
    "tariff.published",
    "partner.registered",
)
REQUIRED = {
    "payment.captured": ("payment_id", "session_id", "amount", "fee", "captured_at", "provider"),
    "charging.session.ended": ("session_id", "ended_at", "meter_stop_wh", "reason"),
}


def key_of(event: Event) -> tuple[str, str]:
    return event["source"], event["id"]


def acts_at(event: Event) -> tuple[datetime, str, str]:
    """When a fact acts, and where it stands among facts at the same time."""
    return parse_time(event["data"][TIME_FIELDS[event["type"]]]), *key_of(event)


@dataclass(frozen=True, slots=True)
class Version:
    """What holds from a moment on, until another version does."""

    begins: datetime
    data: Mapping[str, Any]


@dataclass(slots=True)
class Counts:
    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    dead_lettered: int = 0


@dataclass(slots=True)
class Facts:
    """Everything that is known, indexed by what it is about."""

    counts: Counts = field(default_factory=Counts)
    sessions: dict[str, dict[str, list[Event]]] = field(default_factory=dict)
    operators: dict[str, list[Version]] = field(default_factory=dict)
    tariffs: dict[tuple[str, str], list[Version]] = field(default_factory=dict)
    partners: dict[str, Version] = field(default_factory=dict)
    others: list[Event] = field(default_factory=list)
    last_time: datetime = BEGINNING

    def operator(self, operator_id: str, moment: datetime) -> Mapping[str, Any] | None:
        return in_effect(self.operators.get(operator_id, []), moment)

    def tariff(self, operator_id: str, tariff_id: str, moment: datetime) -> Mapping[str, Any] | None:
        found = in_effect(self.tariffs.get((operator_id, tariff_id), []), moment)
        return None if found is None else found["tariff"]

    def session_currency(self, session_id: str) -> str | None:
        """The currency of a session whose one operator is known."""
        starts = self.sessions.get(session_id, {}).get("charging.session.started", [])
        operators = {start["data"]["operator_id"] for start in starts}
        versions = self.operators.get(operators.pop(), []) if len(operators) == 1 else []
        return versions[0].data["currency"] if versions else None


def in_effect(versions: list[Version], moment: datetime) -> Mapping[str, Any] | None:
    begun = [(version.begins, index) for index, version in enumerate(versions) if version.begins <= moment]
    return versions[max(begun)[1]].data if begun else None


def gather(events: Iterable[Event]) -> Facts:
    """Take each event once, refuse what is malformed, and index the rest."""
    facts, stored = Facts(), dict[tuple[str, str], Event]()
    for event in events:
        if not _well_formed(event):
            facts.counts.dead_lettered += 1
        elif key_of(event) not in stored:
            stored[key_of(event)] = event
        elif stored[key_of(event)] == event:
            facts.counts.duplicates += 1
        else:
            facts.counts.conflicts += 1
    _index_catalogue(facts, [event for event in stored.values() if event["type"] in CATALOGUE])
    others = sorted((event for event in stored.values() if event["type"] in TIME_FIELDS), key=acts_at)
    for event in others:
        if event["type"] in SESSION_FACTS:
            by_type = facts.sessions.setdefault(event["data"]["session_id"], defaultdict(list))
            by_type[event["type"]].append(event)
    for event in others:
        if _in_a_wrong_currency(facts, event):
            facts.counts.dead_lettered += 1
            del stored[key_of(event)]
        elif event["type"] not in SESSION_FACTS:
            facts.others.append(event)
    facts.counts.accepted = len(stored)
    facts.last_time = max((parse_time(event["time"]) for event in stored.values()), default=BEGINNING)
    return facts


def _well_formed(event: Event) -> bool:
    """False for the few kinds of malformed events that are generated."""
    if event["type"] not in TIME_FIELDS and event["type"] not in CATALOGUE:
        return False
    if any(name not in event["data"] for name in REQUIRED.get(event["type"], ())):
        return False
    money = [value for value in event["data"].values() if isinstance(value, dict) and "amount" in value]
    texts = [value["amount"].partition(".")[2] for value in money]
    return all(len(text) <= decimals(value["currency"]) for text, value in zip(texts, money, strict=True))


def _in_a_wrong_currency(facts: Facts, event: Event) -> bool:
    if event["type"] not in ("payment.captured", "payment.refunded", "payment.disputed"):
        return False
    currency = facts.session_currency(event["data"]["session_id"])
    minor(event["data"]["amount"])
    return currency is not None and event["data"]["amount"]["currency"] != currency


def _index_catalogue(facts: Facts, events: list[Event]) -> None:
    """Versions by their events' times: the first from its `effective_from`, later ones not before their own time."""
    published: dict[tuple[str, ...], list[Event]] = defaultdict(list)
    for event in sorted(events, key=lambda event: (parse_time(event["time"]), *key_of(event))):
        data = event["data"]
        if event["type"].startswith("operator."):
            published["operator", data["operator_id"]].append(event)
        elif event["type"] == "tariff.published":
            published["tariff", data["operator_id"], data["tariff"]["id"]].append(event)
        elif event["type"] == "partner.registered":
            name = f"{data['country_code']}-{data['party_id']}"
            facts.partners.setdefault(name, Version(parse_time(event["time"]), data))
    for (kind, *names), versions in published.items():
        listed = [_version(index, event) for index, event in enumerate(versions)]
        if kind == "operator":
            facts.operators[names[0]] = listed
        else:
            facts.tariffs[names[0], names[1]] = listed


def _version(index: int, event: Event) -> Version:
    begins, published = parse_time(event["data"]["effective_from"]), parse_time(event["time"])
    return Version(begins if index == 0 else max(begins, published), event["data"])
