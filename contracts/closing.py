"""Decisions about the book itself: periods that are closed or opened again, own money that is swept out, VAT returns.

Each acts at its own time, by the clock: what is taken in with it is not late.
"""

import re
from calendar import monthrange
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from contracts.amounts import Currency, DecimalText, Money, check_decimals, check_same_currency
from contracts.decisions import Decision
from contracts.envelope import Event
from contracts.matters import Sha256, SomeMoney
from contracts.payments import BusinessDate
from contracts.values import Identifier, Reason, Text, Time, bad_value

PERIOD_PATTERN = r"^[0-9]{4}-(0[1-9]|1[0-2])$"
_PERIOD = re.compile(PERIOD_PATTERN)


def _period(text: str) -> str:
    if _PERIOD.fullmatch(text) is None or text.startswith("0000"):
        raise bad_value("must be a month, such as 2026-03")
    return text


Period = Annotated[
    str, StringConstraints(pattern=r"^[\x20-\x7E]{1,16}$"), AfterValidator(_period), Field(examples=["2026-03"])
]
# A country, by its two letters, or a part of one that has VAT of its own.
Jurisdiction = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,8})?$")]


class PeriodClosedData(Decision):
    """Somebody closes a period by the figures that `statement_hash` stands for; two people have to.

    `reason` is the note by which they waive what is open of the checklist.
    """

    period: Period
    statement_hash: Sha256
    at: Time
    reason: Text | None = None


class PeriodReopenedData(Decision):
    """Somebody opens the period closed last again, naming the figures that were issued; two people have to."""

    period: Period
    statement_hash: Sha256
    at: Time
    reason: Reason


class SweepData(Decision):
    """Somebody proposes to take own money out of the account of client money, approves that, or did it."""

    sweep_id: Identifier
    currency: Currency
    amount: DecimalText
    at: Time

    @model_validator(mode="after")
    def _is_money(self) -> "SweepData":
        check_decimals(self.amount, self.currency, "amount")
        if self.amount <= 0:
            raise bad_value("must be more than zero", "amount")
        return self


class VatFiledData(Decision):
    """A VAT return was filed: what is owed (`output`) and what is deducted (`input`) of whole months."""

    model_config = ConfigDict(serialize_by_alias=True)

    return_id: Identifier
    jurisdiction: Jurisdiction
    filed_from: Annotated[BusinessDate, Field(alias="from")]
    filed_to: Annotated[BusinessDate, Field(alias="to")]
    output: Money
    input: Money
    filed_at: Time

    @model_validator(mode="after")
    def _is_of_whole_months(self) -> "VatFiledData":
        check_same_currency(self.output, self.input, "input")
        first, last = (date.fromisoformat(str(each)) for each in (self.filed_from, self.filed_to))
        if first.day != 1:
            raise bad_value("must be the first day of a month", "from")
        if last.day != monthrange(last.year, last.month)[1]:
            raise bad_value("must be the last day of a month", "to")
        if last < first:
            raise bad_value(f"must not be before from, {first}", "to")
        return self


class VatPaidData(Decision):
    """The balance of a VAT return was paid; negative where the tax office paid it."""

    return_id: Identifier
    amount: SomeMoney
    paid_at: Time


class PeriodClosed(Event):
    """`period.closed`."""

    type: Literal["period.closed"]
    data: PeriodClosedData


class PeriodReopened(Event):
    """`period.reopened`."""

    type: Literal["period.reopened"]
    data: PeriodReopenedData


class Sweep(Event):
    """`sweep.proposed`, `sweep.approved` and `sweep.executed`."""

    type: Literal["sweep.proposed", "sweep.approved", "sweep.executed"]
    data: SweepData


class VatFiled(Event):
    """`vat.filed`."""

    type: Literal["vat.filed"]
    data: VatFiledData


class VatPaid(Event):
    """`vat.paid`."""

    type: Literal["vat.paid"]
    data: VatPaidData
