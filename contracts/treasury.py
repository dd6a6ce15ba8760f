"""Events of the treasury: rates of exchange, conversions and deals, suppliers that were paid, invoices of hubs."""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema, model_validator

from contracts.amounts import (
    UNSIGNED_PATTERN,
    Currency,
    DecimalText,
    Percent,
    PositiveMoney,
    UnsignedMoney,
    check_same_currency,
)
from contracts.envelope import Event
from contracts.payments import BusinessDate
from contracts.values import Identifier, Time, Wire, bad_value

# What the platform owes to suppliers of its own: hubs, and foreign operators at whose chargers our drivers charge.
SUPPLIER_PATTERN = r"^(2210|2220)/[\x20-\x7E]{1,64}$"
_SUPPLIER = re.compile(SUPPLIER_PATTERN)


def _supplier(text: str) -> str:
    if _SUPPLIER.fullmatch(text) is None:
        raise bad_value("must be the account of a hub or of a foreign operator, such as 2210/HUB-1 or 2220/FR-CPO")
    return text


def _positive_rate(text: DecimalText) -> DecimalText:
    if text <= 0:
        raise bad_value("must be more than zero")
    return text


SupplierAccount = Annotated[
    str, AfterValidator(_supplier), WithJsonSchema({"type": "string", "pattern": SUPPLIER_PATTERN})
]
Rate = Annotated[
    DecimalText, AfterValidator(_positive_rate), WithJsonSchema({"type": "string", "pattern": UNSIGNED_PATTERN})
]


class FxRatePublishedData(Wire):
    """One unit of `base` is worth `rate` units of `quote` from a moment on, by a provider of rates."""

    base: Currency
    quote: Currency
    rate: Rate
    at: Time
    provider: Identifier

    @model_validator(mode="after")
    def _is_of_two_currencies(self) -> "FxRatePublishedData":
        if self.base == self.quote:
            raise bad_value(f"must be another currency than base, {self.base}", "quote")
        return self


class FxConvertedData(Wire):
    """What an operator may be paid was converted: `sold` at `rate` (units of `to_currency` for one sold).

    `spread_percent` of what it comes to is the platform's.
    """

    conversion_id: Identifier
    operator_id: Identifier
    sold: PositiveMoney
    to_currency: Currency
    rate: Rate
    spread_percent: Percent
    at: Time

    @model_validator(mode="after")
    def _is_of_two_currencies(self) -> "FxConvertedData":
        if self.sold.currency == self.to_currency:
            raise bad_value(f"must be another currency than that of sold, {self.to_currency}", "to_currency")
        return self


class FxExecutedData(Wire):
    """A bank exchanged client money: a deal as it was confirmed."""

    deal_id: Identifier
    sold: PositiveMoney
    bought: PositiveMoney
    executed_at: Time

    @model_validator(mode="after")
    def _is_of_two_currencies(self) -> "FxExecutedData":
        if self.sold.currency == self.bought.currency:
            raise bad_value(f"must be another currency than that of sold, {self.sold.currency}", "bought.currency")
        return self


class SupplierPaidData(Wire):
    """An invoice of a hub or of a foreign operator was paid from the platform's own money."""

    account: SupplierAccount
    invoice_id: Identifier
    amount: PositiveMoney
    paid_at: Time


class HubInvoicedData(Wire):
    """A hub invoiced its fees of the days from `from` to `to`, both included (days of UTC)."""

    model_config = ConfigDict(serialize_by_alias=True)

    hub_id: Identifier
    invoice_id: Identifier
    net: UnsignedMoney
    vat: UnsignedMoney
    first_day: Annotated[BusinessDate, Field(alias="from")]
    last_day: Annotated[BusinessDate, Field(alias="to")]
    at: Time

    @model_validator(mode="after")
    def _is_an_invoice(self) -> "HubInvoicedData":
        check_same_currency(self.net, self.vat, "vat")
        if date.fromisoformat(self.last_day) < date.fromisoformat(self.first_day):
            raise bad_value(f"must not be before from, {self.first_day}", "to")
        return self


class FxRatePublished(Event):
    """`fx.rate_published`."""

    type: Literal["fx.rate_published"]
    data: FxRatePublishedData


class FxConverted(Event):
    """`fx.converted`."""

    type: Literal["fx.converted"]
    data: FxConvertedData


class FxExecuted(Event):
    """`fx.executed`."""

    type: Literal["fx.executed"]
    data: FxExecutedData


class SupplierPaid(Event):
    """`supplier.paid`."""

    type: Literal["supplier.paid"]
    data: SupplierPaidData


class HubInvoiced(Event):
    """`hub.invoiced`."""

    type: Literal["hub.invoiced"]
    data: HubInvoicedData
