"""Sessions as documents: a line of a list, in the shape of `sessions.jsonl`."""

from collections.abc import Sequence
from typing import Any

from domain.money import format_minor, plain
from projections.queries import SessionRow

AMOUNTS = ("net", "vat", "gross", "commission", "commission_vat", "operator_share")
_RATED = "RATED"


def listed_session(row: SessionRow) -> dict[str, Any]:
    """A session with its state; energy and amounts, decimal texts, only where it is rated."""
    currency = row.currency if row.state == _RATED else None
    amounts = {name: None if currency is None else format_minor(getattr(row, name), currency) for name in AMOUNTS}
    return {
        "session_id": row.session_id,
        "operator_id": row.operator_id,
        "state": row.state,
        "reason": row.reason,
        "energy_wh": None if currency is None or row.energy_wh is None else plain(row.energy_wh),
        "currency": currency,
    } | amounts


def session_line(row: Sequence[Any]) -> dict[str, Any]:
    """A line of `sessions.jsonl`, from its columns in their order: energy as a text, amounts in minor units."""
    session_id, operator_id, state, reason, energy_wh, currency, *amounts = row
    rated = state == _RATED
    texts = [format_minor(amount, currency) if rated else None for amount in amounts]
    return {
        "session_id": session_id,
        "operator_id": operator_id,
        "state": state,
        "reason": reason,
        "energy_wh": energy_wh if rated else None,
        "currency": currency if rated else None,
    } | dict(zip(AMOUNTS, texts, strict=True))
