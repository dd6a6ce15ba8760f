"""What can be booked, in the past tense: each booking gives journal entries by the table in `domain.book.posting`.

A booking states everything its entries need, so that the book can be derived from the stored bookings alone.
`key` names the cause within its stream; amounts are minor units of `currency`; `matured` tells whether the
operator's share had matured, so that the payable is 2010 and not 2011. `vat_at` is where the VAT of a commission is
due and at which rate (`DE-19`), "" where the operator's terms tell nothing of taxes.
"""

from datetime import datetime
from typing import Any

from domain.values import named_value


@named_value
class Booking:
    """The head of every booking; `share` names the release its payable lines follow ("" when it has none)."""

    key: str
    effective_at: datetime
    currency: str
    operator_id: str = ""
    session_id: str | None = None
    payout_id: str | None = None
    share: str = ""
    matured: bool = False


@named_value
class SessionRated(Booking):
    """A session was priced and the driver pays: J01 and J02."""

    gross: int
    commission: int
    commission_vat: int
    vat_at: str = ""


@named_value
class SessionReRated(Booking):
    """Another price before the captures reached the old one, or a raised one that they reach: J01 and J02 anew.

    All old amounts zero: the session was not billed before. All new amounts zero: its bill was withdrawn.
    """

    old_gross: int
    old_commission: int
    old_commission_vat: int
    gross: int
    commission: int
    commission_vat: int
    vat_at: str = ""


@named_value
class CapturedSessionReRated(Booking):
    """A correction lowered the price after it was captured: J59 against 2080 of the payment.

    The new price above the old one: it rose again, out of what is due back.
    """

    payment_id: str
    old_gross: int
    old_commission: int
    old_commission_vat: int
    gross: int
    commission: int
    commission_vat: int
    vat_at: str = ""


@named_value
class PaymentCaptured(Booking):
    """A driver's payment was captured: J01c, and J03 for the provider's fee."""

    payment_id: str
    provider: str
    amount: int
    fee: int


@named_value
class PspFeeCorrected(Booking):
    """The settlement shows another fee than the capture did: J03 for the difference, which may be negative."""

    payment_id: str
    provider: str
    fee: int


@named_value
class PspFeeRecharged(Booking):
    """The provider's fee is the operator's to bear: J04; negative gives some of it back."""

    payment_id: str
    fee: int


@named_value
class PaymentWrittenOff(Booking):
    """The payment failed for good and the operator bears it: J01f; negative when a later capture mirrors it."""

    gross: int


@named_value
class PaymentRefunded(Booking):
    """A refund left the provider: J25x of what was captured above the bill, J59r of what was due, then J25 (J26)."""

    refund_id: str
    payment_id: str
    due_payment_id: str
    provider: str
    from_refunds_due: int
    by_operator: int
    by_platform: int
    commission_back: int
    commission_vat_back: int
    from_overpaid: int = 0
    vat_at: str = ""


@named_value
class PaymentRefundFailed(Booking):
    """A refund did not reach the driver: what it posted, once more with the signs turned; amounts as it had them."""

    refund_id: str
    payment_id: str
    due_payment_id: str
    provider: str
    from_refunds_due: int
    by_operator: int
    by_platform: int
    commission_back: int
    commission_vat_back: int
    from_overpaid: int = 0
    vat_at: str = ""


@named_value
class DisputeOpened(Booking):
    """A cardholder disputes a payment: J27 for the amount, J28 for the fee.

    `drivers_own` is the part of the amount that is the driver's money anyway: nothing of it is the operator's.
    """

    dispute_id: str
    provider: str
    amount: int
    fee: int
    drivers_own: int = 0


@named_value
class DisputeFeeCorrected(Booking):
    """The settlement shows another fee of a dispute: J28 for the difference, which may be negative."""

    dispute_id: str
    provider: str
    fee: int


@named_value
class DisputeWon(Booking):
    """The dispute was decided for the operator: J29 of what J27 moved."""

    dispute_id: str
    provider: str
    amount: int
    drivers_own: int = 0


@named_value
class DisputeLost(Booking):
    """The dispute was decided for the cardholder: J30, with the commission given back.

    `drivers_own` is as of J27; `from_overpaid` and `from_refunds_due` pay the cardholder first, and what they are
    above it goes back to the operator. All amounts negative: it is won after all.
    """

    dispute_id: str
    provider: str
    amount: int
    commission_back: int
    commission_vat_back: int
    drivers_own: int = 0
    from_overpaid: int = 0
    due_payment_id: str = ""
    from_refunds_due: int = 0
    vat_at: str = ""


@named_value
class CdrAccepted(Booking):
    """A partner accepted a CDR: J13 and J14."""

    cdr_id: str
    partner: str
    gross: int
    commission: int
    commission_vat: int
    vat_at: str = ""


@named_value
class CdrInvoicePaid(Booking):
    """An invoice that bills this CDR was paid: J16 for the CDR's gross."""

    cdr_id: str
    partner: str
    invoice_id: str
    gross: int


@named_value
class AcceptedCdrCredited(Booking):
    """An accepted CDR was taken back: J21, against 1210 when it was invoiced and 1200 when not.

    `unpaid`: its invoice was issued, and is not paid.
    """

    cdr_id: str
    partner: str
    invoiced: bool
    gross: int
    commission: int
    commission_vat: int
    unpaid: bool = False
    vat_at: str = ""


@named_value
class ShareMatured(Booking):
    """A share became available: J08 for all that was pending of it."""

    amount: int


@named_value
class ShareSplit(Booking):
    """Payees have a part of the operator's share: J07 for `amount`, which it passes on (negative: has back).

    Each of `parts` is [payee's operator id, minor units, whether its own part had matured, the share that its line
    follows]; they add up to `amount`.
    """

    amount: int
    parts: tuple[list[Any], ...]


@named_value
class SettlementReceived(Booking):
    """A provider's money is on our bank account: J09."""

    settlement_id: str
    provider: str
    amount: int


@named_value
class InvoicePaid(Booking):
    """A partner paid an invoice: J17 for the amount paid."""

    invoice_id: str
    partner: str
    amount: int


@named_value
class ReserveHeld(Booking):
    """Part of a payout was kept as reserve: J31."""

    amount: int


@named_value
class ReserveReleased(Booking):
    """A reserve came back to the operator: J32."""

    amount: int


@named_value
class TaxWithheld(Booking):
    """A tax was withheld when an operator was paid: J34."""

    regime: str
    amount: int


@named_value
class InstantFeeCharged(Booking):
    """A payout was made at once, on request: J41 for its fee and the VAT on it."""

    fee: int
    fee_vat: int


@named_value
class PayoutInitiated(Booking):
    """A payout was handed off to the bank: J35."""

    amount: int


@named_value
class PayoutReissued(Booking):
    """A failed or returned payout was handed off again: J40."""

    amount: int


@named_value
class PayoutSettled(Booking):
    """The bank executed a payout: J36."""

    amount: int


@named_value
class PayoutFailed(Booking):
    """The bank rejected a payout before execution: J38."""

    amount: int


@named_value
class PayoutReturned(Booking):
    """A payout came back after execution: J39."""

    amount: int


@named_value
class ReturnCharged(Booking):
    """Less came back than was sent: J37b for what banks kept of it."""

    amount: int


@named_value
class PaidTwice(Booking):
    """An earlier attempt turned out to be paid beside a later one: J40x, the operator owes it."""

    amount: int
