"""The commission that is given back to an operator for what went back to the driver."""

from dataclasses import dataclass

from domain.money import largest_remainder
from domain.session.assessment import Bill
from domain.session.driver.ratings import Charged


@dataclass(slots=True)
class Commission:
    """A commission and its VAT, in minor units."""

    net: int = 0
    vat: int = 0

    def add(self, other: "Commission") -> None:
        """Make it more by another."""
        self.net += other.net
        self.vat += other.vat

    def subtract(self, other: "Commission") -> None:
        """Make it less by another."""
        self.net -= other.net
        self.vat -= other.vat

    def up_to(self, limit: "Commission") -> "Commission":
        """As much of it as the limit leaves, part by part, and nothing below zero."""
        return Commission(_within(self.net, limit.net), _within(self.vat, limit.vat))

    def less(self, other: "Commission") -> "Commission":
        """The difference to another."""
        return Commission(self.net - other.net, self.vat - other.vat)


def _within(amount: int, limit: int) -> int:
    return max(0, min(amount, limit))


class GivenBack:
    """What refunds and disputes have given back of the commission so far: never more than was taken."""

    def __init__(self, charged: Charged, first_bill: Bill | None) -> None:
        """`first_bill` is the first to come, by which money is split that goes back before anything is charged."""
        self._charged, self._first_bill = charged, first_bill
        self._in_all, self._by_refunds = Commission(), Commission()
        self._refunded = 0

    def for_refund(self, amount: int) -> Commission:
        """Commission and VAT given back: the split of all SHARED refunds so far, less what they gave back before."""
        bill = self._bill()
        if bill is None or not bill.gross:
            return Commission()
        self._refunded += amount
        back = self._give(_split(bill, self._refunded).less(self._by_refunds), bill)
        self._by_refunds.add(back)
        return back

    def refund_failed(self, amount: int, back: Commission) -> None:
        """A SHARED refund of this amount did not reach the driver: what was given back for it is taken again."""
        bill = self._bill()
        if bill is None or not bill.gross:
            return
        self._refunded -= amount
        self._by_refunds.subtract(back)
        self._in_all.subtract(back)

    def for_dispute(self, amount: int) -> Commission:
        """Commission and VAT given back for a lost dispute, at most what refunds and disputes have left of them."""
        bill = self._bill()
        if bill is None or not bill.gross:
            return Commission()
        return self._give(_split(bill, amount), bill)

    def dispute_regained(self, back: Commission) -> None:
        """A dispute that was lost is won after all."""
        self._in_all.subtract(back)

    def _bill(self) -> Bill | None:
        """The bill by which money is given back: the one charged then, or the first to come for what was prepaid."""
        return self._charged.bill if self._charged.changes else self._first_bill

    def _give(self, wanted: Commission, bill: Bill) -> Commission:
        left = Commission(bill.commission, bill.commission_vat).less(self._in_all)
        back = wanted.up_to(left)
        self._in_all.add(back)
        return back


def _split(bill: Bill, amount: int) -> Commission:
    """The commission in an amount that is part of a bill, at most all of it."""
    weights = (bill.share, bill.commission, bill.commission_vat)
    _, commission, vat = largest_remainder(min(amount, bill.gross), weights)
    return Commission(commission, vat)
