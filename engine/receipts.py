"""Receipts at the bank: a provider's settlement (J09) or a partner's paid invoice (J17), one booking each.

Told twice under two message ids, the one with the earliest (time, source, id) is booked, in whatever order they come.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.bookings import Booking, InvoicePaid, SettlementReceived
from domain.book.standing import Booked, Retracted
from domain.calendar import instant
from domain.fact import RecordedFact
from domain.money import parse_minor
from engine.work import Work
from ledger.events.codec import decode
from ledger.events.heads import lock_streams
from ledger.events.store import read_streams

SETTLEMENT, INVOICE = "payment.settled", "roaming.invoice_paid"
_Order: TypeAlias = tuple[datetime, str, str]


@dataclass(slots=True)
class _Receipt:
    """The stream of one settlement or invoice: what was told of it, and what stands on the book."""

    version: int = 0
    told: dict[_Order, Booking] = field(default_factory=dict)
    standing: Booking | None = None
    revision: int = 0


def take_receipts(cursor: Cursor[TupleRow], work: Work, facts: Mapping[UUID, Sequence[RecordedFact]]) -> None:
    """Store facts in the streams of their receipts and book the first of each."""
    versions = lock_streams(cursor, facts)
    known = read_streams(cursor, [stream_id for stream_id, version in versions.items() if version])
    for stream_id, new_facts in facts.items():
        receipt = _fold([decode(event.topic, event.state) for event in known.get(stream_id, ())])
        for fact in new_facts:
            receipt.version += 1
            work.store(stream_id, receipt.version, fact)
            _learn(receipt, fact)
        _book(work, stream_id, receipt)
        work.versions[stream_id] = receipt.version


def _fold(events: Sequence[object]) -> _Receipt:
    receipt = _Receipt()
    for event in events:
        receipt.version += 1
        if isinstance(event, RecordedFact):
            _learn(receipt, event)
        elif isinstance(event, Booked):
            receipt.standing, receipt.revision = event.booking, event.revision
        elif isinstance(event, Retracted):
            receipt.standing = None
    return receipt


def _learn(receipt: _Receipt, fact: RecordedFact) -> None:
    booking = _BOOKING_OF[fact.type](fact)
    receipt.told[booking.effective_at, fact.source, fact.id] = booking


def _book(work: Work, stream_id: UUID, receipt: _Receipt) -> None:
    wanted = receipt.told[min(receipt.told)]
    if wanted == receipt.standing:
        return
    decisions: list[Booked | Retracted] = []
    if receipt.standing is not None:
        decisions.append(Retracted(receipt.standing, receipt.revision))
    decisions.append(Booked(wanted, receipt.revision + 1))
    for decision in decisions:
        receipt.version += 1
        work.store(stream_id, receipt.version, decision)
        work.book(stream_id, receipt.version, decision, None)


def _settlement(fact: RecordedFact) -> Booking:
    data = fact.data
    net = data["net"]
    return SettlementReceived(
        key="received",
        effective_at=instant(data["settled_at"]),
        currency=net["currency"],
        settlement_id=data["settlement_id"],
        provider=data["provider"],
        amount=parse_minor(net["amount"], net["currency"]),
    )


def _invoice(fact: RecordedFact) -> Booking:
    data = fact.data
    amount = data["amount"]
    return InvoicePaid(
        key="paid",
        effective_at=instant(data["paid_at"]),
        currency=amount["currency"],
        invoice_id=data["invoice_id"],
        partner=data["partner"].upper(),
        amount=parse_minor(amount["amount"], amount["currency"]),
    )


_BOOKING_OF = {SETTLEMENT: _settlement, INVOICE: _invoice}
