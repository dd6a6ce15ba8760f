"""What the engine's own rules make of the demo's messages, in memory: so that providers charge what sessions cost,
partners answer CDRs that were sent, and the bank answers payouts that were made.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import uuid5

from contracts.messages import CDR, MESSAGE_TYPES, Kind, items_of
from domain.book.posting import entries_of, payable_effects, shares_of
from domain.calendar import instant
from domain.catalogue.catalogue import Catalogue
from domain.payout.answers import PayoutFact, parse_payout_fact
from domain.payout.desk import OperatorDesk
from domain.payout.events import PayoutCreated
from domain.payout.lines import Line
from domain.payout.payout import Payout
from domain.payout.run import fire_runs
from domain.session.assessment import Bill, assess
from domain.session.facts import parse_fact
from domain.session.judging import decide
from domain.session.session import Session, session_stream
from wattledger.demo.messages import Event


class Foresight:
    """Everything said so far; facts may come in any order, since their own times rule."""

    def __init__(self) -> None:
        self.catalogue = Catalogue()
        self._sessions: dict[str, Session] = {}
        self._session_of: dict[str, str] = {}
        self._of_payouts: dict[str, list[PayoutFact]] = defaultdict(list)

    def learn(self, events: Iterable[Event]) -> None:
        """Take in messages of any type."""
        for each in events:
            LEARN[MESSAGE_TYPES[each["type"]].kind](self, each)

    def _publish(self, each: Event) -> None:
        self.catalogue.publish(each["type"], each["source"], each["id"], instant(each["time"]), each["data"])

    def _learn_fact(self, each: Event) -> None:
        data, claimed = each["data"], MESSAGE_TYPES[each["type"]].claims
        if claimed is not None:
            self._session_of[claimed.of(data)] = data["session_id"]
        self._session(data["session_id"]).learn(parse_fact(each["type"], data, each["source"], each["id"]))

    def _learn_cdr_answer(self, each: Event) -> None:
        session = self._session(self._session_of[each["data"][CDR.field]])
        session.learn(parse_fact(each["type"], each["data"], each["source"], each["id"]))

    def _learn_items(self, each: Event) -> None:
        for item in items_of(each["type"], each["id"], each["data"]):
            fact = parse_fact(item.type, item.data, each["source"], item.id)
            self._session(self._session_of[item.ref]).learn(fact)

    def _learn_of_payout(self, each: Event) -> None:
        fact = parse_payout_fact(each["type"], each["data"], each["source"], each["id"])
        self._of_payouts[each["data"]["payout_id"]].append(fact)

    def _ignore(self, each: Event) -> None:
        """A charger's state changes no price, nor does what people decide of runs or the demo has none of."""

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
        payout = Payout(payout_id)
        for fact in self._of_payouts.get(payout_id, ()):
            payout.learn(fact)
        return payout

    def _lines(self, until: datetime) -> dict[str, list[Line]]:
        lines: dict[str, list[Line]] = defaultdict(list)
        for session_id, session in self._sessions.items():
            due_at: datetime | None = until
            while due_at is not None and due_at <= until:
                due_at = decide(session, self.catalogue, until).due_at
            for booked in session.standing:
                booking = booked.booking
                stream_id = session_stream(session_id)
                for operator_id, share in shares_of(booking):
                    released = session.releases.get(share)
                    if released is None or released.released_at is None or released.available_on is None:
                        continue
                    entries = entries_of(booking, stream_id, booked.revision, uuid5(stream_id, booking.key))
                    moment, day = released.released_at, released.available_on
                    for entry, amount in payable_effects(entries, operator_id):
                        lines[operator_id].append(Line(entry.entry_id, entry.currency, amount, moment, day))
        return lines


# What is made of the messages of each kind.
LEARN: dict[Kind, Callable[[Foresight, Event], None]] = {
    Kind.SESSION_FACT: Foresight._learn_fact,
    Kind.CATALOGUE: Foresight._publish,
    Kind.RECEIPT: Foresight._learn_items,
    Kind.CDR_ANSWER: Foresight._learn_cdr_answer,
    Kind.CDR_DOCUMENT: Foresight._learn_items,
    Kind.PAYOUT_FACT: Foresight._learn_of_payout,
    Kind.RUN_DECISION: Foresight._ignore,
    Kind.BANK: Foresight._ignore,
    Kind.OPERATOR_MATTER: Foresight._ignore,
    Kind.BOOK_DECISION: Foresight._ignore,
    Kind.WALLET: Foresight._ignore,
    Kind.RATE: Foresight._ignore,
    Kind.STATUS: Foresight._ignore,
}
