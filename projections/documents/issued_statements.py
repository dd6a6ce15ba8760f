"""Statements that were issued, as documents and as rows of a list; amounts are decimal texts, times in UTC."""

from collections.abc import Iterator
from typing import Any

from domain.calendar import utc_text
from domain.money import format_minor
from projections.documents.statements import statement_line
from projections.issued_statements import IssuedStatement, Restatement
from projections.statement_content import StatementDraft, month_text

# What a list has of each.
LISTED = (
    *("number", "operator_id", "month", "currency", "opening", "closing", "follows", "restates", "restated_by"),
    *("issued_at", "issued_by", "content_sha256"),
)
# What is said of those that were just issued.
ISSUED = ("number", "operator_id", "month", "currency", "opening", "closing", "follows", "restates")
# What is said of a line that came to be known since.
CHANGED = ("effective_at", "kind", "entry_id", "session_id", "payout_id", "reverses", "amount", "balance")
# The columns of a statement as a list.
STATEMENT_COLUMNS = ("section", "kind", "label", "entries", "amount", "currency")


def listed_statement(found: IssuedStatement) -> dict[str, Any]:
    """A statement in a list."""
    return {
        "number": found.number,
        "operator_id": found.operator_id,
        "month": month_text(found.month),
        "currency": found.currency,
        "opening": format_minor(found.opening, found.currency),
        "closing": format_minor(found.closing, found.currency),
        "follows": found.follows,
        "restates": found.restates,
        "restated_by": found.restated_by,
        "issued_at": utc_text(found.issued_at),
        "issued_by": found.issued_by,
        "content_sha256": found.content_sha256,
    }


def issued_row(draft: StatementDraft) -> dict[str, Any]:
    """One that was just issued."""
    return {
        "number": draft.number,
        "operator_id": draft.operator_id,
        "month": month_text(draft.month),
        "currency": draft.currency,
        "opening": format_minor(draft.opening, draft.currency),
        "closing": format_minor(draft.closing, draft.currency),
        "follows": draft.follows.number if draft.follows else None,
        "restates": draft.restates.number if draft.restates else None,
    }


def issued_document(found: IssuedStatement) -> dict[str, Any]:
    """What it says, as it was issued; with the hash of that document, and what came after it."""
    return found.document() | {"content_sha256": found.content_sha256, "restated_by": found.restated_by}


def statement_rows(found: IssuedStatement) -> Iterator[dict[str, Any]]:
    """The same as rows: STATEMENT (what it is), BALANCE, MOVEMENT, TOLD_LATE, and BALANCE again; amounts add up."""
    said = issued_document(found)
    currency = said["currency"]
    for name in ("number", "operator_id", "month", "from", "to", "time_zone", "known_at", "issued_at"):
        yield _row("STATEMENT", name, said[name])
    for name in ("follows", "restates"):
        if said[name]:
            yield _row("STATEMENT", name, said[name]["number"])
    yield _row("STATEMENT", "content_sha256", said["content_sha256"])
    yield _row("BALANCE", "opening", "Opening", amount=said["opening"], currency=currency)
    for section, name in (("MOVEMENT", "movements"), ("TOLD_LATE", "told_late")):
        for each in said[name]:
            told = {field: each[field] for field in ("entries", "amount")}
            yield _row(section, each["kind"], each["label"], **told, currency=currency)
    yield _row("BALANCE", "closing", "Closing", amount=said["closing"], currency=currency)


def _row(section: str, kind: str, label: str, **others: Any) -> dict[str, Any]:
    return dict.fromkeys(STATEMENT_COLUMNS, "") | {"section": section, "kind": kind, "label": label} | others


def changed_rows(found: Restatement) -> list[dict[str, Any]]:
    """The lines that came to be known since, between what was issued and what the month would say now."""
    currency = found.issued.currency
    first, last = (
        dict.fromkeys(CHANGED) | {"kind": what, "balance": format_minor(balance, currency)}
        for what, balance in (("issued", found.issued.closing), ("now", found.closing))
    )
    return [first, *(statement_line(line, currency) for line in found.lines), last]


def restatement_document(found: Restatement) -> dict[str, Any]:
    """What the month would say now: `issued` and the amounts of `lines`, which are `difference`, give `closing`.

    Lines with `before_month` are of earlier months.
    """
    issued, currency = found.issued, found.issued.currency
    return {
        "number": issued.number,
        "operator_id": issued.operator_id,
        "currency": currency,
        "month": month_text(issued.month),
        "issued": format_minor(issued.closing, currency),
        "lines": [
            statement_line(line, currency) | {"before_month": line.effective_at < issued.since}
            for line in found.lines
        ],
        "difference": format_minor(found.closing - issued.closing, currency),
        "closing": format_minor(found.closing, currency),
    }
