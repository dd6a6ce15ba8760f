"""Events of payments, roaming partners' answers, the payout processor's results and what people decide of payouts."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from contracts.amounts import Money, PositiveMoney, UnsignedMoney, check_same_currency
from contracts.envelope import Event
from contracts.ocpi.values import Date
from contracts.values import (
    EARLIEST_YEAR,
    LATEST_YEAR,
    AtLeastOne,
    Identifier,
    Many,
    Partner,
    PayoutId,
    Reason,
    Text,
    Time,
    Wire,
    bad_value,
    missing_field,
)

# A settlement that has more parts is no longer one day's of one provider.
MAX_PARTS = 10_000

# An ISO 20022 external reason code; what else a bank writes is kept, and told.
ReasonCode = Reason


def _in_the_years(text: str) -> str:
    if not EARLIEST_YEAR <= date.fromisoformat(text).year <= LATEST_YEAR:
        raise bad_value(f"lies outside the years {EARLIEST_YEAR} to {LATEST_YEAR}")
    return text


BusinessDate = Annotated[Date, AfterValidator(_in_the_years)]


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


_OF_NO_PAYMENT = ("FEE", "RESERVE")
_IS_OF_PAYMENT: dict[str, Any] = {
    "not": {"properties": {"kind": {"enum": list(_OF_NO_PAYMENT)}}, "required": ["kind"]}
}


class SettlementItem(Wire):
    """One line of a provider's settlement: a payment, or a refund, a dispute or a fee of one.

    `gross` less `fee` is what the line adds to the net sum; both may be negative (refunds, charge-backs, rebates).
    Only a fee may be of no payment. What a provider keeps as its reserve is of none: `gross` is below zero where it
    is kept, and above where it is given back.
    """

    model_config = ConfigDict(json_schema_extra={"if": _IS_OF_PAYMENT, "then": {"required": ["payment_id"]}})

    payment_id: Identifier | None = None
    gross: Money
    fee: Money
    kind: Literal["PAYMENT", "REFUND", "DISPUTE", "FEE", "RESERVE"] | None = None
    refund_id: Identifier | None = None
    dispute_id: Identifier | None = None

    @model_validator(mode="after")
    def _names_its_payment(self) -> "SettlementItem":
        if self.payment_id is None and self.kind not in _OF_NO_PAYMENT:
            raise missing_field("payment_id")
        if self.payment_id is not None and self.kind == "RESERVE":
            raise bad_value("names a payment; what a provider keeps as its reserve is of none", "payment_id")
        return self


PartNumber = Annotated[int, Field(ge=1, le=MAX_PARTS)]


class PaymentSettledData(Wire):
    """A provider's money reached our bank account: the lines that it is made of and the net sum, or one part of both.

    One part of several is known by its number, `part` of `parts`, and has the net sum of its own lines.
    """

    settlement_id: Identifier
    provider: Identifier
    settled_at: Time
    items: Many[SettlementItem]
    net: Money
    part: PartNumber | None = None
    parts: PartNumber | None = None

    @model_validator(mode="after")
    def _is_one_of_its_parts(self) -> "PaymentSettledData":
        if self.parts is not None and (self.part or 1) > self.parts:
            raise bad_value(f"is {self.part} of {self.parts}; parts count from 1 up to `parts`", at="part")
        return self

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
    """The payout processor took or executed a payout; `amount` is what the bank has booked of it."""

    payout_id: PayoutId
    at: Time
    bank_reference: Text | None = None
    amount: PositiveMoney | None = None


class PayoutRefusedData(PayoutProgressData):
    """A payout failed or came back, with the ISO 20022 external reason code; `amount` is what came back, if less."""

    reason: ReasonCode


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
