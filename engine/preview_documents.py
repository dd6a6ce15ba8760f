"""Runs to come as documents; amounts are decimal texts."""

from typing import Any

from domain.calendar import utc_text
from domain.money import format_minor
from domain.payout.events import PayoutCreated
from domain.payout.left_out import LeftOut
from engine.preview import PreviewedRun


def preview_document(run: PreviewedRun) -> dict[str, Any]:
    """A run with what it pays and what it leaves out; by currency both add up to what is owed."""
    return {
        "operator_id": run.operator_id,
        "business_date": run.business_date.isoformat(),
        "fires_at": utc_text(run.fires_at),
        "waits": run.waits,
        "payouts": [_payout(each) for each in run.payouts],
        "excluded": [_left_out(each) for each in run.left_out],
    }


def _payout(made: PayoutCreated) -> dict[str, Any]:
    return {
        "payout_id": made.payout_id,
        "currency": made.currency,
        "attempt": made.attempt,
        "amount": format_minor(made.amount, made.currency),
        "reserve": format_minor(made.reserve, made.currency),
        "retained": format_minor(made.retained, made.currency),
        "withheld": {regime: format_minor(tax, made.currency) for regime, tax in sorted(made.withheld.items())},
        "status": made.status.value,
        "doubts": list(made.doubts),
        "approvals_needed": made.approvals,
        "included": format_minor(made.amount + made.reserve, made.currency),
        "entries": len(made.entry_ids),
    }


def _left_out(each: LeftOut) -> dict[str, Any]:
    available_on = each.available_on.isoformat() if each.available_on else None
    return {
        "currency": each.currency,
        "reason": each.reason.value,
        "entries": each.entries,
        "amount": format_minor(each.amount, each.currency),
        "available_on": available_on,
        "payout_id": each.set_aside_for,
        "comes_with": available_on or each.set_aside_for,
    }
