"""How long operators' cash lasts as documents: amounts are decimal texts."""

from typing import Any

from domain.calendar import utc_text
from domain.money import format_minor
from projections.network.runways import OperatorRunway


def runway_document(found: OperatorRunway) -> dict[str, Any]:
    """The declaration, the runways in days, and what is left at the end of each day, with its lower end."""
    declared, curve, currency = found.declared, found.runway, found.currency
    return {
        "operator_id": found.operator_id,
        "currency": currency,
        "declared_at": utc_text(declared.at) if declared else None,
        "cash": format_minor(declared.amount, currency) if declared else None,
        "runway_days": curve.runway_days,
        "runway_days_low": curve.runway_days_low,
        "has_forecast": found.has_forecast,
        "undated_costs": list(found.undated),
        "days": [
            {
                "date": each.day.isoformat(),
                "inflow": format_minor(each.inflow, currency),
                "cost": format_minor(each.cost, currency),
                "left": format_minor(each.left, currency),
                "low": None if each.low is None else format_minor(each.low, currency),
            }
            for each in curve.days
        ],
    }
