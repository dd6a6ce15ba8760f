"""The driver's book where the platform sells in its own name: ratings, refunds and disputes of its own sale.

What the driver pays is the platform's, and the operator is owed what the charge is bought for (decision 103). So the
platform bears what fails or is disputed, and a refund takes net and VAT of the sale back; where the operator bears
its part of a refund, what the charge was bought for goes back in proportion.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.book.bookings import Booking
from domain.book.sale_bookings import (
    CapturedChargeReSold,
    ChargeReSold,
    ChargeSold,
    SaleDisputeLost,
    SaleRefunded,
    SaleRefundFailed,
)
from domain.money import half_up_share, largest_remainder
from domain.session.assessment import Bill
from domain.session.driver.disputes import Dispute, Disputes
from domain.session.driver.due import DriversMoney, Part
from domain.session.driver.given_back import Commission
from domain.session.driver.ratings import Amounts, Charged, Ratings
from domain.session.driver.share import Share
from domain.session.facts import Captured, RefundBearer, Refunded, RefundFailed
from domain.session.scope import BookingHead
from domain.session.supplies import Dealt, Purchase
from domain.values import value

_NO_PURCHASE = Purchase(0, 0, "", is_reversed=False)


def _bought(dealt: Dealt | None) -> Purchase:
    return (dealt.purchase if dealt is not None else None) or _NO_PURCHASE


class SaleRatings(Ratings):
    """Books each change of the bill as a sale of the platform's, with what it is bought for."""

    def _rated(self, head: BookingHead, bill: Bill) -> Booking:
        return ChargeSold(**head, **sale_of(bill.gross, bill.dealt), **_terms(bill.dealt))

    def _re_rated(self, head: BookingHead, old: Amounts, new: Amounts) -> Booking:
        return ChargeReSold(**head, **_from_to(old, new))

    def _captured_re_rated(self, head: BookingHead, payment_id: str, old: Amounts, new: Amounts) -> Booking:
        return CapturedChargeReSold(**head, payment_id=payment_id, **_from_to(old, new))


def sale_of(gross: int, dealt: Dealt | None) -> dict[str, Any]:
    """Net and VAT of a sale, and what it is bought for, as the arguments of a booking."""
    places, vat = (dealt.vat_at, dealt.vat) if dealt is not None else ((), ())
    bought = _bought(dealt)
    return {
        "net": gross - sum(vat),
        "vat_at": places,
        "vat": vat,
        "purchase": bought.net,
        "purchase_vat": bought.vat,
    }


def _terms(dealt: Dealt | None) -> dict[str, Any]:
    """Where the VAT of a purchase is due, and who owes it, as the arguments of a booking."""
    bought = _bought(dealt)
    return {"purchase_at": bought.at, "is_reversed": bought.is_reversed}


def sold(gross: int, dealt: Dealt) -> dict[str, Any]:
    """All that a booking says of a sale and its purchase, as its arguments."""
    return sale_of(gross, dealt) | _terms(dealt)


def _from_to(old: Amounts, new: Amounts) -> dict[str, Any]:
    was = {f"old_{name}": amount for name, amount in sale_of(old.gross, old.dealt).items()}
    return was | sale_of(new.gross, new.dealt) | _terms(new.dealt if new.dealt is not None else old.dealt)


@value
class Returned:
    """What refunds gave back of a sale: by account of VAT (net under None), and of what it was bought for."""

    sale: Mapping[str | None, int]
    purchase: int = 0
    purchase_vat: int = 0

    def less(self, other: "Returned") -> "Returned":
        """The difference to another."""
        names = [*self.sale, *(name for name in other.sale if name not in self.sale)]
        sale = {name: self.sale.get(name, 0) - other.sale.get(name, 0) for name in names}
        return Returned(sale, self.purchase - other.purchase, self.purchase_vat - other.purchase_vat)


_NOTHING = Returned({})


class SaleReturns:
    """What refunds have given back of a sale so far, by the bill that is charged then, or else the first to come."""

    def __init__(self, charged: Charged, first_bill: Bill | None) -> None:
        self._charged, self._first_bill = charged, first_bill
        self._refunded = self._borne = 0
        self._so_far = _NOTHING

    def give(self, amount: int, *, by_operator: bool) -> Returned:
        """What is given back for a refund; with `by_operator` also of what the charge was bought for."""
        self._refunded += amount
        self._borne += amount if by_operator else 0
        wanted = self._in_all()
        found = wanted.less(self._so_far)
        self._so_far = wanted
        return found

    def take_again(self, amount: int, back: Returned, *, by_operator: bool) -> None:
        """A refund did not reach the driver: nothing was given back for it."""
        self._refunded -= amount
        self._borne -= amount if by_operator else 0
        self._so_far = self._so_far.less(back)

    def terms(self) -> dict[str, Any]:
        """Of the purchase, as the arguments of a booking."""
        bill = self._bill()
        return _terms(bill.dealt if bill is not None else None)

    def _bill(self) -> Bill | None:
        """The bill by which money is given back: the last that came to anything."""
        if not self._charged.changes:
            return self._first_bill
        bills = [change.bill for change in self._charged.changes if change.bill is not None and change.bill.gross]
        return bills[-1] if bills else None

    def _in_all(self) -> Returned:
        bill = self._bill()
        if bill is None or not bill.gross or bill.dealt is None:
            return Returned({None: self._refunded})
        dealt, bought = bill.dealt, _bought(bill.dealt)
        within = min(self._refunded, bill.gross)
        net, *vat = largest_remainder(within, (bill.net, *dealt.vat))
        sale: dict[str | None, int] = {None: net + self._refunded - within}
        sale |= dict(zip(dealt.vat_at, vat, strict=True))
        borne = min(self._borne, bill.gross)
        parts = [half_up_share(each, borne, bill.gross) for each in (bought.net, bought.vat)]
        return Returned(sale, *parts)


class SaleRefunds:
    """Books refunds of the platform's own sale, and those that did not reach the driver."""

    def __init__(
        self, share: Share, captures: Mapping[str, Captured], returns: SaleReturns, money: DriversMoney
    ) -> None:
        self._share, self._captures, self._returns, self._money = share, captures, returns, money
        self._booked: dict[str, tuple[Refunded, Part, Returned, dict[str, Any]]] = {}

    def refund(self, fact: Refunded) -> None:
        """Take in a refund: first out of what is the driver's own, then out of net and VAT of the sale."""
        part = self._money.take(fact.amount, fact.payment_id)
        back = self._returns.give(fact.amount - part.total, by_operator=_by_operator(fact))
        terms = self._returns.terms()
        self._booked[fact.refund_id] = fact, part, back, terms
        head = self._head(f"refund:{fact.source}:{fact.id}", fact.at, fact)
        self._share.book(SaleRefunded(**head, **self._says(fact, part, back), **terms))

    def fail(self, failure: RefundFailed) -> None:
        """Take in that a refund did not reach the driver: all that it moved goes back."""
        fact, part, back, terms = self._booked[failure.refund_id]
        self._money.put_back(part)
        self._returns.take_again(fact.amount - part.total, back, by_operator=_by_operator(fact))
        head = self._head(f"refund-failed:{failure.source}:{failure.id}", failure.at, fact)
        self._share.book(SaleRefundFailed(**head, **self._says(fact, part, back), **terms))

    def _head(self, key: str, at: datetime, fact: Refunded) -> BookingHead:
        make_head = self._share.head_at_once if _by_operator(fact) else self._share.head_apart
        return make_head(key, at, fact.currency)

    def _says(self, fact: Refunded, part: Part, back: Returned) -> dict[str, Any]:
        vat = {name: amount for name, amount in back.sale.items() if name is not None}
        return {
            "refund_id": fact.refund_id,
            "payment_id": fact.payment_id,
            "due_payment_id": part.due_payment_id,
            "provider": self._captures[fact.payment_id].provider,
            "from_refunds_due": part.due,
            "net": back.sale.get(None, 0),
            "vat_at": tuple(vat),
            "vat": tuple(vat.values()),
            "purchase": back.purchase,
            "purchase_vat": back.purchase_vat,
            "from_overpaid": part.overpaid,
        }


def _by_operator(fact: Refunded) -> bool:
    return fact.borne_by is not RefundBearer.PLATFORM


class SaleDisputes(Disputes):
    """Books disputes of the platform's own sale: nothing of them is the operator's."""

    def _head(self, key: str, at: datetime, dispute: Dispute) -> BookingHead:
        return self._share.head_apart(key, at, dispute.fact.currency)

    def _drivers_own(self, dispute: Dispute) -> int:
        return dispute.fact.amount

    def _lost(self, key: str, at: datetime, dispute: Dispute, back: Commission, sign: int) -> Booking:
        fact, taken = dispute.fact, dispute.taken
        return SaleDisputeLost(
            **self._head(key, at, dispute),
            dispute_id=fact.dispute_id,
            provider=self._captures[fact.payment_id].provider,
            amount=sign * fact.amount,
            from_overpaid=sign * taken.overpaid,
            due_payment_id=taken.due_payment_id,
            from_refunds_due=sign * taken.due,
        )
