"""The posting rules of CDRs that partners were invoiced for, or dispute."""

from collections.abc import Callable
from typing import Any

from domain.book.drafts import OUTPUT_VAT, Draft, payable, vat_account
from domain.book.roaming_bookings import (
    CdrDisputed,
    CdrDisputeLost,
    CdrDisputeWon,
    CdrInvoiced,
    CdrReceived,
    HomeChargingEarned,
    InvoicedCdrPaid,
)

COMMISSION_ROAMING, COST_OF_CHARGING = "4020", "5030"


def _receivable(b: CdrDisputed | CdrDisputeWon) -> str:
    return f"{'1210' if b.invoiced else '1200'}/{b.partner}"


def _invoiced(b: CdrInvoiced) -> list[Draft]:
    return [("J16", [(f"1210/{b.partner}", b.gross), (f"1200/{b.partner}", -b.gross)])]


def _paid(_: InvoicedCdrPaid) -> list[Draft]:
    """Nothing: the invoice's own J17 is for all of its CDRs."""
    return []


def _disputed(b: CdrDisputed) -> list[Draft]:
    legs = [
        (f"1220/{b.partner}", b.amount),
        (_receivable(b), -b.amount),
        (payable(b), b.amount),
        (f"2030/{b.operator_id}", -b.amount),
    ]
    return [("J18", legs)]


def _won(b: CdrDisputeWon) -> list[Draft]:
    legs = [
        (_receivable(b), b.amount),
        (f"1220/{b.partner}", -b.amount),
        (f"2030/{b.operator_id}", b.amount),
        (payable(b), -b.amount),
    ]
    return [("J19", legs)]


def _lost(b: CdrDisputeLost) -> list[Draft]:
    legs = [
        (f"2030/{b.operator_id}", b.amount),
        (COMMISSION_ROAMING, b.commission_back),
        (vat_account(OUTPUT_VAT, b.vat_at), b.commission_vat_back),
        (f"1220/{b.partner}", -b.amount),
        (payable(b), -(b.commission_back + b.commission_vat_back)),
    ]
    return [("J20", legs)]


def _received(b: CdrReceived) -> list[Draft]:
    owed = f"2220/{b.partner}"
    return [("J24", [(COST_OF_CHARGING, b.net), (f"1310/{b.vat_code}", b.vat), (owed, -b.net - b.vat)])]


def _home_charging(b: HomeChargingEarned) -> list[Draft]:
    return [("J24h", [(f"1210/{b.partner}", b.amount), (f"2011/{b.operator_id}", -b.amount)])]


RULES_OF_ROAMING: dict[type, Callable[[Any], list[Draft]]] = {
    CdrInvoiced: _invoiced,
    InvoicedCdrPaid: _paid,
    CdrDisputed: _disputed,
    CdrDisputeWon: _won,
    CdrDisputeLost: _lost,
    CdrReceived: _received,
    HomeChargingEarned: _home_charging,
}
