"""CDRs between the platform and a partner: J16 of invoices, J18 to J20 of disputes, from the facts and nothing else.

Each CDR that was accepted is gone through once, by the moments at which something was said of it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from ledger.audit.amounts import instant, microseconds, minor_of
from ledger.audit.report import Tally
from ledger.audit.sessions import Session
from ledger.audit.streams import Body, Fact, in_order

ISSUED, PAID = "roaming.invoice_issued.item", "roaming.invoice_paid.item"
DISPUTED, CLOSED = "roaming.cdr_disputed.item", "roaming.dispute_closed.item"
_BOOKED = {
    "CdrInvoiced": "J16",
    "CdrInvoicePaid": "J16",
    "CdrDisputed": "J18",
    "CdrDisputeWon": "J19",
    "CdrDisputeLost": "J20",
}

# Number, CDR, what it is about (an invoice, a dispute), microseconds, amount, whether invoiced, commission back.
Row: TypeAlias = tuple[str, str, str, int, int, bool | None, tuple[int, int] | None]


class _Said(NamedTuple):
    """Something that was said of a CDR, in the order in which it acts."""

    at: datetime
    rank: int
    source: str
    id: str
    what: str
    about: str
    amount: int | None = None


@dataclass(slots=True)
class _Cdr:
    """An accepted CDR while it is gone through: what is bound by disputes that stand, and what is gone for good."""

    cdr_id: str
    gross: int
    commission: tuple[int, int]
    rows: list[Row] = field(default_factory=list)
    asked: dict[str, int] = field(default_factory=dict)
    state: dict[str, str] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    gone: int = 0
    is_invoiced: bool = False

    def left(self) -> int:
        return self.gross - self.gone - sum(self.held.values())

    def row(self, kind: str, about: str, at: datetime, amount: int, back: tuple[int, int] | None = None) -> None:
        is_invoiced = self.is_invoiced if kind in ("J18", "J19") else None
        self.rows.append((kind, self.cdr_id, about, microseconds(at), amount, is_invoiced, back))

    def take(self, said: _Said, *, counts: bool) -> None:
        """Take in what was said; without `counts` the CDR was credited before, and nothing is posted."""
        if said.what == "invoice":
            self.is_invoiced = True
            if self.left():
                self.row("J16", said.about, said.at, self.left())
        elif said.what == "open":
            amount = self.gross if said.amount is None else said.amount
            bound = sum(self.asked[name] for name, state in self.state.items() if state in ("open", "LOST"))
            if 0 < amount <= self.gross - bound:
                self.asked[said.about] = amount
                self._open(said, counts=counts)
        elif said.about in self.state:
            self._close(said, counts=counts)

    def _open(self, said: _Said, *, counts: bool) -> None:
        self.state[said.about] = "open"
        if counts:
            self.row("J18", said.about, said.at, self.asked[said.about])
            self.held[said.about] = self.asked[said.about]

    def _close(self, said: _Said, *, counts: bool) -> None:
        before, amount = self.state[said.about], self.asked[said.about]
        if said.what == before:
            return
        if before == "WON":
            bound = sum(self.asked[name] for name, state in self.state.items() if state in ("open", "LOST"))
            if amount > self.gross - bound:
                return
            self._open(said, counts=counts)
        self.state[said.about] = said.what
        if said.about not in self.held or not counts:
            return
        if said.what == "LOST":
            del self.held[said.about]
            first = self._given_back(self.gone)
            self.gone += amount
            back = self._given_back(self.gone)
            self.row("J20", said.about, said.at, amount, (back[0] - first[0], back[1] - first[1]))
        else:
            self.row("J19", said.about, said.at, amount)
            del self.held[said.about]

    def credit(self, at: datetime) -> None:
        """What is still held when the CDR is credited is let go."""
        for about, amount in self.held.items():
            self.row("J19", about, at, amount)
        self.held.clear()

    def _given_back(self, lost: int) -> tuple[int, int]:
        """Commission and VAT in so much: rounded down, what is left to the largest remainders, the share's first."""
        weights = (self.gross - sum(self.commission), *self.commission)
        parts = [lost * weight // self.gross for weight in weights]
        order = sorted(range(3), key=lambda place: (-(lost * weights[place] % self.gross), place))
        for place in order[: lost - sum(parts)]:
            parts[place] += 1
        return parts[1], parts[2]


def check_partner_cdrs(session: Session, tally: Tally) -> None:
    """What was invoiced and disputed of each accepted CDR is on the book as it was said, and nothing else is."""
    stream = session.stream
    booked = Counter(_rows_booked(stream.standing))
    if not booked and not any(stream.facts.get(type_) for type_ in (ISSUED, DISPUTED, CLOSED)):
        return
    credited = {body["number"]: instant(body["credited_at"]) for body in stream.decided("CdrCredited")}
    wanted: Counter[Row] = Counter()
    for issued in stream.decided("CdrIssued"):
        wanted.update(_rows_wanted(session, issued, credited.get(issued["number"])))
    for row in (wanted - booked).elements():
        tally.note(session.where, row, "not booked", f"{session.where}: {row[0]} {row[1:]} is not booked")
    for row in (booked - wanted).elements():
        tally.note(session.where, "no such fact", row, f"{session.where}: {row[0]} {row[1:]} is booked in vain")


def _rows_booked(standing: Mapping[str, tuple[str, Body]]) -> Iterator[Row]:
    for name, body in standing.values():
        kind = _BOOKED.get(name)
        if kind is None:
            continue
        about, amount = (body["invoice_id"], body["gross"]) if kind == "J16" else (body["dispute_id"], body["amount"])
        back = (body["commission_back"], body["commission_vat_back"]) if kind == "J20" else None
        at = microseconds(instant(body["effective_at"]))
        yield kind, body["cdr_id"], about, at, amount, body.get("invoiced"), back


def _rows_wanted(session: Session, issued: Body, credited_at: datetime | None) -> list[Row]:
    _, _, gross, commission, vat = issued["key"]
    accepted = [fact.at for fact in _about(session, "roaming.cdr_accepted", issued)]
    if not accepted or not gross or (credited_at is not None and min(accepted) >= credited_at):
        return []
    cdr = _Cdr(issued["cdr_id"], gross, (commission, vat))
    for said in sorted([*_invoices(session, issued, credited_at), *_disputes(session, issued, min(accepted))]):
        cdr.take(said, counts=credited_at is None or said.at <= credited_at)
    if credited_at is not None:
        cdr.credit(credited_at)
    return cdr.rows


def _about(session: Session, type_: str, issued: Body) -> list[Fact]:
    """What the session's own partner said of a CDR, in order."""
    facts = in_order(session.stream.facts.get(type_, ()))
    own = (fact for fact in facts if fact.data["partner"].upper() == session.partner)
    return [fact for fact in own if fact.data["cdr_id"] == issued["cdr_id"]]


def _invoices(session: Session, issued: Body, credited_at: datetime | None) -> Iterator[_Said]:
    """The first invoice that was issued or, without any, paid."""
    for type_ in (ISSUED, PAID):
        facts = _about(session, type_, issued)
        if facts and (credited_at is None or facts[0].at < credited_at):
            first = facts[0]
            yield _Said(first.at, 0, first.source, first.id, "invoice", first.data["invoice_id"])
            return


def _disputes(session: Session, issued: Body, accepted_at: datetime) -> Iterator[_Said]:
    opened: dict[str, datetime] = {}
    if session.is_sale:
        # Of what the platform sells itself nothing is the operator's to be held: a lost dispute credits the CDR.
        return
    for fact in _about(session, DISPUTED, issued):
        money: dict[str, Any] | None = fact.data.get("amount")
        dispute_id = fact.data["dispute_id"]
        if dispute_id in opened or (money is not None and money["currency"] != session.currency):
            continue
        opened[dispute_id] = at = max(fact.at, accepted_at)
        yield _Said(at, 1, fact.source, fact.id, "open", dispute_id, None if money is None else minor_of(money))
    for fact in _about(session, CLOSED, issued):
        since = opened.get(fact.data["dispute_id"])
        if since is not None:
            at = max(fact.at, since)
            yield _Said(at, 2, fact.source, fact.id, fact.data["outcome"], fact.data["dispute_id"])
