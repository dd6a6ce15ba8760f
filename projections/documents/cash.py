"""Cash by operator and currency as documents: amounts are decimal texts, days are numbers."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from domain.calendar import utc_text
from domain.money import format_minor
from projections.cash import DayOfCash
from projections.cash_position import CashPosition
from projections.days_to_cash import PARTS, DaysToCash, SessionToCash
from projections.documents.balances import OWED, owed_document

MOVED = ("earned", "captured", "settled", "available", "paid")
_DAY_S = Decimal(86_400)


def days(seconds: float, decimals: int = 1) -> float:
    """Seconds in days, rounded half-up."""
    return float((Decimal(repr(seconds)) / _DAY_S).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))


def days_document(found: DaysToCash | None) -> dict[str, Any]:
    """`count`, `median` and `p90` with one decimal, null without sessions; `mean` and its `parts` with two."""
    if found is None:
        return {"count": 0, "median": None, "p90": None, "mean": None, "parts": None}
    return {
        "count": found.count,
        "median": days(found.median),
        "p90": days(found.p90),
        "mean": days(found.mean, 2),
        "parts": {name: days(getattr(found, name), 2) for name in PARTS},
    }


def cash_document(found: CashPosition) -> dict[str, Any]:
    """What moved in the span, `owed` split as in balances, and `days_to_cash`."""
    moved, owed = found.moved, owed_document(found.owed)
    amounts = {name: format_minor(getattr(moved, name), moved.currency) for name in MOVED}
    return {
        "operator_id": moved.operator_id,
        "currency": moved.currency,
        **amounts,
        "owed": {name: owed[name] for name in (*OWED, "owed")},
        "days_to_cash": days_document(found.days),
    }


def day_document(found: DayOfCash) -> dict[str, Any]:
    """What was earned and paid on a day."""
    return {
        "currency": found.currency,
        "day": found.day.isoformat(),
        "earned": format_minor(found.earned, found.currency),
        "paid": format_minor(found.paid, found.currency),
    }


def session_document(found: SessionToCash) -> dict[str, Any]:
    """A session on its way to cash; times with the parts in seconds, which add up, `days` with one decimal."""
    return {
        "session_id": found.session_id,
        "operator_id": found.operator_id,
        "currency": found.currency,
        "payout_id": found.payout_id,
        "ended_at": utc_text(found.ended_at),
        "paid_at": utc_text(found.paid_at),
        "days": days(found.seconds),
        "seconds": found.seconds,
        "parts": {name: getattr(found, name) for name in PARTS},
    }
