"""The receipt aggregate: money at the bank, from a provider's settlement (J09) or a partner's paid invoice (J17).

Told twice under two message ids, the one with the earliest (time, source, id) is booked, in whatever order they come.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.book.bookings import Booking, InvoicePaid, SettlementReceived
from domain.book.findings import FindingChange, FindingEnded, FindingOpened, OpenFindings
from domain.book.standing import BookChange, Standing
from domain.calendar import instant
from domain.fact import RecordedFact
from domain.money import parse_minor


@dataclass(slots=True)
class Receipt:
    """One settlement or one invoice: what was told of it, what stands on the book, and what was found."""

    version: int = 0
    standing: Standing = field(default_factory=Standing)
    findings: OpenFindings = field(default_factory=OpenFindings)
    _told: dict[tuple[datetime, str, str], Booking] = field(default_factory=dict)

    def learn(self, fact: RecordedFact) -> None:
        """Take in that it was told; raises KeyError for a message that is about no receipt."""
        booking = RECEIPT_BOOKINGS[fact.type](fact)
        self._told[booking.effective_at, fact.source, fact.id] = booking

    def evolve(self, change: BookChange | FindingChange) -> None:
        """Fold a decision into the state."""
        if isinstance(change, FindingOpened | FindingEnded):
            self.findings.evolve(change)
        else:
            self.standing.evolve(change)

    def decide(self) -> list[BookChange | FindingChange]:
        """Bring the book in step with what was told first, and fold that in."""
        changes: list[BookChange | FindingChange] = [*self.standing.towards([self._told[min(self._told)]])]
        for change in changes:
            self.evolve(change)
        return changes


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


RECEIPT_BOOKINGS: Mapping[str, Callable[[RecordedFact], Booking]] = {
    "payment.settled": _settlement,
    "roaming.invoice_paid": _invoice,
}
