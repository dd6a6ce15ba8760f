"""What the engine's own rules make of the demo's messages, in memory: so that providers charge what sessions cost,
partners answer CDRs that were sent, and the bank answers payouts that were made.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import uuid5

from domain.book.posting import entries_of, payable_effects
from domain.calendar import instant
from domain.catalogue.catalogue import CATALOGUE_TYPES, Catalogue
from domain.payout.payout import Payout, PayoutAnswered, PayoutCreated, parse_answer
from domain.payout.run import Line, OperatorDesk, fire_runs
from domain.session.assessment import Bill, assess
from domain.session.facts import FACT_PARSERS, INVOICE_ITEM, SETTLED_ITEM, parse_fact
from domain.session.judging import decide
from domain.session.session import Session, session_stream
from wattledger.demo.messages import Event


class Foresight:
    """Everything said so far; facts may come in any order, since their own times rule."""

    def __init__(self) -> None:
        self.catalogue = Catalogue()
        self._sessions: dict[str, Session] = {}
        self._session_of: dict[str, str] = {}
        self._answers: dict[str, list[PayoutAnswered]] = defaultdict(list)

    def learn(self, events: Iterable[Event]) -> None:
        """Take in messages of any type."""
        for each in events:
            type_, data = each["type"], each["data"]
            if type_ in CATALOGUE_TYPES:
                self.catalogue.publish(type_, each["source"], each["id"], instant(each["time"]), data)
            elif type_ == "payment.settled":
                for number, item in enumerate(data["items"], 1):
                    self._learn_item(SETTLED_ITEM, each, number, item["payment_id"], data | item | {"item": number})
            elif type_ == "roaming.invoice_paid":
                for number, cdr_id in enumerate(data["cdr_ids"], 1):
                    self._learn_item(INVOICE_ITEM, each, number, cdr_id, data | {"cdr_id": cdr_id})
            elif type_.startswith("payout."):
                self._answers[data["payout_id"]].append(parse_answer(type_, data, each["source"], each["id"]))
            elif type_ in FACT_PARSERS:
                self._learn_fact(each, data)

    def _learn_fact(self, each: Event, data: Mapping[str, Any]) -> None:
        session_id = data.get("session_id") or self._session_of[data["cdr_id"]]
        if "payment_id" in data:
            self._session_of[data["payment_id"]] = session_id
        self._session(session_id).learn(parse_fact(each["type"], data, each["source"], each["id"]))

    def _learn_item(self, type_: str, each: Event, number: int, ref: str, data: Mapping[str, Any]) -> None:
        fact = parse_fact(type_, data, each["source"], f"{each['id']}#{number}")
        self._session(self._session_of[ref]).learn(fact)

    def _session(self, session_id: str) -> Session:
        return self._sessions.setdefault(session_id, Session(session_id))

    def knows_cdr(self, cdr_id: str, session_id: str) -> None:
        """Note whose CDR this is."""
        self._session_of[cdr_id] = session_id

    def bills(self, session_id: str) -> list[Bill]:
        """What a session cost at first and after each correction; empty when it cannot be billed."""
        changes = assess(self._session(session_id).meter, self.catalogue).changes
        return [change.bill for change in changes if change.bill is not None]

    def payouts(self, until: datetime) -> list[PayoutCreated]:
        """The payouts that runs up to a moment make, in the order in which they are handed off."""
        lines = self._lines(until)
        made: list[PayoutCreated] = []
        for operator_id, versions in sorted(self.catalogue.operators.items()):
            desk = OperatorDesk(operator_id, lines=lines[operator_id])
            runs = fire_runs(desk, versions, until, self._payout_to_be)
            made += [payout.created for payout, _ in runs.decisions if payout.created is not None]
        return sorted(made, key=lambda payout: (payout.fired_at, payout.payout_id))

    def _payout_to_be(self, payout_id: str) -> Payout:
        return Payout(payout_id, answers=list(self._answers.get(payout_id, ())))

    def _lines(self, until: datetime) -> dict[str, list[Line]]:
        lines: dict[str, list[Line]] = defaultdict(list)
        for session_id, session in self._sessions.items():
            due_at: datetime | None = until
            while due_at is not None and due_at <= until:
                due_at = decide(session, self.catalogue, until).due_at
            for booked in session.standing:
                booking = booked.booking
                released = session.releases.get(booking.share)
                if released is None or released.released_at is None or released.available_on is None:
                    continue
                stream_id = session_stream(session_id)
                entries = entries_of(booking, stream_id, booked.revision, uuid5(stream_id, booking.key))
                for entry, amount in payable_effects(entries, booking.operator_id):
                    line = Line(entry.entry_id, entry.currency, amount, released.released_at, released.available_on)
                    lines[booking.operator_id].append(line)
        return lines
