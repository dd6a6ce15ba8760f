"""Expected payouts as documents: amounts are decimal texts."""

from typing import Any

from domain.money import format_minor
from projections.forecast import ExpectedDay

FORECAST = ("operator_id", "currency", "business_date", "expected", "low", "high", "released")


def expected_document(day: ExpectedDay) -> dict[str, Any]:
    """A business date to come; `low` and `high` are null where too few errors tell how wide the band is."""
    told = day.forecast
    low, high = (None if each is None else format_minor(each, day.currency) for each in (told.low, told.high))
    return {
        "operator_id": day.operator_id,
        "currency": day.currency,
        "business_date": told.business_date.isoformat(),
        "expected": format_minor(told.expected, day.currency),
        "low": low,
        "high": high,
        "released": format_minor(day.released, day.currency),
    }
