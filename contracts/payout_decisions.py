"""What people decide about payouts: they approve and reject, hold and stop, and agree on another bank account."""

from typing import Annotated, Literal

from pydantic import StringConstraints, model_validator

from contracts.amounts import Currency, UnsignedText, check_decimals
from contracts.catalogue import BankAccount
from contracts.decisions import Decision
from contracts.envelope import Event
from contracts.values import Identifier, PayoutId, Reason, Time

ContentHash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class PayoutApprovedData(Decision):
    """A person lets a payout of just this content go."""

    payout_id: PayoutId
    content_hash: ContentHash
    approved_at: Time


class PayoutRejectedData(Decision):
    """A person has a payout of just this content not go; its lines are free for the next run."""

    payout_id: PayoutId
    content_hash: ContentHash
    rejected_at: Time
    reason: Reason


class PayoutsHeldData(Decision):
    """The payouts of an operator are held, or released: runs pay nothing meanwhile, and lines are carried."""

    operator_id: Identifier
    at: Time
    reason: Reason


class PayoutsStoppedData(Decision):
    """All runs and hand-offs stop, or go on."""

    at: Time
    reason: Reason


class InstantRequestedData(Decision):
    """A person asks that an operator be paid at once, and not only with the run of the day.

    Just `amount`, a decimal string in `currency`, or all that can be paid without one.
    """

    operator_id: Identifier
    currency: Currency
    amount: UnsignedText | None = None
    at: Time
    reason: Reason | None = None

    @model_validator(mode="after")
    def _has_the_currencys_decimals(self) -> "InstantRequestedData":
        if self.amount is not None:
            check_decimals(self.amount, self.currency, "amount")
        return self


class BankAccountData(Decision):
    """Another account of an operator is proposed, or confirmed by another person."""

    operator_id: Identifier
    bank_account: BankAccount
    at: Time


class InstantRequested(Event):
    """`payout.instant_requested`."""

    type: Literal["payout.instant_requested"]
    data: InstantRequestedData


class PayoutApproved(Event):
    """`payout.approved`."""

    type: Literal["payout.approved"]
    data: PayoutApprovedData


class PayoutRejected(Event):
    """`payout.rejected`."""

    type: Literal["payout.rejected"]
    data: PayoutRejectedData


class PayoutsHeld(Event):
    """`operator.payouts_held` and `operator.payouts_released`."""

    type: Literal["operator.payouts_held", "operator.payouts_released"]
    data: PayoutsHeldData


class PayoutsStopped(Event):
    """`payouts.stopped` and `payouts.resumed`."""

    type: Literal["payouts.stopped", "payouts.resumed"]
    data: PayoutsStoppedData


class BankAccountDecided(Event):
    """`bank_account.proposed` and `bank_account.confirmed`."""

    type: Literal["bank_account.proposed", "bank_account.confirmed"]
    data: BankAccountData
