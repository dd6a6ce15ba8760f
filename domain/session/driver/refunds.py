"""Refunds: what went back to the driver, whose money it was, and what of it came back."""

from collections.abc import Mapping

from domain.book.bookings import PaymentRefunded, PaymentRefundFailed
from domain.session.driver.due import DriversMoney, Part
from domain.session.driver.given_back import Commission, GivenBack
from domain.session.driver.share import Share
from domain.session.facts import Captured, RefundBearer, Refunded, RefundFailed


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
        self._book(PaymentRefunded, f"refund:{fact.source}:{fact.id}", fact, fact.refund_id)

    def fail(self, failure: RefundFailed) -> None:
        """Take in that a refund did not reach the driver: all that it moved goes back."""
        fact, part, back = self._booked[failure.refund_id]
        self._money.put_back(part)
        if fact.borne_by is RefundBearer.SHARED:
            self._given_back.refund_failed(fact.amount - part.total, back)
        self._book(PaymentRefundFailed, f"refund-failed:{failure.source}:{failure.id}", failure, fact.refund_id)

    def _book(
        self,
        booking: type[PaymentRefunded] | type[PaymentRefundFailed],
        key: str,
        at_time_of: Refunded | RefundFailed,
        refund_id: str,
    ) -> None:
        fact, part, back = self._booked[refund_id]
        by_platform = fact.borne_by is RefundBearer.PLATFORM
        rest = fact.amount - part.total
        make_head = self._share.head_apart if by_platform else self._share.head_at_once
        self._share.book(
            booking(
                **make_head(key, at_time_of.at, fact.currency),
                refund_id=refund_id,
                payment_id=fact.payment_id,
                due_payment_id=part.due_payment_id,
                provider=self._captures[fact.payment_id].provider,
                from_refunds_due=part.due,
                by_operator=0 if by_platform else rest,
                by_platform=rest if by_platform else 0,
                commission_back=back.net,
                commission_vat_back=back.vat,
                from_overpaid=part.overpaid,
            )
        )
