"""The engine's decisions without a database: messages in, the journal out, in the order in which it is written."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from contracts.decode import Message, decode_event
from domain.book.bookings import Booking, InvoicePaid, ReserveReleased, SettlementReceived
from domain.book.journal import Entry
from domain.book.posting import entries_of, mirrors_of, payable_effects
from domain.book.standing import Booked, Retracted
from domain.calendar import instant
from domain.catalogue.catalogue import CATALOGUE_TYPES, Catalogue
from domain.fact import Fact
from domain.money import parse_minor
from domain.payout.payout import Payout, parse_answer, payout_stream, take_answers
from domain.payout.run import Line, OperatorDesk, fire_runs, release_day
from domain.session.decisions import CdrIssued
from domain.session.facts import INVOICE_ITEM, SETTLED_ITEM, parse_fact
from domain.session.judging import decide
from domain.session.session import Session, session_stream


@dataclass(slots=True)
class DryRun:
    """Everything told so far, what it came to, and the entries in the order in which they were made."""

    catalogue: Catalogue = field(default_factory=Catalogue)
    sessions: dict[str, Session] = field(default_factory=dict)
    payouts: dict[str, Payout] = field(default_factory=dict)
    journal: list[Entry] = field(default_factory=list)
    _session_of: dict[str, str] = field(default_factory=dict)
    _parked: dict[str, list[Fact]] = field(default_factory=lambda: defaultdict(list))
    _lines: list[tuple[UUID, Booking, Entry, int]] = field(default_factory=list)
    _paid: set[UUID] = field(default_factory=set)
    _closed: dict[str, date] = field(default_factory=dict)

    def tell(self, event: Mapping[str, Any]) -> None:
        """Take a CloudEvent in and let every session decide."""
        self.learn(event)
        self._judge(None)

    def learn(self, event: Mapping[str, Any]) -> None:
        """Take a CloudEvent in; one that the contract refuses fails the test."""
        message = decode_event(dict(event))
        assert isinstance(message, Message), f"{event['type']} is refused: {message}"
        data = message.data
        if message.type in CATALOGUE_TYPES:
            self.catalogue.publish(message.type, message.source, message.id, message.time, data)
        elif message.type == "payment.settled":
            self._take_settlement(message, data)
        elif message.type == "roaming.invoice_paid":
            self._take_invoice(message, data)
        elif message.type.startswith("payout."):
            payout = self._payout(data["payout_id"])
            payout.learn(parse_answer(message.type, data, message.source, message.id))
            self._note(payout_stream(payout.payout_id), take_answers(payout))
        elif message.type == "charging.charger.status_changed":
            return
        elif "cdr_id" in data:
            self._park(data["cdr_id"], parse_fact(message.type, data, message.source, message.id))
        else:
            if message.type == "payment.captured":
                self._session_of[data["payment_id"]] = data["session_id"]
            fact = parse_fact(message.type, data, message.source, message.id)
            self._session(data["session_id"]).learn(fact)

    def until(self, moment: datetime) -> None:
        """Do what the clock drives: CDRs, maturing, reserves and runs."""
        while self._judge(moment):
            pass
        for operator_id, versions in sorted(self.catalogue.operators.items()):
            mine = [p for p in self.payouts.values() if p.created and p.created.operator_id == operator_id]
            desk = OperatorDesk(
                operator_id,
                self._closed.get(operator_id),
                self._payable(operator_id),
                held=[payout for payout in mine if payout.holds_reserve],
                failed=[payout for payout in mine if payout.failed],
            )
            runs = fire_runs(desk, versions, moment, self._payout)
            for payout, decisions in runs.decisions:
                self.payouts[payout.payout_id] = payout
                self._note(payout_stream(payout.payout_id), decisions)
            self._paid |= {entry for entries in runs.paid_lines.values() for entry in entries}
            if runs.closed_through is not None:
                self._closed[operator_id] = runs.closed_through

    def _session(self, session_id: str) -> Session:
        return self.sessions.setdefault(session_id, Session(session_id))

    def _payout(self, payout_id: str) -> Payout:
        return self.payouts.setdefault(payout_id, Payout(payout_id))

    def _take_settlement(self, message: Message, data: Mapping[str, Any]) -> None:
        stream_id = uuid5(NAMESPACE_URL, f"settlement:{data['settlement_id']}")
        amount, currency = parse_minor(data["net"]["amount"], data["net"]["currency"]), data["net"]["currency"]
        at, settlement = instant(data["settled_at"]), data["settlement_id"]
        head: dict[str, Any] = {"key": "received", "effective_at": at, "currency": currency, "amount": amount}
        self._note(
            stream_id, [Booked(SettlementReceived(settlement_id=settlement, provider=data["provider"], **head), 1)]
        )
        for number, item in enumerate(data["items"], 1):
            fact_data = dict(data) | item | {"item": number}
            self._park(
                item["payment_id"], parse_fact(SETTLED_ITEM, fact_data, message.source, f"{message.id}#{number}")
            )

    def _take_invoice(self, message: Message, data: Mapping[str, Any]) -> None:
        stream_id = uuid5(NAMESPACE_URL, f"invoice:{data['invoice_id']}")
        amount, currency = data["amount"]["amount"], data["amount"]["currency"]
        head: dict[str, Any] = {"key": "paid", "effective_at": instant(data["paid_at"]), "currency": currency}
        booking = InvoicePaid(
            invoice_id=data["invoice_id"], partner=data["partner"], amount=parse_minor(amount, currency), **head
        )
        self._note(stream_id, [Booked(booking, 1)])
        for number, cdr in enumerate(data["cdr_ids"], 1):
            fact_data = dict(data) | {"cdr_id": cdr}
            self._park(cdr, parse_fact(INVOICE_ITEM, fact_data, message.source, f"{message.id}#{number}"))

    def _park(self, ref: str, fact: Fact) -> None:
        self._parked[ref].append(fact)

    def _judge(self, clock: datetime | None) -> bool:
        """Let every session take what waited for it and decide; whether any decided something."""
        for ref in [ref for ref in self._parked if ref in self._session_of]:
            for fact in self._parked.pop(ref):
                self._session(self._session_of[ref]).learn(fact)
        decided = False
        for session in self.sessions.values():
            decisions = decide(session, self.catalogue, clock).decisions
            decided |= bool(decisions)
            self._session_of |= {each.cdr_id: each.session_id for each in decisions if isinstance(each, CdrIssued)}
            self._note(session_stream(session.session_id), decisions)
        return decided

    def _note(self, stream_id: UUID, decisions: Sequence[Any]) -> None:
        for decision in decisions:
            if not isinstance(decision, Booked | Retracted):
                continue
            make: Callable[..., list[Entry]] = entries_of if isinstance(decision, Booked) else mirrors_of
            booking = decision.booking
            entries = make(booking, stream_id, decision.revision, uuid5(stream_id, booking.key))
            self.journal += entries
            if booking.share:
                lines = payable_effects(entries, booking.operator_id)
                self._lines += [(stream_id, booking, entry, amount) for entry, amount in lines]

    def _payable(self, operator_id: str) -> list[Line]:
        lines = []
        for _, booking, entry, amount in self._lines:
            release = self._release_of(booking)
            if booking.operator_id == operator_id and release and entry.entry_id not in self._paid:
                reserve_release = isinstance(booking, ReserveReleased)
                lines.append(Line(entry.entry_id, entry.currency, amount, *release, reserve_release=reserve_release))
        return lines

    def _release_of(self, booking: Booking) -> tuple[datetime, date] | None:
        """When the lines of a booking were released, and the business date from which they may be paid."""
        if booking.session_id is None:
            created = self.payouts[booking.payout_id or ""].created
            if not isinstance(booking, ReserveReleased) or created is None:
                return None
            return booking.effective_at, release_day(created, self.catalogue.operators[booking.operator_id])
        found = self.sessions[booking.session_id].releases.get(booking.share)
        if found is None or found.released_at is None or found.available_on is None:
            return None
        return found.released_at, found.available_on
