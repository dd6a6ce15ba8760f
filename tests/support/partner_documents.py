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
