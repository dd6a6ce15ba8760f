"""The entry of a bank account: its lines, what of them is known otherwise, and what people allocate.

A line that is a payout's is booked by the payout (J36, J39). A charge of the bank is J37. Any other line is money
that was told of (a settlement, a paid invoice: `matching` says how much of it) or that nobody knows: J55, until a
person allocates it (J56). Reports of one entry differ in what they tell: what tells more takes the place of the rest.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from domain.bank.matching import BankLine, folded, names_in
from domain.book.bank_bookings import BankCharged, ReceiptAllocated, ReceiptUnallocated
from domain.book.bookings import Booking
from domain.book.findings import Finding, FindingChange, FindingEnded, FindingKind, FindingOpened, OpenFindings
from domain.book.refusals import DecisionCounts, DecisionRefused, OpenRefusals, RefusalChange
from domain.book.standing import BookChange, Standing
from domain.calendar import instant
from domain.fact import RecordedFact
from domain.money import format_minor, minor_of
from domain.values import value

BOOKED, ALLOCATED = "bank.entry_booked", "bank.receipt_allocated"
_PLACE = re.compile(r"\.([1-4])")


@value
class BankLineConfirmed:
    """So much of a line is money that was told of already; minor units, signed as the line.

    `by` names what told of it, and `taken` says how much is of each. `missing` is what of the last has not reached
    the bank, and `missing_of` is what that is.
    """

    entry_reference: str
    amount: int
    by: tuple[str, ...]
    taken: tuple[int, ...]
    missing: int = 0
    missing_of: str = ""


class Line(NamedTuple):
    """A line as it was told; `amount` in minor units, negative where money left."""

    at: datetime
    source: str
    id: str
    reference: str
    purpose: str
    currency: str
    amount: int
    account: str
    texts: tuple[str, ...]


class Allocation(NamedTuple):
    """What a person says of a line: how much of it is for which invoice of a partner; minor units."""

    at: datetime
    source: str
    id: str
    reference: str
    invoice_id: str
    partner: str
    currency: str
    amount: int


EntryChange: TypeAlias = BookChange | FindingChange | RefusalChange | BankLineConfirmed


@dataclass(slots=True)
class BankEntry:
    """One entry: what was told of it, what is known otherwise, what stands on the book, what was found."""

    name: str = ""
    version: int = 0
    standing: Standing = field(default_factory=Standing)
    findings: OpenFindings = field(default_factory=OpenFindings)
    refusals: OpenRefusals = field(default_factory=OpenRefusals)
    confirmed: dict[str, BankLineConfirmed] = field(default_factory=dict)
    _lines: dict[str, Line] = field(default_factory=dict)
    _allocations: dict[tuple[datetime, str, str], Allocation] = field(default_factory=dict)

    def learn(self, fact: RecordedFact) -> None:
        """Take in a line or an allocation; of a line told twice the first by (time, source, id) counts."""
        self.name = self.name or f"bank-entry:{str(fact.data['entry_reference']).partition('.')[0]}"
        if fact.type == ALLOCATED:
            allocation = _allocation(fact)
            self._allocations[allocation[:3]] = allocation
            return
        line = _line(fact)
        known = self._lines.get(line.reference)
        if known is None or line[:3] < known[:3]:
            self._lines[line.reference] = line

    def evolve(self, change: EntryChange) -> None:
        """Fold a decision into the state."""
        if isinstance(change, BankLineConfirmed):
            self.confirmed[change.entry_reference] = change
        elif isinstance(change, FindingOpened | FindingEnded):
            self.findings.evolve(change)
        elif isinstance(change, DecisionRefused | DecisionCounts):
            self.refusals.evolve(change)
        else:
            self.standing.evolve(change)

    def lines(self) -> list[Line]:
        """The lines that count, by their ids: those of the telling that says most of the entry."""
        split = max(map(_split, self._lines), default=0)
        return [line for reference, line in sorted(self._lines.items()) if _split(reference) == split]

    def to_match(self) -> list[BankLine]:
        """The lines that may be money which was told of, with the references that they or a person name."""
        allocated: dict[str, list[str]] = {}
        for allocation in self._allocations.values():
            allocated.setdefault(allocation.reference, []).append(folded(allocation.invoice_id))
        return [
            BankLine(
                line.at,
                line.reference,
                line.currency,
                line.amount,
                frozenset([*names_in(line.texts), *allocated.get(line.reference, ())]),
            )
            for line in self.lines()
            if line.purpose == "UNALLOCATED"
        ]

    def partners_unknown(self, is_known: Callable[[str], bool]) -> set[str]:
        """The partners that lines are allocated to and that nobody has registered."""
        return {each.partner for each in self._allocations.values() if not is_known(each.partner)}

    def decide(
        self, is_known: Callable[[str], bool] = lambda _: True
    ) -> list[BookChange | FindingChange | RefusalChange]:
        """Bring book, findings and refusals in step with what is known, and fold that in.

        `is_known` tells of a partner whether it is registered: nothing is allocated to others.
        """
        bookings: list[Booking] = []
        findings: list[Finding] = []
        for line in self.lines():
            if line.purpose == "CHARGE":
                bookings.append(_charged(line))
            elif line.purpose != "PAYOUT":
                left = line.amount - (self.confirmed[line.reference].amount if self._is_confirmed(line) else 0)
                bookings += self._unknown(line, left, is_known)
            findings += self._found_in(line)
        counted = {booking.key for booking in bookings}
        refused = [
            _refused(each, is_known=is_known(each.partner))
            for each in self._allocations.values()
            if _allocation_key(each) not in counted
        ]
        changes: list[BookChange | FindingChange | RefusalChange] = [
            *self.standing.towards(bookings),
            *self.findings.towards(findings, self.name),
            *self.refusals.towards(refused),
        ]
        for change in changes:
            self.evolve(change)
        return changes

    def _is_confirmed(self, line: Line) -> bool:
        return line.reference in self.confirmed and line.purpose == "UNALLOCATED"

    def _unknown(self, line: Line, left: int, is_known: Callable[[str], bool]) -> Iterator[Booking]:
        """J55 of what nobody knows of a line, and J56 of what people allocate of it, the first first."""
        if not left:
            return
        yield ReceiptUnallocated(
            key=f"line:{line.reference}",
            effective_at=line.at,
            currency=line.currency,
            line=line.reference,
            amount=left,
        )
        for allocation in sorted(self._allocations.values()):
            if allocation.reference != line.reference or allocation.currency != line.currency:
                continue
            if 0 < allocation.amount <= left and is_known(allocation.partner):
                left -= allocation.amount
                yield ReceiptAllocated(
                    key=_allocation_key(allocation),
                    effective_at=max(allocation.at, line.at),
                    currency=line.currency,
                    line=line.reference,
                    partner=allocation.partner,
                    amount=allocation.amount,
                )

    def _found_in(self, line: Line) -> Iterator[Finding]:
        much = f"{format_minor(abs(line.amount), line.currency)} {line.currency}"
        if line.purpose == "REMAINDER":
            way = "more" if line.amount > 0 else "less"
            sentence = (
                f"the details of entry {line.reference} of account {line.account} leave {much} {way} than it has"
            )
            yield _finding(FindingKind.BANK_DETAILS_DIFFER, f"rest:{line.reference}", line, sentence, line.amount)
        confirmed = self.confirmed.get(line.reference)
        if confirmed is not None and confirmed.missing and line.purpose == "UNALLOCATED":
            short = f"{format_minor(abs(confirmed.missing), line.currency)} {line.currency}"
            sentence = (
                f"of {confirmed.missing_of} the bank has booked {short} less than was told, the last of it in "
                f"{line.reference}"
            )
            kind = FindingKind.BANK_RECEIPT_DIFFERS
            yield _finding(kind, f"short:{line.reference}", line, sentence, confirmed.missing)


def _split(reference: str) -> int:
    """How much a telling says of its entry: 0 nothing, 1 to 3 of its only detail, 4 of several."""
    found = _PLACE.search(reference)
    return int(found.group(1)) if found else 0


def _line(fact: RecordedFact) -> Line:
    data = fact.data
    amount = minor_of(data["amount"])
    texts = (data.get("end_to_end_id"), data.get("remittance"))
    return Line(
        instant(data["booked_at"]),
        fact.source,
        fact.id,
        data["entry_reference"],
        data["purpose"],
        data["amount"]["currency"],
        amount if data["direction"] == "CREDIT" else -amount,
        data["account"],
        tuple(text for text in texts if text),
    )


def _allocation(fact: RecordedFact) -> Allocation:
    data = fact.data
    money: Mapping[str, Any] = data["amount"]
    return Allocation(
        instant(data["at"]),
        fact.source,
        fact.id,
        data["entry_reference"],
        data["invoice_id"],
        data["partner"].upper(),
        money["currency"],
        minor_of(money),
    )


def _charged(line: Line) -> BankCharged:
    return BankCharged(
        key=f"charge:{line.reference}",
        effective_at=line.at,
        currency=line.currency,
        line=line.reference,
        amount=-line.amount,
    )


def _allocation_key(allocation: Allocation) -> str:
    return f"allocated:{allocation.source}:{allocation.id}"


def _finding(kind: FindingKind, key: str, line: Line, sentence: str, amount: int) -> Finding:
    return Finding(
        kind,
        key,
        subject=line.reference,
        operator_id="",
        since=line.at,
        sentence=sentence,
        currency=line.currency,
        amount=amount,
    )


def _refused(allocation: Allocation, *, is_known: bool) -> DecisionRefused:
    much = f"{format_minor(allocation.amount, allocation.currency)} {allocation.currency}"
    return DecisionRefused(
        allocation.source,
        allocation.id,
        ALLOCATED,
        allocation.reference,
        allocation.at,
        f"of bank line {allocation.reference} there are no {much} left for invoice {allocation.invoice_id}"
        if is_known
        else f"roaming partner {allocation.partner} is not registered: it counts once it is",
    )
