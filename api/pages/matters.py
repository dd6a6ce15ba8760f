"""What one person proposes and another decides, on pages: the kinds, and their rows, documents and facts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from api.access.principal import Principal
from api.pages.decisions import why_not_matter
from api.pages.elements import element
from api.pages.view import View
from domain.matter.judgement import MatterKind
from projections.documents.matters import adjustment_document, write_off_document
from projections.matters import MatterRow


@dataclass(frozen=True, slots=True)
class Proposed:
    """A kind of what is proposed: where its pages are, the field of its id, what it is called, its document."""

    kind: MatterKind
    place: str
    field: str
    noun: str
    document: Callable[[MatterRow], dict[str, Any]]


ADJUSTMENTS: Final = Proposed(
    MatterKind.ADJUSTMENT, "/adjustments", "adjustment_id", "Adjustment", adjustment_document
)
WRITE_OFFS: Final = Proposed(MatterKind.WRITE_OFF, "/write-offs", "write_off_id", "Write-off", write_off_document)


DIRECTIONS: Final[Mapping[str, str]] = {
    "CREDIT": "in the operator’s favour",
    "DEBIT": "taken from the operator",
}


def matter_row(of: Proposed, row: MatterRow) -> dict[str, Any]:
    """One as a row of a table, with its amount and currency apart."""
    document = of.document(row)
    return {**document, **document["amount"], "direction": DIRECTIONS.get(document.get("direction", ""))}


def matter_facts(view: View, document: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """What is known of one."""
    reader, money = view.reader, document["amount"]
    operator, entry = document["operator_id"], document["entry_id"]
    session, decided_at = document["session_id"], document["decided_at"]
    of_account = [("Account", document["account"])] if "account" in document else []
    of_direction = [("Direction", DIRECTIONS[document["direction"]])] if "direction" in document else []
    of_more = [(label, document[name]) for name, label in _MORE.items() if name in document]
    return [
        ("Amount", reader.amount(money["amount"], money["currency"], "amount", with_currency=True)),
        *of_direction,
        *of_account,
        ("Operator", _link(view, operator, "/operators", operator)),
        ("Session", _link(view, session, "/sessions", session)),
        *of_more,
        ("Reason", document["reason_code"]),
        ("Note", document["note"]),
        ("Proposed", _by(view, document["proposed_by"], document["proposed_at"])),
        ("Decided", _by(view, document["decided_by"], decided_at) if decided_at else None),
        ("Because", document["reason"]),
        ("Entry", _link(view, entry and entry[:8], "/entries", entry)),
    ]


def matter_decision(view: View, of: Proposed, principal: Principal, document: Mapping[str, Any]) -> dict[str, Any]:
    """What is to be decided of one, and why the reader may not."""
    seen = {"State": document["state"], "Decided by": document["decided_by"]}
    waits = document["state"] == "PROPOSED"
    why_not = why_not_matter(principal, document["proposed_by"]) if waits else None
    path = view.link(of.place, document[of.field])
    return {"waits": waits, "why_not": why_not, "seen": seen, "path": path.partition("?")[0]}


_MORE: Final = {"invoice_id": "Invoice", "attachment_sha256": "SHA-256 of the paper"}


def _by(view: View, who: str | None, at: str) -> Any:
    return element("%s, %s", who or "nobody", view.reader.time(at))


def _link(view: View, text: str | None, place: str, id_: str | None) -> Any:
    return element('<a class="id" href="%s">%s</a>', view.link(place, id_), text) if text and id_ else None
