"""The stored events as the audit reads them: one stream after the other, facts and decisions sorted apart."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson

from ledger.audit.amounts import instant
from ledger.audit.snapshot import Snapshot

Body = dict[str, Any]

# What a stream is about.
SESSION, PAYOUT, SETTLEMENT, INVOICE = "session", "payout", "settlement", "invoice"
RECEIVED_CDR = "received CDR"
INVOICE_ISSUED, CDR_DISPUTE = "invoice issued", "CDR dispute"
BANK_ENTRY, BANK_SAYING = "bank entry", "bank saying"
ADJUSTMENT, WRITE_OFF, HOLD, SAAS_INVOICE = "adjustment", "write_off", "hold", "saas_invoice"
FUNDED, COLLECTED = "balance_funded", "balance_collected"
PERIOD, SWEEP, VAT_RETURN = "period", "sweep", "vat_return"
WALLET = "wallet"
CONVERSION, DEAL = "fx_conversion", "fx_deal"
SUPPLIER_PAYMENT, HUB_INVOICE = "supplier_payment", "hub_invoice"


class FactType(NamedTuple):
    """A type of fact: the field that says when it acts, and what the stream is about in which it shows that first."""

    acts_at: str
    shows: str = ""


# Every type of message that the audit reads in streams, and the items of those that are shared out to sessions.
FACT_TYPES: Mapping[str, FactType] = {
    "charging.session.started": FactType("started_at", SESSION),
    "charging.session.ended": FactType("ended_at", SESSION),
    "charging.session.metered": FactType("read_at"),
    "charging.session.state_changed": FactType("at"),
    "charging.reservation.expired": FactType("expired_at", SESSION),
    "charging.session.meter_corrected": FactType("corrected_at", SESSION),
    "charging.session.reviewed": FactType("at", SESSION),
    "payment.captured": FactType("captured_at", SESSION),
    "payment.captured.elsewhere": FactType("captured_at"),
    "payment.failed": FactType("failed_at", SESSION),
    "payment.refunded": FactType("refunded_at", SESSION),
    "payment.refund_failed": FactType("failed_at", SESSION),
    "payment.disputed": FactType("opened_at", SESSION),
    "payment.dispute_closed": FactType("closed_at", SESSION),
    "payment.settled": FactType("settled_at", SETTLEMENT),
    "payment.settled.item": FactType("settled_at"),
    "payment.settled.standing": FactType("settled_at"),
    "payment.settled.part": FactType("settled_at", SETTLEMENT),
    "wallet.topped_up": FactType("captured_at", WALLET),
    "wallet.charged": FactType("charged_at", WALLET),
    "wallet.charged.standing": FactType("at", SESSION),
    "wallet.refunded": FactType("refunded_at", WALLET),
    "wallet.refunded.standing": FactType("at", SESSION),
    "wallet.closed": FactType("closed_at", WALLET),
    "roaming.cdr_accepted": FactType("at"),
    "roaming.cdr_rejected": FactType("at"),
    "roaming.invoice_paid": FactType("paid_at", INVOICE),
    "roaming.invoice_paid.item": FactType("paid_at"),
    "roaming.invoice_issued": FactType("issued_at", INVOICE_ISSUED),
    "roaming.invoice_issued.item": FactType("issued_at"),
    "roaming.cdr_disputed": FactType("at", CDR_DISPUTE),
    "roaming.cdr_disputed.item": FactType("at"),
    "roaming.dispute_closed": FactType("at", CDR_DISPUTE),
    "roaming.dispute_closed.item": FactType("at"),
    "roaming.cdr_received": FactType("at", RECEIVED_CDR),
    "payout.accepted": FactType("at", PAYOUT),
    "payout.paid": FactType("at", PAYOUT),
    "payout.failed": FactType("at", PAYOUT),
    "payout.returned": FactType("at", PAYOUT),
    "payout.retried": FactType("at", PAYOUT),
    "bank.entry_booked": FactType("booked_at", BANK_ENTRY),
    "bank.receipt_allocated": FactType("at", BANK_ENTRY),
    "bank.statement_told": FactType("told_at", BANK_SAYING),
    "bank.notice_given": FactType("at", BANK_SAYING),
    "payout.approved": FactType("approved_at", PAYOUT),
    "payout.rejected": FactType("rejected_at", PAYOUT),
    "adjustment.proposed": FactType("proposed_at", ADJUSTMENT),
    "adjustment.approved": FactType("at", ADJUSTMENT),
    "adjustment.rejected": FactType("at", ADJUSTMENT),
    "write_off.proposed": FactType("at", WRITE_OFF),
    "write_off.approved": FactType("at", WRITE_OFF),
    "write_off.rejected": FactType("at", WRITE_OFF),
    "reserve.held": FactType("at", HOLD),
    "reserve.released": FactType("at", HOLD),
    "operator.balance_funded": FactType("at", FUNDED),
    "operator.balance_collected": FactType("at", COLLECTED),
    "saas.invoiced": FactType("invoiced_at", SAAS_INVOICE),
    "fx.converted": FactType("at", CONVERSION),
    "fx.converted.by_run": FactType("at", CONVERSION),
    "fx.executed": FactType("executed_at", DEAL),
    "supplier.paid": FactType("paid_at", SUPPLIER_PAYMENT),
    "hub.invoiced": FactType("at", HUB_INVOICE),
    "period.closed": FactType("at", PERIOD),
    "period.reopened": FactType("at", PERIOD),
    "sweep.proposed": FactType("at", SWEEP),
    "sweep.approved": FactType("at", SWEEP),
    "sweep.executed": FactType("at", SWEEP),
    "vat.filed": FactType("filed_at", VAT_RETURN),
    "vat.paid": FactType("paid_at", VAT_RETURN),
}

# These move no money, and nothing that is checked in a stream follows from them; the catalogue is read apart, and so
# is what people decide of runs (`ledger.audit.runs`) and of payouts (`ledger.audit.decisions`).
NOT_READ = (
    "charging.session.intent_declared",
    "charging.charger.status_changed",
    "charging.charger.heartbeat",
    "charging.charger.outage_explained",
    "charging.charger.profile_answered",
    "site.limit_set",
    "site.load_measured",
    "operator.cost_declared",
    "operator.cash_declared",
    "operator.notify_set",
    "fx.rate_published",
    "finding.assigned",
    "payee_checks.opted_out",
    "payee_checks.opted_in",
    "payouts.reopened",
    "payout.instant_requested",
    "operator.payouts_held",
    "operator.payouts_released",
    "payouts.stopped",
    "payouts.resumed",
    "bank_account.proposed",
    "bank_account.confirmed",
    "payee.verified",
)

# States move no money by themselves, unless an orphan's end is estimated by them.
_QUIET = ("charging.session.state_changed",)
_EVENTS = """
SELECT originator_id, originator_version, topic, state
FROM event_store.stored_events
WHERE topic <> ALL (%s::text[])
   OR originator_id IN (SELECT originator_id FROM event_store.stored_events WHERE topic = 'OrphanClosed')
ORDER BY originator_id, originator_version
"""

_EVENTS_OF = """
SELECT originator_id, originator_version, topic, state FROM event_store.stored_events
WHERE originator_id = %s ORDER BY originator_version
"""

# What a stream is about shows in the first of its events that has one of these topics.
_KINDS = {
    "SessionAssessed": SESSION,
    "PayoutCreated": PAYOUT,
    **{topic: row.shows for topic, row in FACT_TYPES.items() if row.shows},
}


@dataclass(frozen=True, slots=True)
class Fact:
    """A message as it was accepted, with the moment at which it acts and its place in its stream."""

    at: datetime
    source: str
    id: str
    data: Body
    version: int = 0

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
    for stream_id, rows in groupby(
        snapshot.rows(_EVENTS, ([*NOT_READ, *_QUIET, "location.published"],)), key=itemgetter(0)
    ):
        yield _read(stream_id, rows)


def read_stream(snapshot: Snapshot, stream_id: UUID) -> Stream:
    """One stream, by its id."""
    return _read(stream_id, snapshot.rows(_EVENTS_OF, (stream_id,)))


def _read(stream_id: UUID, rows: Iterable[tuple[Any, ...]]) -> Stream:
    stream = Stream(stream_id)
    for _, version, topic, state in rows:
        stream.events += 1
        try:
            _take(stream, version, topic, orjson.loads(state))
        except (ValueError, LookupError, TypeError, AttributeError) as fault:
            stream.unreadable.append(f"version {version}, {topic}: {type(fault).__name__}: {fault}")
    return stream


# What the stream of the first part of a settlement is told of another part.
_OTHER_PART = "payment.settled.part"


def _take(stream: Stream, version: int, topic: str, body: Body) -> None:
    if not stream.kind and topic in _KINDS:
        stream.kind = _KINDS[topic]
        stream.name = _NAMES[stream.kind](body.get("data", body) | ({"part": 1} if topic == _OTHER_PART else {}))
    fact_type = FACT_TYPES.get(topic)
    if fact_type is not None:
        data = body["data"]
        stream.facts[topic].append(Fact(instant(data[fact_type.acts_at]), body["source"], body["id"], data, version))
    elif topic[0].isupper():
        stream.decisions.append((version, topic, body))


def _settlement(data: Body) -> str:
    name, part = f"settlement:{data['provider']}:{data['settlement_id']}", data.get("part") or 1
    return name if part == 1 else f"{name}\t{part}"


_NAMES = {
    SESSION: lambda data: f"session:{data['session_id']}",
    PAYOUT: lambda data: f"payout:{data['payout_id']}",
    SETTLEMENT: lambda data: _settlement(data),
    INVOICE: lambda data: f"invoice:{data['partner'].upper()}:{data['invoice_id']}",
    INVOICE_ISSUED: lambda data: f"invoice-issued:{data['partner'].upper()}:{data['invoice_id']}",
    CDR_DISPUTE: lambda data: f"cdr-dispute:{data['partner'].upper()}:{data['dispute_id']}",
    RECEIVED_CDR: lambda data: f"received_cdr:{data['partner'].upper()}:{data['cdr_id']}",
    BANK_ENTRY: lambda data: f"bank-entry:{data['entry_reference'].split('.')[0]}",
    BANK_SAYING: lambda data: (
        f"bank-notice:{data['notice_id']}"
        if "notice_id" in data
        else f"bank-statement:{data['account']}:{data['statement_id']}"
    ),
    WALLET: lambda data: f"wallet:{data['wallet_id']}",
    ADJUSTMENT: lambda data: f"adjustment:{data['adjustment_id']}",
    WRITE_OFF: lambda data: f"write_off:{data['write_off_id']}",
    HOLD: lambda data: f"hold:{data['hold_id']}",
    FUNDED: lambda data: f"balance_funded:{data['operator_id']}:{data['reference']}",
    COLLECTED: lambda data: f"balance_collected:{data['operator_id']}:{data['reference']}",
    PERIOD: lambda data: f"period:{data['period']}",
    SWEEP: lambda data: f"sweep:{data['sweep_id']}",
    VAT_RETURN: lambda data: f"vat_return:{data['return_id']}",
    SAAS_INVOICE: lambda data: f"saas_invoice:{data['operator_id']}:{data['invoice_id']}",
    CONVERSION: lambda data: f"fx_conversion:{data['conversion_id']}",
    DEAL: lambda data: f"fx_deal:{data['deal_id']}",
    SUPPLIER_PAYMENT: lambda data: f"supplier_payment:{data['account']}:{data['invoice_id']}",
    HUB_INVOICE: lambda data: f"hub_invoice:{data['hub_id']}:{data['invoice_id']}",
}


def in_order(facts: Iterable[Fact]) -> list[Fact]:
    """Facts in the order of their own times."""
    return sorted(facts, key=lambda fact: fact.sort_key)


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
