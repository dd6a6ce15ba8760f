"""The engine's decisions without a database: messages in, the journal out, in the order in which it is written."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

from contracts.decode import Message, decode_event
from contracts.messages import CDR, MESSAGE_TYPES, Kind, items_of, stream_of
from contracts.vat_ids import is_vat_id
from domain.bank.entry import BankEntry, BankLineConfirmed
from domain.bank.matching import ToldReceipt, folded, match, told_by
from domain.book.bookings import Booking, PaidTwice, ReserveReleased
from domain.book.journal import Entry
from domain.book.matter_bookings import HoldPlaced, HoldReleased
from domain.book.posting import entries_of, mirrors_of, payable_effects, shares_of
from domain.book.standing import Booked, Retracted
from domain.catalogue.catalogue import Catalogue
from domain.fact import Fact, RecordedFact
from domain.matter.judgement import OfTreasury
from domain.matter.matter import Matter
from domain.payout.amounts import Past
from domain.payout.answers import parse_payout_fact
from domain.payout.booked import RETAINED_RELEASE_KEY
from domain.payout.desk import OperatorDesk
from domain.payout.events import payout_stream
from domain.payout.instant import InstantRequested, OfDay
from domain.payout.lines import Line
from domain.payout.payout import Payout
from domain.payout.releases import owed_at_once, reserve_release, retained_release
from domain.payout.reopening import RUN_PARSERS
from domain.payout.run import fire_runs
from domain.payout.steps import count_twice, take_answers
from domain.receipt import RECEIPT_BOOKINGS
from domain.session.decisions import CdrIssued
from domain.session.facts import parse_fact
from domain.session.judging import decide
from domain.session.session import Session, session_stream
from domain.wallet.wallet import Wallet
from engine.wallets import news
from tests.docs.dry_affairs import DryAffairs
from tests.docs.treasury import of_treasury


@dataclass(slots=True)
class DryRun:
    """Everything told so far, what it came to, and the entries in the order in which they were made."""

    catalogue: Catalogue = field(default_factory=lambda: Catalogue(vat_ids=is_vat_id))
    sessions: dict[str, Session] = field(default_factory=dict)
    payouts: dict[str, Payout] = field(default_factory=dict)
    matters: dict[UUID, Matter] = field(default_factory=dict)
    bank: dict[UUID, BankEntry] = field(default_factory=dict)
    affairs: DryAffairs = field(default_factory=DryAffairs)
    wallets: dict[UUID, Wallet] = field(default_factory=dict)
    receipts: list[ToldReceipt] = field(default_factory=list)
    journal: list[Entry] = field(default_factory=list)
    _session_of: dict[str, str] = field(default_factory=dict)
    _parked: dict[str, list[Fact]] = field(default_factory=lambda: defaultdict(list))
    _lines: list[tuple[UUID, Booking, Entry, int]] = field(default_factory=list)
    _paid: set[tuple[UUID, str]] = field(default_factory=set)
    _closed: dict[str, date] = field(default_factory=dict)
    _requests: list[InstantRequested] = field(default_factory=list)
    _past: dict[str, Past] = field(default_factory=lambda: defaultdict(Past))
    _of_days: dict[str, dict[tuple[str, date], OfDay]] = field(default_factory=lambda: defaultdict(dict))
    _of_treasury: dict[UUID, OfTreasury] = field(default_factory=dict)

    def tell(self, event: Mapping[str, Any]) -> None:
        """Take a CloudEvent in and let every session decide."""
        self.learn(event)
        self._judge(None)

    def learn(self, event: Mapping[str, Any]) -> None:
        """Take a CloudEvent in; one that the contract refuses fails the test."""
        message = decode_event(dict(event))
        assert isinstance(message, Message), f"{event['type']} is refused: {message}"
        _TAKE_IN[MESSAGE_TYPES[message.type].kind](self, message)

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
                past=self._past[operator_id],
                requests=[each for each in self._requests if each.operator_id == operator_id and each.at <= moment],
                of_days=self._of_days[operator_id],
            )
            runs = fire_runs(desk, versions, moment, self._payout)
            for payout, decisions in runs.decisions:
                self.payouts[payout.payout_id] = payout
                self._note(payout_stream(payout.payout_id), decisions)
            answered = [each.request for each in runs.at_once]
            self._requests = [each for each in self._requests if each not in answered]
            self._paid |= {(entry, operator_id) for entries in runs.paid_lines.values() for entry in entries}
            if runs.closed_through is not None:
                self._closed[operator_id] = runs.closed_through
        for stream_id, decided in self.affairs.decide(self.journal, moment):
            self._note(stream_id, decided)

    def _session(self, session_id: str) -> Session:
        return self.sessions.setdefault(session_id, Session(session_id))

    def _payout(self, payout_id: str) -> Payout:
        return self.payouts.setdefault(payout_id, Payout(payout_id))

    def _publish(self, message: Message) -> None:
        self.catalogue.publish(message.type, message.source, message.id, message.time, message.data)

    def _take_request(self, message: Message) -> None:
        request = RUN_PARSERS[message.type](message.data, message.source, message.id)
        assert isinstance(request, InstantRequested)
        self._requests.append(request)

    def _take_fact(self, message: Message) -> None:
        data, claimed = message.data, MESSAGE_TYPES[message.type].claims
        if claimed is not None:
            self._session_of[claimed.of(data)] = data["session_id"]
        self._session(data["session_id"]).learn(_parsed(message))

    def _take_cdr_answer(self, message: Message) -> None:
        self._park(message.data[CDR.field], _parsed(message))

    def _take_payout_fact(self, message: Message) -> None:
        payout = self._payout(message.data["payout_id"])
        payout.learn(parse_payout_fact(message.type, message.data, message.source, message.id))
        self._note(payout_stream(payout.payout_id), take_answers(payout))
        for attempt, decisions in count_twice(self._attempts_of(payout)):
            self._note(payout_stream(attempt.payout_id), decisions)

    def _attempts_of(self, payout: Payout) -> list[Payout]:
        """All attempts of a payout that was made, the first one first."""
        if payout.created is None:
            return []
        key = (payout.created.operator_id, payout.created.currency, payout.created.business_date)
        made = [(each.created, each) for each in self.payouts.values() if each.created is not None]
        found = [
            (created.attempt, each)
            for created, each in made
            if (created.operator_id, created.currency, created.business_date) == key
        ]
        return [each for _, each in sorted(found, key=lambda one: one[0])]

    def _take_receipt(self, message: Message) -> None:
        fact = RecordedFact(message.type, message.source, message.id, message.time, message.data)
        booking = RECEIPT_BOOKINGS[message.type](fact)
        self._note(stream_of(message.type, message.data), [Booked(booking, 1)])
        id_, subject, amount = told_by("", booking) or ("", "", 0)
        self.receipts.append(ToldReceipt(booking.effective_at, subject, folded(id_), booking.currency, amount))
        self._match()
        for item in items_of(message.type, message.id, message.data):
            self._park(item.ref, parse_fact(item.type, item.data, message.source, item.id))

    def _take_cdr_document(self, message: Message) -> None:
        for item in items_of(message.type, message.id, message.data):
            self._park(item.ref, parse_fact(item.type, item.data, message.source, item.id))

    def _take_matter(self, message: Message) -> None:
        stream_id = stream_of(message.type, message.data)
        fact = RecordedFact(message.type, message.source, message.id, message.time, message.data)
        self.matters.setdefault(stream_id, Matter(stream_id)).learn(fact)

    def _take_affair(self, message: Message) -> None:
        self.affairs.learn(message)

    def _take_wallet(self, message: Message) -> None:
        stream_id = stream_of(message.type, message.data)
        wallet = self.wallets.setdefault(stream_id, Wallet(message.data["wallet_id"]))
        before = wallet.acting()
        wallet.learn(RecordedFact(message.type, message.source, message.id, message.time, message.data))
        self._note(stream_id, wallet.decide())
        for session_id, told in news(wallet, before, {}):
            self._session(session_id).learn(parse_fact(told.type, told.data, told.source, told.id))

    def _take_bank(self, message: Message) -> None:
        fact = RecordedFact(message.type, message.source, message.id, message.time, message.data)
        self.bank.setdefault(stream_of(message.type, message.data), BankEntry()).learn(fact)
        self._match()

    def _match(self) -> None:
        lines = [line for entry in self.bank.values() for line in entry.to_match()]
        found = match(lines, self.receipts)
        for stream_id, entry in self.bank.items():
            for line in entry.to_match():
                told = found[line.reference]
                entry.evolve(BankLineConfirmed(line.reference, told.amount, told.by, told.taken))
            self._note(stream_id, entry.decide())

    def _ignore(self, message: Message) -> None:
        """A charger's state books nothing."""

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
        booked = [booking for session in self.sessions.values() for booking in session.standing.bookings()]
        self._of_treasury = of_treasury(self.matters, self.catalogue.operators, booked)
        for stream_id, matter in self.matters.items():
            outcome = matter.decide(self.catalogue.operators, clock, treasury=self._of_treasury.get(stream_id))
            decided |= bool(outcome.decisions)
            self._note(stream_id, outcome.decisions)
        return decided

    def _note(self, stream_id: UUID, decisions: Sequence[Any]) -> None:
        for decision in decisions:
            if not isinstance(decision, Booked | Retracted):
                continue
            make: Callable[..., list[Entry]] = entries_of if isinstance(decision, Booked) else mirrors_of
            booking = decision.booking
            entries = make(booking, stream_id, decision.revision, uuid5(stream_id, booking.key))
            self.journal += entries
            for operator_id, share in shares_of(booking) if booking.share else ():
                lines = payable_effects(entries, operator_id)
                own = replace(booking, operator_id=operator_id, share=share)
                self._lines += [(stream_id, own, entry, amount) for entry, amount in lines]

    def _payable(self, operator_id: str) -> list[Line]:
        lines = []
        for stream_id, booking, entry, amount in self._lines:
            release = self._release_of(stream_id, booking)
            if booking.operator_id == operator_id and release and (entry.entry_id, operator_id) not in self._paid:
                reserve_release = isinstance(booking, ReserveReleased | HoldPlaced | HoldReleased)
                line = Line(entry.entry_id, entry.currency, amount, *release, reserve_release=reserve_release)
                lines.append(replace(line, kind=entry.kind, retained=booking.key == RETAINED_RELEASE_KEY))
        return lines

    def _release_of(self, stream_id: UUID, booking: Booking) -> tuple[datetime, date] | None:
        """When the lines of a booking were released, and the business date from which they may be paid."""
        if stream_id in self.matters:
            around = self._of_treasury.get(stream_id)
            outcome = self.matters[stream_id].decide(self.catalogue.operators, None, treasury=around)
            release = outcome.around.release_of(booking)
            return (release.released_at, release.available_on) if release else None
        if booking.session_id is None:
            created = self.payouts[booking.payout_id or ""].created
            releases = {ReserveReleased: reserve_release, PaidTwice: owed_at_once}
            if type(booking) not in releases or created is None:
                return None
            if booking.key == RETAINED_RELEASE_KEY:
                return booking.effective_at, retained_release(created, booking.effective_at).available_on
            versions = self.catalogue.operators[booking.operator_id]
            release = releases[type(booking)](created, versions, booking.effective_at)
            return release.released_at, release.available_on
        found = self.sessions[booking.session_id].releases.get(booking.share)
        if found is None or found.released_at is None or found.available_on is None:
            return None
        return found.released_at, found.available_on


def _parsed(message: Message) -> Fact:
    return parse_fact(message.type, message.data, message.source, message.id)


_TAKE_IN: dict[Kind, Callable[[DryRun, Message], None]] = {
    Kind.SESSION_FACT: DryRun._take_fact,
    Kind.CATALOGUE: DryRun._publish,
    Kind.RECEIPT: DryRun._take_receipt,
    Kind.CDR_ANSWER: DryRun._take_cdr_answer,
    Kind.CDR_DOCUMENT: DryRun._take_cdr_document,
    Kind.PAYOUT_FACT: DryRun._take_payout_fact,
    Kind.RUN_DECISION: DryRun._take_request,
    Kind.OPERATOR_MATTER: DryRun._take_matter,
    Kind.BOOK_DECISION: DryRun._take_affair,
    Kind.BANK: DryRun._take_bank,
    Kind.WALLET: DryRun._take_wallet,
    Kind.RATE: DryRun._ignore,
    Kind.STATUS: DryRun._ignore,
}
