"""Events of payments, roaming partners' answers, the payout processor's results and what people decide of payouts."""

from typing import Literal

from pydantic import model_validator

from contracts.amounts import Money, PositiveMoney, UnsignedMoney, check_same_currency
from contracts.envelope import Event
from contracts.values import AtLeastOne, Identifier, Partner, PayoutId, Reason, Text, Time, Wire

# An ISO 20022 external reason code; what else a bank writes is kept, and told.
ReasonCode = Reason


class PaymentCapturedData(Wire):
    """A driver's card was charged: the gross amount and what the provider keeps of it.

    `capture_id` tells captures of one payment apart.
    """

    payment_id: Identifier
    session_id: Identifier
    amount: UnsignedMoney
    fee: UnsignedMoney
    captured_at: Time
    provider: Identifier
    capture_id: Identifier | None = None

    @model_validator(mode="after")
    def _is_in_one_currency(self) -> "PaymentCapturedData":
        check_same_currency(self.amount, self.fee, "fee")
        return self


class PaymentFailedData(Wire):
    """A payment failed for good."""

    payment_id: Identifier
    session_id: Identifier
    failed_at: Time
    reason: Text


class PaymentRefundedData(Wire):
    """Money went back to the driver, at the cost of whom `borne_by` names."""

    refund_id: Identifier
    payment_id: Identifier
    session_id: Identifier
    amount: PositiveMoney
    refunded_at: Time
    borne_by: Literal["OPERATOR", "PLATFORM", "SHARED"]


class PaymentRefundFailedData(Wire):
    """A refund did not reach the driver."""

    refund_id: Identifier
    payment_id: Identifier
    session_id: Identifier
    failed_at: Time
    reason: Text


class PaymentDisputedData(Wire):
    """The driver's bank took the amount back until the dispute is closed; the provider charges a fee for it."""

    dispute_id: Identifier
    payment_id: Identifier
    session_id: Identifier
    amount: PositiveMoney
    fee: UnsignedMoney
    opened_at: Time

    @model_validator(mode="after")
    def _is_in_one_currency(self) -> "PaymentDisputedData":
        check_same_currency(self.amount, self.fee, "fee")
        return self


class PaymentDisputeClosedData(Wire):
    """A dispute was won or lost; it may be told again with another outcome, and the last one stands."""

    dispute_id: Identifier
    payment_id: Identifier
    session_id: Identifier
    outcome: Literal["WON", "LOST"]
    closed_at: Time


class SettlementItem(Wire):
    """One payment inside a provider's settlement."""

    payment_id: Identifier
    gross: UnsignedMoney
    fee: UnsignedMoney


class PaymentSettledData(Wire):
    """A provider's money reached our bank account: the payments in it and the net sum, which may be negative."""

    settlement_id: Identifier
    provider: Identifier
    settled_at: Time
    items: AtLeastOne[SettlementItem]
    net: Money

    @model_validator(mode="after")
    def _is_in_one_currency(self) -> "PaymentSettledData":
        for index, item in enumerate(self.items):
            check_same_currency(self.net, item.gross, f"items[{index}].gross")
            check_same_currency(self.net, item.fee, f"items[{index}].fee")
        return self


class CdrAnswerData(Wire):
    """A roaming partner took or refused a CDR."""

    cdr_id: Identifier
    partner: Partner
    at: Time
    reason: Text | None = None


class InvoicePaidData(Wire):
    """A roaming partner paid the invoice over these CDRs."""

    invoice_id: Identifier
    partner: Partner
    cdr_ids: AtLeastOne[Identifier]
    amount: UnsignedMoney
    paid_at: Time


class PayoutProgressData(Wire):
    """The payout processor took or executed a payout."""

    payout_id: PayoutId
    at: Time
    bank_reference: Text | None = None


class PayoutRefusedData(PayoutProgressData):
    """A payout failed or came back, with the ISO 20022 external reason code; `amount` is what came back, if less."""

    reason: ReasonCode
    amount: PositiveMoney | None = None


class PayoutRetriedData(Wire):
    """A person has a payout that came to nothing go out again."""

    payout_id: PayoutId
    at: Time
    reason: Reason
    by: Reason


class PaymentCaptured(Event):
    """`payment.captured`."""

    type: Literal["payment.captured"]
    data: PaymentCapturedData


class PaymentFailed(Event):
    """`payment.failed`."""

    type: Literal["payment.failed"]
    data: PaymentFailedData


class PaymentRefunded(Event):
    """`payment.refunded`."""

    type: Literal["payment.refunded"]
    data: PaymentRefundedData


class PaymentRefundFailed(Event):
    """`payment.refund_failed`."""

    type: Literal["payment.refund_failed"]
    data: PaymentRefundFailedData


class PaymentDisputed(Event):
    """`payment.disputed`."""

    type: Literal["payment.disputed"]
    data: PaymentDisputedData


class PaymentDisputeClosed(Event):
    """`payment.dispute_closed`."""

    type: Literal["payment.dispute_closed"]
    data: PaymentDisputeClosedData


class PaymentSettled(Event):
    """`payment.settled`."""

    type: Literal["payment.settled"]
    data: PaymentSettledData


class CdrAnswered(Event):
    """`roaming.cdr_accepted` and `roaming.cdr_rejected`."""

    type: Literal["roaming.cdr_accepted", "roaming.cdr_rejected"]
    data: CdrAnswerData


class InvoicePaid(Event):
    """`roaming.invoice_paid`."""

    type: Literal["roaming.invoice_paid"]
    data: InvoicePaidData


class PayoutProgressed(Event):
    """`payout.accepted` and `payout.paid`."""

    type: Literal["payout.accepted", "payout.paid"]
    data: PayoutProgressData


class PayoutRefused(Event):
    """`payout.failed` and `payout.returned`."""

    type: Literal["payout.failed", "payout.returned"]
    data: PayoutRefusedData


class PayoutRetried(Event):
    """`payout.retried`."""

    type: Literal["payout.retried"]
    data: PayoutRetriedData
