"""Refunds: what went back to the driver, whose money it was, and what of it came back."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypedDict

from domain.book.bookings import PaymentRefunded, PaymentRefundFailed
from domain.session.driver.due import DriversMoney, Part
from domain.session.driver.given_back import Commission, GivenBack
from domain.session.driver.share import Share
from domain.session.facts import Captured, RefundBearer, Refunded, RefundFailed
from domain.session.scope import BookingHead


class _RefundSays(TypedDict):
    """What a refund says, and its failure, as the arguments of a booking."""

    refund_id: str
    payment_id: str
    due_payment_id: str
    provider: str
    from_refunds_due: int
    by_operator: int
    by_platform: int
    commission_back: int
    commission_vat_back: int
    from_overpaid: int
    vat_at: str


class Refunds:
    """Books refunds of captured payments, and those that did not reach the driver."""

    def __init__(
        self, share: Share, captures: Mapping[str, Captured], given_back: GivenBack, money: DriversMoney
    ) -> None:
        self._share, self._captures, self._given_back, self._money = share, captures, given_back, money
        self._booked: dict[str, tuple[Refunded, Part, Commission]] = {}

    def refund(self, fact: Refunded) -> None:
        """Take in a refund: first out of what is the driver's own, then by whom `borne_by` names."""
        part = self._money.take(fact.amount, fact.payment_id)
        back = Commission()
        if fact.borne_by is RefundBearer.SHARED:
            back = self._given_back.for_refund(fact.amount - part.total)
        self._booked[fact.refund_id] = fact, part, back
        head = self._head(f"refund:{fact.source}:{fact.id}", fact.at, fact)
        self._share.book(PaymentRefunded(**head, **self._says(fact, part, back)))

    def fail(self, failure: RefundFailed) -> None:
        """Take in that a refund did not reach the driver: all that it moved goes back."""
        fact, part, back = self._booked[failure.refund_id]
        self._money.put_back(part)
        if fact.borne_by is RefundBearer.SHARED:
            self._given_back.refund_failed(fact.amount - part.total, back)
        head = self._head(f"refund-failed:{failure.source}:{failure.id}", failure.at, fact)
        self._share.book(PaymentRefundFailed(**head, **self._says(fact, part, back)))

    def _head(self, key: str, at: datetime, fact: Refunded) -> BookingHead:
        by_platform = fact.borne_by is RefundBearer.PLATFORM
        make_head = self._share.head_apart if by_platform else self._share.head_at_once
        return make_head(key, at, fact.currency)

    def _says(self, fact: Refunded, part: Part, back: Commission) -> _RefundSays:
        by_platform, rest = fact.borne_by is RefundBearer.PLATFORM, fact.amount - part.total
        return {
            "refund_id": fact.refund_id,
            "payment_id": fact.payment_id,
            "due_payment_id": part.due_payment_id,
            "provider": self._captures[fact.payment_id].provider,
            "from_refunds_due": part.due,
            "by_operator": 0 if by_platform else rest,
            "by_platform": rest if by_platform else 0,
            "commission_back": back.net,
            "commission_vat_back": back.vat,
            "from_overpaid": part.overpaid,
            "vat_at": self._share.vat_at,
        }
