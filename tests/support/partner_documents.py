"""Builders of invoices to partners and of their disputes of CDRs."""

from collections.abc import Sequence
from typing import Any

from tests.support.events import event, money

PARTNER = "DE-ABC"


def invoice_issued(
    invoice_id: str, at: str, cdr_ids: Sequence[str], amount: str = "12.10", partner: str = PARTNER
) -> dict[str, Any]:
    """A partner was invoiced for these CDRs."""
    data = {"invoice_id": invoice_id, "partner": partner, "cdr_ids": list(cdr_ids), "amount": money(amount)}
    return event("roaming.invoice_issued", partner, at, data | {"issued_at": at, "due_on": "2026-05-01"})


def cdr_disputed(
    dispute_id: str, at: str, cdr_id: str, amount: str | None = None, partner: str = PARTNER
) -> dict[str, Any]:
    """A partner disputes a CDR, whole or in part."""
    data: dict[str, Any] = {"dispute_id": dispute_id, "partner": partner, "cdr_id": cdr_id, "at": at}
    data["reason"] = "unknown driver"
    if amount is not None:
        data["amount"] = money(amount)
    return event("roaming.cdr_disputed", partner, at, data, f"{dispute_id}:{cdr_id}:{at}")


def cdr_dispute_closed(dispute_id: str, at: str, cdr_id: str, outcome: str, partner: str = PARTNER) -> dict[str, Any]:
    """A dispute was WON or LOST."""
    data = {"dispute_id": dispute_id, "partner": partner, "cdr_id": cdr_id, "outcome": outcome, "at": at}
    return event("roaming.dispute_closed", partner, at, data, f"{dispute_id}:{cdr_id}:{outcome}:{at}")


def cdr_received(
    cdr_id: str, at: str, net: str = "10.00", vat: str = "2.00", payee_id: str | None = None, partner: str = "FR-CPO"
) -> dict[str, Any]:
    """A partner sent a CDR of a driver of ours, or of one who charged at a payee's home."""
    data: dict[str, Any] = {"cdr_id": cdr_id, "partner": partner, "net": money(net), "vat": money(vat), "at": at}
    data |= {"jurisdiction": "FR", "vat_percent": "20.0"} | ({"payee_id": payee_id} if payee_id else {})
    return event("roaming.cdr_received", partner, at, data, f"received:{cdr_id}:{at}:{net}")
