"""The posting rules of the treasury: fees of hubs, suppliers that were paid, conversions and deals."""

from collections.abc import Callable
from typing import Any

from domain.book.drafts import BANK, Draft, available
from domain.book.treasury_bookings import (
    CurrencyBought,
    CurrencySold,
    FundsBought,
    FundsSold,
    FxResultRealised,
    HubFeeAccrued,
    HubInvoiced,
    SupplierPaid,
)

OPERATING_BANK = "1020"
HUB_FEES, FX_SPREAD, FX_RESULT = "5020", "4070", "5080"


def input_vat(vat_code: str) -> str:
    """Input VAT of a jurisdiction and rate, `DE-19`; of none where nobody has said which."""
    return f"1310/{vat_code}" if vat_code else "1310"


def _position(booking: FundsSold | FundsBought | CurrencySold | CurrencyBought | FxResultRealised) -> str:
    return f"1510/{booking.pair}"


def _hub_fee(b: HubFeeAccrued | HubInvoiced) -> list[Draft]:
    owed = f"2210/{b.hub_id}"
    return [("J15", [(HUB_FEES, b.fee), (input_vat(b.vat_code), b.fee_vat), (owed, -b.fee - b.fee_vat)])]


def _supplier_paid(b: SupplierPaid) -> list[Draft]:
    return [("J24p", [(b.account, b.amount), (OPERATING_BANK, -b.amount)])]


def _funds_sold(b: FundsSold) -> list[Draft]:
    return [("J51", [(available(b), b.amount), (_position(b), -b.amount)])]


def _funds_bought(b: FundsBought) -> list[Draft]:
    return [("J51", [(_position(b), b.amount), (available(b), b.spread - b.amount), (FX_SPREAD, -b.spread)])]


def _currency_sold(b: CurrencySold) -> list[Draft]:
    return [("J52", [(_position(b), b.amount), (BANK, -b.amount)])]


def _currency_bought(b: CurrencyBought) -> list[Draft]:
    return [("J52", [(BANK, b.amount), (_position(b), -b.amount)])]


def _result(b: FxResultRealised) -> list[Draft]:
    return [("J53", [(FX_RESULT, b.loss), (_position(b), -b.loss)])]


RULES_OF_THE_TREASURY: dict[type, Callable[[Any], list[Draft]]] = {
    HubFeeAccrued: _hub_fee,
    HubInvoiced: _hub_fee,
    SupplierPaid: _supplier_paid,
    FundsSold: _funds_sold,
    FundsBought: _funds_bought,
    CurrencySold: _currency_sold,
    CurrencyBought: _currency_bought,
    FxResultRealised: _result,
}
