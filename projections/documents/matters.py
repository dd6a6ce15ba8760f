"""Matters between operators and the platform as documents; amounts are decimal texts, times in UTC."""

from datetime import datetime
from typing import Any

from domain.calendar import utc_text
from domain.money import format_minor
from projections.matters import MatterRow


def adjustment_document(row: MatterRow) -> dict[str, Any]:
    """An adjustment as it was proposed, and what became of it."""
    details = row.details
    return {
        "adjustment_id": row.matter_id,
        "operator_id": row.operator_id,
        "state": row.state,
        "amount": _money(row),
        "direction": details["direction"],
        "reason_code": details["reason_code"],
        "note": details["note"],
        "session_id": details.get("session_id"),
        "attachment_sha256": details.get("attachment_sha256"),
        **_decided(row),
    }


def write_off_document(row: MatterRow) -> dict[str, Any]:
    """A write-off as it was proposed, and what became of it; `operator_id` is null of accounts of others."""
    details = row.details
    return {
        "write_off_id": row.matter_id,
        "account": details["account"],
        "operator_id": row.operator_id or None,
        "state": row.state,
        "amount": _money(row),
        "reason_code": details["reason_code"],
        "note": details["note"],
        "session_id": details.get("session_id"),
        "invoice_id": details.get("invoice_id"),
        **_decided(row),
    }


def hold_document(row: MatterRow) -> dict[str, Any]:
    """A hold with what is left of it and its releases, the first one first; `by` is null where the clock released."""
    details = row.details
    return {
        "hold_id": row.matter_id,
        "operator_id": row.operator_id,
        "state": row.state,
        "amount": _money(row),
        "left": {"amount": details["left"], "currency": row.currency},
        "until": details.get("until"),
        "session_id": details.get("session_id"),
        "held_at": utc_text(row.proposed_at),
        "held_by": row.proposed_by,
        "reason": row.reason,
        "entry_id": str(row.entry_id) if row.entry_id else None,
        "releases": [
            {
                "at": each["at"],
                "amount": {"amount": each["amount"], "currency": row.currency},
                "by": each["by"],
                "reason": each["reason"],
            }
            for each in details["releases"]
        ],
    }


def invoice_document(row: MatterRow) -> dict[str, Any]:
    """An invoice for the platform's service: what of its net amount is earned, and what is deferred."""
    details, currency = row.details, row.currency
    return {
        "invoice_id": row.matter_id,
        "operator_id": row.operator_id,
        "state": row.state,
        "amount": _money(row),
        "net": {"amount": details["net"], "currency": currency},
        "vat": {"amount": details["vat"], "currency": currency},
        "recognised": {"amount": details["recognised"], "currency": currency},
        "period_from": details["period_from"],
        "period_to": details["period_to"],
        "invoiced_at": utc_text(row.proposed_at),
        "netting": details["netting"],
        "entry_id": str(row.entry_id) if row.entry_id else None,
    }


def _money(row: MatterRow) -> dict[str, str]:
    return {"amount": format_minor(row.amount, row.currency), "currency": row.currency}


def _decided(row: MatterRow) -> dict[str, Any]:
    return {
        "proposed_at": utc_text(row.proposed_at),
        "proposed_by": row.proposed_by,
        "decided_at": _text(row.decided_at),
        "decided_by": row.decided_by,
        "reason": row.reason,
        "entry_id": str(row.entry_id) if row.entry_id else None,
    }


def _text(moment: datetime | None) -> str | None:
    return utc_text(moment) if moment else None
