"""Taxes withheld, as documents; amounts are decimal texts."""

from typing import Any

from domain.money import format_minor
from projections.withholding import TaxWithheld

LISTED = (
    *("regime", "business_date", "payout_id", "status", "currency", "base", "percent", "withheld"),
    *("base_so_far", "withheld_so_far"),
)
NUMBERS = ("base", "percent", "withheld", "base_so_far", "withheld_so_far")


def withheld_document(row: TaxWithheld) -> dict[str, Any]:
    """What a payout withheld by a regime, of what, and what it comes to in the tax year so far."""
    return {
        "regime": row.regime,
        "business_date": row.business_date.isoformat(),
        "payout_id": row.payout_id,
        "status": row.status,
        "currency": row.currency,
        "base": format_minor(row.base, row.currency),
        "percent": row.percent,
        "withheld": format_minor(row.amount, row.currency),
        "base_so_far": format_minor(row.base_so_far, row.currency),
        "withheld_so_far": format_minor(row.amount_so_far, row.currency),
    }
