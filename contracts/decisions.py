"""Decisions of people: each is signed, names who decided (`by`), and acts at a time of its own."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from contracts.amounts import PositiveMoney
from contracts.envelope import Event
from contracts.payments import BusinessDate
from contracts.values import Identifier, Partner, PayoutId, Reason, Time, Wire

# Who decided: the name of a person, or `key:ID` of a key that acts for none; never a name with an address.
Principal = Annotated[str, StringConstraints(min_length=1, max_length=255)]
# A detached JWS in compact form has nothing between its two dots.
Signature = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,1000}\.\.[A-Za-z0-9_-]{1,1000}$")]


class Decision(Wire):
    """What every decision has: who took it, and the signature over all that it says (`contracts.signatures`).

    The signature comes as the attribute `signature` of the event, or in its data.
    """

    by: Principal
    signature: Signature | None = None


class PayoutRetriedData(Decision):
    """A person has a payout that came to nothing go out again."""

    payout_id: PayoutId
    at: Time
    reason: Reason


class PayoutsReopenedData(Decision):
    """A person opens payout days again that were closed too far: those of the business dates from `from` on.

    Of all operators where `operator_id` names none.
    """

    model_config = ConfigDict(serialize_by_alias=True)

    operator_id: Identifier | None = None
    opened_from: Annotated[BusinessDate, Field(alias="from")]
    at: Time
    reason: Reason


class BankReceiptAllocatedData(Decision):
    """A person knows whose money a line of a bank is: it pays so much of an invoice of a roaming partner."""

    entry_reference: Identifier
    invoice_id: Identifier
    partner: Partner
    amount: PositiveMoney
    at: Time
    reason: Reason


class PayoutRetried(Event):
    """`payout.retried`."""

    type: Literal["payout.retried"]
    data: PayoutRetriedData


class PayoutsReopened(Event):
    """`payouts.reopened`."""

    type: Literal["payouts.reopened"]
    data: PayoutsReopenedData


class BankReceiptAllocated(Event):
    """`bank.receipt_allocated`."""

    type: Literal["bank.receipt_allocated"]
    data: BankReceiptAllocatedData
