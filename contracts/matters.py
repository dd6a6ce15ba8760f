"""Events of what is between an operator and the platform: adjustments, write-offs, holds, invoices, balances.

All but `saas.invoiced`, which the billing system sends, are decided by people, on the topic `decisions`.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, StringConstraints, WithJsonSchema, model_validator

from contracts.amounts import Money, PositiveMoney, UnsignedMoney, check_same_currency
from contracts.decisions import Decision
from contracts.envelope import Event
from contracts.payments import BusinessDate
from contracts.values import Identifier, Reason, Text, Time, Wire, bad_value

# An account that can be written off: what drivers, providers, partners and operators owe, what nobody claims.
WRITTEN_OFF_PATTERN = r"^(1105|1110|1210|1230|1250|2010|2080|2410)/[\x20-\x7E]{1,64}$"
_WRITTEN_OFF = re.compile(WRITTEN_OFF_PATTERN)


def _written_off(text: str) -> str:
    if _WRITTEN_OFF.fullmatch(text) is None:
        raise bad_value(
            "must be an account that can be written off, such as 2010/OP-1: of 1105, 1110, 1210, 1230, 1250, 2010, "
            "2080 or 2410"
        )
    return text


def _not_nothing(money: Money) -> Money:
    if not money.amount:
        raise bad_value("must not be zero", "amount")
    return money


WrittenOffAccount = Annotated[
    str, AfterValidator(_written_off), WithJsonSchema({"type": "string", "pattern": WRITTEN_OFF_PATTERN})
]
ReasonCode = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7E]{1,64}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
SomeMoney = Annotated[Money, AfterValidator(_not_nothing)]


class AdjustmentProposedData(Decision):
    """Somebody proposes to give an operator an amount (CREDIT), or to take it (DEBIT); nothing is posted yet."""

    adjustment_id: Identifier
    operator_id: Identifier
    amount: PositiveMoney
    direction: Literal["CREDIT", "DEBIT"]
    reason_code: ReasonCode
    note: Text
    session_id: Identifier | None = None
    attachment_sha256: Sha256 | None = None
    proposed_at: Time


class AdjustmentDecidedData(Decision):
    """Somebody else approves an adjustment, or it is rejected."""

    adjustment_id: Identifier
    at: Time
    reason: Text | None = None


class WriteOffProposedData(Decision):
    """Somebody proposes to write off what an account is left with.

    `amount` is as the account stands as a rule: what is owed to the platform, of 2010 too, or of 2080 and 2410 what
    it owes; negative where it stands on the other side. `session_id` or `invoice_id` say what it is about.
    """

    write_off_id: Identifier
    account: WrittenOffAccount
    amount: SomeMoney
    reason_code: ReasonCode
    note: Text
    session_id: Identifier | None = None
    invoice_id: Identifier | None = None
    at: Time

    @model_validator(mode="after")
    def _takes_nothing_from_operators(self) -> "WriteOffProposedData":
        if self.account.startswith("2010/") and self.amount.amount < 0:
            raise bad_value("must be what the operator owes, more than zero; propose an adjustment else", "amount")
        return self


class WriteOffDecidedData(Decision):
    """Somebody else approves a write-off, or it is rejected."""

    write_off_id: Identifier
    at: Time
    reason: Text | None = None


class ReserveHeldData(Decision):
    """Somebody keeps an amount of what an operator may be paid, until a moment or until it is released."""

    hold_id: Identifier
    operator_id: Identifier
    amount: PositiveMoney
    until: Time | None = None
    session_id: Identifier | None = None
    at: Time
    reason: Reason


class ReserveReleasedData(Decision):
    """Somebody gives back some of a hold; all that is left of it without an amount."""

    hold_id: Identifier
    operator_id: Identifier
    amount: PositiveMoney | None = None
    at: Time
    reason: Reason


class BalanceSettledData(Decision):
    """What an operator owes was put into the account of client money by the platform, or collected from it."""

    operator_id: Identifier
    amount: PositiveMoney
    at: Time
    reference: Identifier
    reason: Reason


class SaasInvoicedData(Wire):
    """The billing system invoiced an operator for a period, whose last day is `period_to`.

    With `netting` the operator's next payouts are less by it.
    """

    invoice_id: Identifier
    operator_id: Identifier
    net: PositiveMoney
    vat: UnsignedMoney
    period_from: BusinessDate
    period_to: BusinessDate
    invoiced_at: Time
    netting: bool

    @model_validator(mode="after")
    def _is_an_invoice(self) -> "SaasInvoicedData":
        check_same_currency(self.net, self.vat, "vat")
        if self.period_to < self.period_from:
            raise bad_value(f"must not be before period_from, {self.period_from}", "period_to")
        return self


class AdjustmentProposed(Event):
    """`adjustment.proposed`."""

    type: Literal["adjustment.proposed"]
    data: AdjustmentProposedData


class AdjustmentDecided(Event):
    """`adjustment.approved` and `adjustment.rejected`."""

    type: Literal["adjustment.approved", "adjustment.rejected"]
    data: AdjustmentDecidedData


class WriteOffProposed(Event):
    """`write_off.proposed`."""

    type: Literal["write_off.proposed"]
    data: WriteOffProposedData


class WriteOffDecided(Event):
    """`write_off.approved` and `write_off.rejected`."""

    type: Literal["write_off.approved", "write_off.rejected"]
    data: WriteOffDecidedData


class ReserveHeld(Event):
    """`reserve.held`."""

    type: Literal["reserve.held"]
    data: ReserveHeldData


class ReserveReleased(Event):
    """`reserve.released`."""

    type: Literal["reserve.released"]
    data: ReserveReleasedData


class BalanceSettled(Event):
    """`operator.balance_funded` and `operator.balance_collected`."""

    type: Literal["operator.balance_funded", "operator.balance_collected"]
    data: BalanceSettledData


class SaasInvoiced(Event):
    """`saas.invoiced`."""

    type: Literal["saas.invoiced"]
    data: SaasInvoicedData
