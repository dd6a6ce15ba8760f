"""The story of a payout as a document: what it pays, what the bank said, its entries and its bank file."""

from typing import Any

from domain.calendar import utc_text
from domain.fact import RecordedFact
from domain.money import format_minor
from projections.documents.payouts import payout_document
from projections.documents.session import entry_document
from projections.payout_story import PaidLine, PayoutStory


def payout_story_document(story: PayoutStory) -> dict[str, Any]:
    """All columns of the payout, and what belongs to it; `lines_left_out` counts the lines that are not listed.

    `bank_account` is masked as it is everywhere; `doubts` say why somebody has to approve the payout.
    """
    payout = story.payout
    return payout_document(payout) | {
        "end_to_end_id": payout.payout_id.replace("-", ""),
        "repeated_by": story.repeated_by,
        "holder_name": story.holder_name,
        "bank_account": story.account,
        "execution_date": story.execution_date.isoformat() if story.execution_date else None,
        "content_hash": story.content_hash,
        "approvals_needed": story.approvals_needed,
        "approvals": story.approvals,
        "doubts": list(story.doubts),
        "bank_file": story.bank_file,
        "answers": [answer_document(fact) for fact in story.answers],
        "ledger_entries": [entry_document(entry) for entry in story.entries],
        "kinds": [
            {"kind": each.kind, "entries": each.entries, "amount": format_minor(each.amount, payout.currency)}
            for each in story.kinds
        ],
        "lines": [line_document(line, payout.currency) for line in story.lines],
        "lines_left_out": payout.entries - len(story.lines),
    }


def line_document(line: PaidLine, currency: str) -> dict[str, Any]:
    """An entry that is paid: what it is of, when it was released, and its amount in the operator's favour.

    `entry_id` is null for a reserve that is posted once the payout is approved.
    """
    return {
        "entry_id": str(line.entry_id) if line.entry_id else None,
        "kind": line.kind,
        "session_id": line.session_id,
        "effective_at": utc_text(line.effective_at),
        "released_at": utc_text(line.released_at) if line.released_at else None,
        "available_on": line.available_on.isoformat() if line.available_on else None,
        "amount": format_minor(line.amount, currency),
    }


def answer_document(fact: RecordedFact) -> dict[str, Any]:
    """What the payout processor said, or somebody who decided about it."""
    told = {name: fact.data.get(name) for name in ("at", "reason", "amount", "bank_reference", "by")}
    told["at"] = told["at"] or fact.data.get("approved_at") or fact.data.get("rejected_at")
    return {"type": fact.type, "source": fact.source, "id": fact.id, "time": utc_text(fact.time)} | told
