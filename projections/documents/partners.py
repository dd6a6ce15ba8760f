"""Roaming partners as documents; amounts are decimal texts."""

from typing import Any

from domain.calendar import utc_text
from domain.money import format_minor
from projections.partners import PartnerRow

LISTED = ("partner", "name", "currency", "funding", "payment_terms_days", "uninvoiced", "unpaid")


def partner_document(row: PartnerRow) -> dict[str, Any]:
    """A partner as it is registered, and what it owes in its currency; `owes` has that of every currency there is."""
    data, currency = row.data, row.data["currency"]
    own = next((each for each in row.owes if each.currency == currency), None)
    return {
        "partner": row.partner,
        "name": data["name"],
        "country_code": data["country_code"],
        "party_id": data["party_id"],
        "currency": currency,
        "fee": {"percent": data["fee"]["percent"], "per_session": data["fee"]["per_session"]},
        "payment_terms_days": data["payment_terms_days"],
        "funding": data["funding"],
        "registered_at": utc_text(row.registered_at),
        "uninvoiced": format_minor(own.uninvoiced if own else 0, currency),
        "unpaid": format_minor(own.unpaid if own else 0, currency),
        "owes": [
            {
                "currency": each.currency,
                "uninvoiced": format_minor(each.uninvoiced, each.currency),
                "unpaid": format_minor(each.unpaid, each.currency),
            }
            for each in row.owes
        ],
    }
