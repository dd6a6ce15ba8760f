"""Energy that was metered and not billed, as documents."""

from typing import Any

from domain.money import plain
from projections.energy import Leakage

ENERGY = ("metered_wh", "billed_wh", "leaked_wh")


def leakage_document(each: Leakage) -> dict[str, Any]:
    """By operator and cause: how many sessions or, where it is of one, which; energy in Wh as decimal text."""
    sessions = {"session_id": each.session_id} if each.session_id else {"sessions": each.sessions}
    energy = {name: plain(getattr(each, name)) for name in ENERGY}
    return {"operator_id": each.operator_id, "cause": each.cause} | sessions | energy
