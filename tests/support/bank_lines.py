"""Builders of what banks book."""

from typing import Any

from tests.support.events import event

ACCOUNT = "DE89370400440532013000"


def bank_line(reference: str, amount: str, direction: str = "CREDIT", **told: Any) -> dict[str, Any]:
    """A line of an entry in EUR, UNALLOCATED if nothing else is said."""
    at = told.pop("at")
    data = {
        "account": ACCOUNT,
        "entry_reference": reference,
        "booked_at": at,
        "amount": {"amount": amount, "currency": "EUR"},
        "direction": direction,
        "purpose": told.pop("purpose", "UNALLOCATED"),
    }
    return event("bank.entry_booked", ACCOUNT, at, data | told, reference)
