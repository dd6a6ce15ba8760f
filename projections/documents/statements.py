"""Statements and lines of accounts as documents: amounts are decimal texts, times are in UTC."""

from typing import Any

from domain.calendar import utc_text
from domain.money import format_minor
from projections.statements import Statement, StatementLine


def statement_document(found: Statement) -> dict[str, Any]:
    """`opening`, `lines` each with the `balance` after it, and `closing`: positive in the operator's favour."""
    return {
        "operator_id": found.operator_id,
        "currency": found.currency,
        "from": utc_text(found.since) if found.since else None,
        "to": utc_text(found.until) if found.until else None,
        "opening": format_minor(found.opening, found.currency),
        "lines": [statement_line(line, found.currency) for line in found.lines],
        "closing": format_minor(found.closing, found.currency),
    }


def statement_line(line: StatementLine, currency: str) -> dict[str, Any]:
    """An entry on what an operator is owed; `reverses` names the one that it takes back."""
    return {
        "entry_id": str(line.entry_id),
        "kind": line.kind,
        "effective_at": utc_text(line.effective_at),
        "session_id": line.session_id,
        "payout_id": line.payout_id,
        "reverses": str(line.reverses) if line.reverses else None,
        "amount": format_minor(line.amount, currency),
        "balance": format_minor(line.balance, currency),
    }
