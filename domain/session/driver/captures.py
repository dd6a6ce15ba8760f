"""Payments of a session that its driver pays: captures, failures, settlements, the provider's fees and write-offs."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from domain.book.bookings import (
    DisputeFeeCorrected,
    PaymentCaptured,
    PaymentWrittenOff,
    PspFeeCorrected,
    PspFeeRecharged,
)
from domain.book.sale_bookings import PaymentLost
from domain.fact import Fact
from domain.session.assessment import Bill, BillChange
from domain.session.driver.due import DriversMoney
from domain.session.driver.settlements import DisputeFee, Settling
from domain.session.driver.share import Share
from domain.session.facts import Captured


@dataclass(slots=True)
class Received:
    """What came in so far, in minor units: `captured` from drivers' accounts, `settled` with us at the bank.

    `first_payment_id` is of the first capture of all, "" where there is none.
    """

    first_payment_id: str
    money: DriversMoney
    captures: int = 0
    captured: int = 0
    settled: int = 0

    def reaches(self, bill: Bill) -> bool:
        """Whether what was captured and not paid back pays the bill; a bill of nothing wants a capture too."""
        return self.captures > 0 and self.captured - self.money.paid_back >= bill.gross

    def is_settled(self, bill: Bill) -> bool:
        """Whether what was settled pays the bill."""
        return self.captures > 0 and self.settled >= bill.gross


class WriteOff:
    """The bill of a payment that failed for good, borne by the operator (J01f) until a capture makes it good."""

    def __init__(self, share: Share, money: DriversMoney) -> None:
        self._share, self._money = share, money
        self._failed = self._made_good = False
        self._written_off: int | None = None

    # Whether the share is released although nothing was captured: not where the operator bears that.
    releases: ClassVar[bool] = False

    @property
    def stands(self) -> bool:
        """Whether the bill is written off."""
        return bool(self._written_off)

    def fail(self, bill: Bill | None, at: datetime) -> None:
        """The first failure counts, unless a capture came before it."""
        if self._failed or self._made_good:
            return
        self._failed = True
        self._write_off(bill, at)

    def of_first_bill(self, bill: Bill | None, at: datetime) -> None:
        """What failed before there was a bill is written off with it."""
        if self._failed and not self._made_good:
            self._write_off(bill, at)

    def _write_off(self, bill: Bill | None, at: datetime) -> None:
        if bill is not None and bill.gross:
            self._written_off = bill.gross
            self._book("write-off", at, bill.gross)

    def follow(self, change: BillChange, gross: int) -> None:
        """Write off as much as the bill is now."""
        if not self._failed or self._made_good:
            return
        known = self._written_off or 0
        if known != gross:
            self._book(f"write-off:{change.source}:{change.id}", change.at, gross - known)
            self._written_off = gross

    def make_good(self, capture: Fact) -> None:
        """A capture came after all: what was written off is mirrored, and nothing is from here on."""
        if self._written_off:
            self._book(f"write-off-mirror:{capture.source}:{capture.id}", capture.at, -self._written_off)
        self._written_off, self._made_good = None, True

    def _book(self, key: str, at: datetime, gross: int) -> None:
        self._money.owed -= gross
        self._book_loss(key, at, gross)

    def _book_loss(self, key: str, at: datetime, gross: int) -> None:
        self._share.book(PaymentWrittenOff(**self._share.head(key, at), gross=gross), gain=-gross)


class LostPayment(WriteOff):
    """The same, borne by the platform: the operator's share is released as if the driver had paid."""

    releases = True

    def _book_loss(self, key: str, at: datetime, gross: int) -> None:
        self._share.book(PaymentLost(**self._share.head_apart(key, at), gross=gross))


class Captures:
    """Books captures and what settlements say of their fees; with `recharges` the operator bears those fees."""

    def __init__(self, share: Share, received: Received, write_off: WriteOff, *, recharges: bool) -> None:
        self._share, self._received, self._write_off, self._recharges = share, received, write_off, recharges

    def capture(self, fact: Captured) -> None:
        """Take in a capture."""
        head = self._share.head_apart(f"capture:{fact.source}:{fact.id}", fact.at, fact.currency)
        booking = PaymentCaptured(
            **head, payment_id=fact.payment_id, provider=fact.provider, amount=fact.amount, fee=fact.fee
        )
        self._share.book(booking)
        self._recharge(f"recharge:{fact.source}:{fact.id}", fact, fact.fee, fact.at)
        self._received.captured += fact.amount
        self._received.money.owed -= fact.amount
        self._received.captures += 1
        self._write_off.make_good(fact)

    def settle(self, step: Settling) -> None:
        """Take in what settlements change: how much is settled, and the provider's fee (J03 for the difference)."""
        self._received.settled += step.settled
        if not step.fee:
            return
        first, name = step.capture, f"{step.source}:{step.id}:{step.capture.payment_id}"
        head = self._share.head_apart(f"fee:{name}", step.at, first.currency)
        self._share.book(PspFeeCorrected(**head, payment_id=first.payment_id, provider=first.provider, fee=step.fee))
        self._recharge(f"recharge:{name}", first, step.fee, step.at)

    def correct_dispute_fee(self, step: DisputeFee) -> None:
        """Take in that a settlement shows another fee of a dispute (J28 for the difference): the platform's."""
        dispute = step.dispute
        head = self._share.head_apart(f"dispute-fee:{step.source}:{step.id}", step.at, dispute.currency)
        self._share.book(
            DisputeFeeCorrected(**head, dispute_id=dispute.dispute_id, provider=step.provider, fee=step.fee)
        )

    def _recharge(self, key: str, capture: Captured, fee: int, at: datetime) -> None:
        if self._recharges and fee:
            head = self._share.head(key, at, capture.currency)
            self._share.book(PspFeeRecharged(**head, payment_id=capture.payment_id, fee=fee), gain=-fee)
