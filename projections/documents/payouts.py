"""Payouts as documents: all that is known of one, and the line of it in a list."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from domain.calendar import utc_seconds
from domain.money import format_minor
from projections.queries import PayoutRow

LISTED = ("payout_id", "operator_id", "business_date", "currency", "amount", "status", "attempt")


def payout_document(row: PayoutRow) -> dict[str, Any]:
    """Every column of a payout; times are in UTC to the second."""
    found = asdict(row)
    found |= {name: format_minor(found[name], row.currency) for name in ("amount", "reserve")}
    return {name: _plain(value) for name, value in found.items()}


def listed_payout(row: PayoutRow) -> dict[str, Any]:
    """What a list says of a payout: which it is, how much, and where it stands."""
    found = payout_document(row)
    return {name: found[name] for name in LISTED}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{utc_seconds(value)}Z"
    return value.isoformat() if isinstance(value, date) else value
