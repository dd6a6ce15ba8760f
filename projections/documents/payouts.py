"""Payouts as documents: all that is known of one, and the line of it in a list."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from domain.calendar import utc_seconds, utc_text
from domain.money import format_minor
from projections.payout_list import ShownPayout
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


def shown_payout_document(row: ShownPayout) -> dict[str, Any]:
    """The fields of `payouts.jsonl`, then what became of it, the hash that a decision names, and the masked account.

    `entry_ids` is null in a list where they are very many; `entry_count` is how many there are. `approvals` are those
    that count, of as many as are needed by its amount; none is needed where its operator asks for none. `doubts` say
    why somebody has to approve it.
    """
    return {
        "payout_id": row.payout_id,
        "batch_id": row.batch_id,
        "operator_id": row.operator_id,
        "business_date": row.business_date.isoformat(),
        "currency": row.currency,
        "amount": format_minor(row.amount, row.currency),
        "status": row.status,
        "entry_ids": [str(each) for each in row.entry_ids] if row.entry_ids is not None else None,
        "entry_count": row.entry_count,
        "attempt": row.attempt,
        "reserve": format_minor(row.reserve, row.currency),
        "fired_at": utc_text(row.fired_at),
        "status_at": utc_text(row.status_at),
        "reason": row.reason,
        "reissue_of": row.reissue_of,
        "end_to_end_id": row.payout_id.replace("-", ""),
        "execution_date": row.execution_date.isoformat() if row.execution_date else None,
        "content_hash": row.content_hash,
        "approvals": [{"by": by, "at": utc_text(at)} for by, at in row.approvals],
        "approvals_needed": row.approvals_needed or int(row.waits),
        "doubts": row.doubts,
        "account": row.account,
        "payee": row.payee,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{utc_seconds(value)}Z"
    return value.isoformat() if isinstance(value, date) else value
