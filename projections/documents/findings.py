"""Findings as documents: what is open, since when, in a sentence, and what cures it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from domain.book.findings import CURES, FindingKind
from domain.calendar import utc_text
from domain.money import format_minor
from projections.all_findings import FoundRow
from projections.assignments import Assignment, finding_id


def assigned_document(row: FoundRow, now: datetime, found: Mapping[str, Assignment]) -> dict[str, Any]:
    """The same with `finding_id`, and of `found` who looks after it: `owner` and `note`, null where nobody does."""
    id_ = finding_id(row)
    assigned = found.get(id_)
    owner, note = assigned or (None, None)
    return {"finding_id": id_, **finding_document(row, now), "owner": owner, "note": note}


def finding_document(row: FoundRow, now: datetime | None = None) -> dict[str, Any]:
    """`kind`, `account`, `subject`, `operator_id`, `amount` (major units), `since`, `sentence` and `cure`.

    With a moment `now` also `age_days`. None stands where there is none.
    """
    money = row.amount is not None and row.currency is not None
    document: dict[str, Any] = {
        "kind": row.kind,
        "account": row.account,
        "subject": row.subject,
        "operator_id": row.operator_id or None,
        "amount": {"amount": _major(row, row.amount), "currency": row.currency} if money else None,
        "since": utc_text(row.since) if row.since else None,
        "sentence": row.sentence or _SENTENCES[FindingKind(row.kind)](row),
        "cure": CURES[FindingKind(row.kind)],
    }
    if now is not None:
        document["age_days"] = max(0, (now - row.since).days) if row.since else None
    return document


def _major(row: FoundRow, amount: int | None) -> str:
    return format_minor(amount or 0, row.currency or "")


def _much(row: FoundRow, amount: int | None = None) -> str:
    """An amount for a sentence, without its sign; that of the row where none is given."""
    return f"{_major(row, abs(row.amount or 0) if amount is None else amount)} {row.currency}"


def _capture_differs(row: FoundRow) -> str:
    cost = int(row.detail or 0)
    return (
        f"session {row.subject} costs {_much(row, cost)} and {_much(row, cost - (row.amount or 0))} was paid for it"
    )


def _invoice_differs(row: FoundRow) -> str:
    less_or_more = "less" if (row.amount or 0) > 0 else "more"
    return f"partner {row.detail} paid {_much(row)} {less_or_more} for {row.subject} than is billed by it"


def _leakage(row: FoundRow) -> str:
    word, cdr_id, partner = (row.detail or "").rsplit(" ", 2)
    return f"partner {partner} {word} CDR {cdr_id} of session {row.subject}, by which {_much(row)} would be earned"


def _negative(row: FoundRow) -> str:
    which = "pending" if (row.account or "").startswith("2011") else "available"
    return f"operator {row.subject} has {_much(row)} less than nothing ({which})"


_SENTENCES: Mapping[FindingKind, Callable[[FoundRow], str]] = {
    FindingKind.UNCAPTURED: lambda row: f"session {row.subject} costs {_much(row)} and none of it was captured",
    FindingKind.CAPTURE_DIFFERS: _capture_differs,
    FindingKind.CAPTURE_UNRATED: lambda row: f"{_much(row)} is on session {row.subject}, which has no price",
    FindingKind.UNSETTLED: lambda row: f"provider {row.subject} has captured {_much(row)} more than it has settled",
    FindingKind.OVERSETTLED: lambda row: f"provider {row.subject} has settled {_much(row)} more than it has captured",
    FindingKind.INVOICE_DIFFERS: _invoice_differs,
    FindingKind.REFUND_DUE: lambda row: (
        f"{_much(row)} of payment {row.subject} is due back to the driver of session {row.detail}"
    ),
    FindingKind.RECEIPT_UNALLOCATED: lambda row: f"{_much(row)} came to the bank and belongs to nobody yet",
    FindingKind.BANK_DEBIT_UNKNOWN: lambda row: f"{_much(row)} left the bank and nobody knows for what",
    FindingKind.LEAKAGE: _leakage,
    FindingKind.NEGATIVE_BALANCE: _negative,
    FindingKind.PAYOUT_AWAITS_APPROVAL: lambda row: (
        f"payout {row.subject} of operator {row.operator_id} over {_much(row)} waits for approval"
    ),
    FindingKind.PAYOUT_DAYS_CLOSED: lambda row: (
        f"the payout days of operator {row.subject} are closed through {row.detail}: nothing is paid before"
    ),
    FindingKind.PAYOUT_UNANSWERED: lambda row: (
        f"payout {row.subject} of operator {row.operator_id} over {_much(row)} is with the bank, without an answer"
    ),
    FindingKind.PAYOUT_TO_FIX: lambda row: (
        f"payout {row.subject} of operator {row.operator_id} over {_much(row)} {row.detail} and was not paid again"
    ),
    FindingKind.SESSION_SUSPENDED: lambda row: (
        f"session {row.subject} is not billed before this is mended: {row.detail}"
    ),
    FindingKind.SESSION_INVALID: lambda row: (
        f"session {row.subject} is not billed, its reports contradict each other: {row.detail}"
    ),
}
