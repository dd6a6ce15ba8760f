"""Invoices to partners and their disputes of CDRs, as they were told: what is found of them beside the sessions.

What follows from one is booked by the sessions whose CDRs it names; here stands what nobody claims, and what was told
twice in different words. The earliest by (time, source, id) is what was told first, in whatever order they come.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from domain.book.findings import Finding, FindingChange, FindingKind, OpenFindings
from domain.calendar import instant
from domain.fact import RecordedFact
from domain.money import minor_of

INVOICE_ISSUED = "roaming.invoice_issued"
CDR_DISPUTED, DISPUTE_CLOSED = "roaming.cdr_disputed", "roaming.dispute_closed"
DOCUMENT_TYPES = frozenset({INVOICE_ISSUED, CDR_DISPUTED, DISPUTE_CLOSED})

# Of more CDRs than that which nobody knows there is one finding of them all.
UNKNOWN_TOLD_MAX = 100
# Of a dispute the closing may be told again and differ: the later outcome stands, which is no contradiction.
_TOLD_ONCE: Mapping[str, tuple[str, ...]] = {
    INVOICE_ISSUED: ("cdr_ids", "amount", "issued_at", "due_on"),
    CDR_DISPUTED: ("cdr_id", "amount", "at"),
}


class UnknownCdr(NamedTuple):
    """A CDR that a message names and no session has (yet)."""

    source: str
    id: str
    cdr_id: str


@dataclass(slots=True)
class PartnerDocument:
    """One invoice, or one dispute with what became of it, in a stream of the business name `name`."""

    name: str = ""
    version: int = 0
    findings: OpenFindings = field(default_factory=OpenFindings)
    _told: list[RecordedFact] = field(default_factory=list)

    def learn(self, fact: RecordedFact) -> None:
        """Take in a message."""
        self._told.append(fact)

    def evolve(self, change: FindingChange) -> None:
        """Fold a decision into the state."""
        self.findings.evolve(change)

    def decide(self) -> list[FindingChange]:
        """Bring what is found at once in step with what was told, and fold that in."""
        return self._towards(self._told_otherwise(), FindingKind.CDR_DOCUMENT_TOLD_OTHERWISE)

    def decide_by_clock(self, unknown: Sequence[UnknownCdr]) -> list[FindingChange]:
        """Open and end what shows only once everything that was sent has been taken in, and fold that in."""
        return self._towards(self._unknown(unknown), FindingKind.CDR_NOT_KNOWN)

    def _towards(self, found: Iterable[Finding], kind: FindingKind) -> list[FindingChange]:
        changes = self.findings.towards(found, self.name, (kind,))
        for change in changes:
            self.findings.evolve(change)
        return changes

    def _told_otherwise(self) -> Iterator[Finding]:
        for type_, names in _TOLD_ONCE.items():
            told = sorted((fact for fact in self._told if fact.type == type_), key=_when)
            for fact in told[1:]:
                if [fact.data.get(name) for name in names] != [told[0].data.get(name) for name in names]:
                    sentence = (
                        f"{_named(fact)} was told again by message {fact.id} with other content; message "
                        f"{told[0].id} came first"
                    )
                    yield _finding(
                        FindingKind.CDR_DOCUMENT_TOLD_OTHERWISE, f"told:{fact.source}:{fact.id}", fact, sentence
                    )

    def _unknown(self, unknown: Sequence[UnknownCdr]) -> Iterator[Finding]:
        by_message = {(fact.source, fact.id): fact for fact in self._told}
        if len(unknown) > UNKNOWN_TOLD_MAX:
            first = min(unknown, key=lambda each: (each.source, each.id))
            fact = by_message[_message(first)]
            sentence = f"{_named(fact)} names {len(unknown)} CDRs that are not known, {first.cdr_id} among them"
            yield _finding(FindingKind.CDR_NOT_KNOWN, "unknown", fact, sentence)
            return
        for each in sorted(unknown):
            fact = by_message[_message(each)]
            sentence = f"{_named(fact)} names CDR {each.cdr_id}, which is not known; it waits for it"
            yield _finding(FindingKind.CDR_NOT_KNOWN, f"unknown:{each.source}:{each.id}", fact, sentence, each.cdr_id)


def _message(unknown: UnknownCdr) -> tuple[str, str]:
    """The message that an item is of: its id has the number of the item behind."""
    return unknown.source, unknown.id.rpartition("#")[0]


def _at(fact: RecordedFact) -> datetime:
    return instant(fact.data["issued_at"] if fact.type == INVOICE_ISSUED else fact.data["at"])


def _when(fact: RecordedFact) -> tuple[datetime, str, str]:
    return _at(fact), fact.source, fact.id


def _named(fact: RecordedFact) -> str:
    data = fact.data
    if fact.type == INVOICE_ISSUED:
        return f"invoice {data['invoice_id']} to {data['partner'].upper()}"
    what = f"dispute {data['dispute_id']} of {data['partner'].upper()}"
    return what if fact.type == CDR_DISPUTED else f"the outcome of {what}"


def _finding(kind: FindingKind, key: str, fact: RecordedFact, sentence: str, subject: str = "") -> Finding:
    """A finding about a message, with its amount where that is about one thing alone."""
    data: Mapping[str, Any] = fact.data
    # Of one CDR of an invoice nobody knows the amount.
    amount = data.get("amount") if fact.type == CDR_DISPUTED or not subject else None
    return Finding(
        kind,
        key,
        subject or data.get("invoice_id") or data["dispute_id"],
        operator_id="",
        since=_at(fact),
        sentence=sentence,
        currency=amount["currency"] if amount else None,
        amount=minor_of(amount) if amount else None,
    )
