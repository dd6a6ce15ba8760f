"""Entries as documents: the fields of `journal.jsonl`, and what is known of them besides."""

from typing import Any

from domain.calendar import utc_text
from domain.money import format_minor
from projections.entry_list import EntryRow


def listed_entry(row: EntryRow) -> dict[str, Any]:
    """The fields of `journal.jsonl`, then `recorded_at`, `period`, `reversed_by` and `cause`, its event.

    Of the postings those that who asks may see; debits are positive.
    """
    found: dict[str, Any] = {
        "entry_id": str(row.entry_id),
        "kind": row.kind,
        "effective_at": utc_text(row.effective_at),
        "currency": row.currency,
        "session_id": row.session_id,
        "payout_id": row.payout_id,
    }
    if row.reverses is not None:
        found["reverses"] = str(row.reverses)
    return found | {
        "postings": [
            {"account": account, "amount": format_minor(amount, row.currency)}
            for account, amount in zip(row.accounts, row.amounts, strict=True)
        ],
        "recorded_at": utc_text(row.recorded_at),
        "period": row.period,
        "reversed_by": str(row.reversed_by) if row.reversed_by else None,
        "cause": str(row.cause),
    }


def entry_lines(row: EntryRow) -> list[dict[str, Any]]:
    """The same for a table, a row a posting: `line` counts those that are seen."""
    found = listed_entry(row)
    postings = found.pop("postings")
    return [
        found | {"line": number, "account": posting["account"], "amount": posting["amount"]}
        for number, posting in enumerate(postings, start=1)
    ]
