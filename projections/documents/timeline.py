"""A session's timeline as documents: what happened when, and by when it was known."""

from typing import Any
from urllib.parse import quote

from domain.calendar import utc_text
from domain.money import format_minor
from projections.session_story import Moment

_FOLDERS = {"message": "events", "decision": "events", "entry": "entries", "cdr": "cdrs", "payout": "payouts"}


def moment_document(moment: Moment) -> dict[str, Any]:
    """`at`, `recorded_at`, `kind`, `id`, `type` (an entry's kind, a payout's status), `event_id`, `href`, more.

    Amounts are decimal texts: what an entry moves, what a payout pays, what a session comes to.
    """
    found: dict[str, Any] = {
        "at": utc_text(moment.at),
        "recorded_at": utc_text(moment.recorded_at) if moment.recorded_at else None,
        "kind": moment.kind,
        "id": moment.id,
        "type": moment.what,
        "event_id": moment.event_id,
        "href": f"/{_FOLDERS[moment.kind]}/{quote(moment.id, safe='')}",
    }
    if moment.currency is not None:
        amount = None if moment.amount is None else format_minor(moment.amount, moment.currency)
        found |= {"amount": amount, "currency": moment.currency}
    if moment.entry is not None:
        entry = moment.entry
        found |= {
            "reverses": str(entry.reverses) if entry.reverses else None,
            "postings": [
                {"account": account, "amount": format_minor(amount, entry.currency)}
                for account, amount in zip(entry.accounts, entry.amounts, strict=True)
            ],
        }
    return found | dict(moment.data or {})
