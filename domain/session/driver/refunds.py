"""Money that goes back to the driver: refunds and disputes, with the commission that is given back for them."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.book.bookings import DisputeLost, DisputeOpened, DisputeWon, PaymentRefunded
from domain.money import largest_remainder
from domain.session.assessment import Bill
from domain.session.driver.ratings import Charged
from domain.session.driver.share import Share
from domain.session.facts import Captured, DisputeClosed, Disputed, DisputeOutcome, RefundBearer, Refunded


@dataclass(slots=True)
class _Commission:
    """A commission and its VAT, in minor units."""

    net: int = 0
    vat: int = 0

    def add(self, other: "_Commission") -> None:
        self.net += other.net
        self.vat += other.vat

    def up_to(self, limit: "_Commission") -> "_Commission":
        """As much of it as the limit leaves, part by part, and nothing below zero."""
        return _Commission(_within(self.net, limit.net), _within(self.vat, limit.vat))

    def less(self, other: "_Commission") -> "_Commission":
        return _Commission(self.net - other.net, self.vat - other.vat)


def _within(amount: int, limit: int) -> int:
    return max(0, min(amount, limit))


class GivenBack:
    """What refunds and disputes have given back of the commission so far: never more than was taken."""

    def __init__(self, charged: Charged, first_bill: Bill | None) -> None:
        """`first_bill` is the first to come, by which money is split that goes back before anything is charged."""
        self._charged, self._first_bill = charged, first_bill
        self._in_all, self._by_refunds = _Commission(), _Commission()
        self._refunded = 0

    def for_refund(self, amount: int) -> tuple[int, int]:
        """Commission and VAT given back: the split of all SHARED refunds so far, less what they gave back before."""
        bill = self._bill()
        if bill is None or not bill.gross:
            return 0, 0
        self._refunded += amount
        back = self._give(_split(bill, self._refunded).less(self._by_refunds), bill)
        self._by_refunds.add(back)
        return back.net, back.vat

    def for_dispute(self, amount: int) -> tuple[int, int]:
        """Commission and VAT given back for a lost dispute, at most what refunds and disputes have left of them."""
        bill = self._bill()
        if bill is None or not bill.gross:
            return 0, 0
        back = self._give(_split(bill, amount), bill)
        return back.net, back.vat

    def _bill(self) -> Bill | None:
        """The bill by which money is given back: the one charged then, or the first to come for what was prepaid."""
        return self._charged.bill if self._charged.changes else self._first_bill

    def _give(self, wanted: _Commission, bill: Bill) -> _Commission:
        left = _Commission(bill.commission, bill.commission_vat).less(self._in_all)
        back = wanted.up_to(left)
        self._in_all.add(back)
        return back


def _split(bill: Bill, amount: int) -> _Commission:
    """The commission in an amount that is part of a bill, at most all of it."""
    weights = (bill.share, bill.commission, bill.commission_vat)
    _, commission, vat = largest_remainder(min(amount, bill.gross), weights)
    return _Commission(commission, vat)


class Refunds:
    """Books refunds and disputes of captured payments; `due` is what lowered prices left on 2080, by payment."""

    def __init__(
        self, share: Share, captures: Mapping[str, Captured], given_back: GivenBack, due: dict[str, int]
    ) -> None:
        self._share, self._captures, self._given_back, self._due = share, captures, given_back, due
        self._open_disputes: dict[str, Disputed] = {}

    def refund(self, fact: Refunded) -> None:
        """Take in a refund: first out of what is due, then by whom `borne_by` names."""
        due_payment_id, from_due = self._take_due(fact)
        rest = fact.amount - from_due
        by_platform = fact.borne_by == RefundBearer.PLATFORM
        back, vat_back = self._given_back.for_refund(rest) if fact.borne_by == RefundBearer.SHARED else (0, 0)
        make_head = self._share.head_apart if by_platform else self._share.head_at_once
        self._share.book(
            PaymentRefunded(
                **make_head(f"refund:{fact.source}:{fact.id}", fact.at, fact.currency),
                refund_id=fact.refund_id,
                payment_id=fact.payment_id,
                due_payment_id=due_payment_id,
                provider=self._captures[fact.payment_id].provider,
                from_refunds_due=from_due,
                by_operator=0 if by_platform else rest,
                by_platform=rest if by_platform else 0,
                commission_back=back,
                commission_vat_back=vat_back,
            )
        )

    def _take_due(self, fact: Refunded) -> tuple[str, int]:
        """What a lowered price left on 2080 pays a refund first (J59r)."""
        for payment_id, due in self._due.items():
            if due > 0:
                taken = min(due, fact.amount)
                self._due[payment_id] -= taken
                return payment_id, taken
        return fact.payment_id, 0

    def open_dispute(self, fact: Disputed) -> None:
        """Take in that a cardholder disputes a payment."""
        self._open_disputes[fact.dispute_id] = fact
        head = self._share.head_at_once(f"dispute:{fact.source}:{fact.id}", fact.at, fact.currency)
        provider = self._captures[fact.payment_id].provider
        self._share.book(
            DisputeOpened(**head, dispute_id=fact.dispute_id, provider=provider, amount=fact.amount, fee=fact.fee)
        )

    def close_dispute(self, close: DisputeClosed) -> None:
        """Take in how a dispute that was opened ended."""
        dispute = self._open_disputes[close.dispute_id]
        head = self._share.head_at_once(f"dispute-closed:{close.source}:{close.id}", close.at, dispute.currency)
        provider, amount = self._captures[dispute.payment_id].provider, dispute.amount
        if close.outcome == DisputeOutcome.WON:
            self._share.book(DisputeWon(**head, dispute_id=close.dispute_id, provider=provider, amount=amount))
            return
        back, vat_back = self._given_back.for_dispute(amount)
        self._share.book(
            DisputeLost(
                **head,
                dispute_id=close.dispute_id,
                provider=provider,
                amount=amount,
                commission_back=back,
                commission_vat_back=vat_back,
            )
        )
