"""A statement as it was issued, in each of its forms: all are made of the document that is kept."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from api.tables import list_bytes
from api.typesetting import PDF, Part, as_shown, column, day_text, money_text, part, pdf_of, when_text
from domain.calendar import instant, zone
from projections.documents.issued_statements import STATEMENT_COLUMNS, issued_document, statement_rows
from projections.issued_statements import IssuedStatement


class StatementForm(StrEnum):
    """What a statement is written in; a value is how its name ends."""

    PDF = "pdf"
    CSV = "csv"
    JSON = "json"


MEDIA_TYPES: Mapping[StatementForm, str] = MappingProxyType(
    {StatementForm.PDF: PDF, StatementForm.CSV: "text/csv", StatementForm.JSON: "application/json"}
)


def statement_bytes(found: IssuedStatement, form: StatementForm, platform: str) -> bytes:
    """The document; as JSON the bytes that are kept, whose hash is `content_sha256`.

    Raises NotTypeset where a PDF cannot be made.
    """
    return _WRITERS[form](found, platform)


def statement_told(found: IssuedStatement, platform: str) -> dict[str, Any]:
    """What the template is given: every text as it is to stand there."""
    said = issued_document(found)
    currency, month = said["currency"], f"{found.month:%B %Y}"
    closing = f"{money_text(said['closing'])} {currency}"
    name = f"{said['operator_name']} ({said['operator_id']})"
    told: dict[str, Any] = as_shown(
        {
            "title": f"Statement {found.number}",
            "platform": platform,
            "keywords": [found.number, found.operator_id],
            "status": f"Says {said['restates']['number']} anew" if said["restates"] else "As issued",
            "heading": "Statement",
            "sentence": f"Of {said['operator_name']}, for {month}",
            "amount": {"label": f"Owed at the end of {month}", "value": closing},
            "facts": [_period_facts(said, name), _issue_facts(said)],
            "parts": [_sums(said), *_movements(said)],
            "footer": f"Statement {found.number}, {month}, {closing}",
        }
    )
    return told


def _period_facts(said: Mapping[str, Any], name: str) -> list[tuple[str, str]]:
    local = zone(said["time_zone"])
    return [
        ("Operator", name),
        ("From", when_text(instant(said["from"]), local)),
        ("To, not included", when_text(instant(said["to"]), local)),
        ("Currency", said["currency"]),
    ]


def _issue_facts(said: Mapping[str, Any]) -> list[tuple[str, str]]:
    local = zone(said["time_zone"])
    facts = [
        ("Number", said["number"]),
        ("Issued on", day_text(instant(said["issued_at"]).astimezone(local).date())),
        ("As the book was known", when_text(instant(said["known_at"]), local)),
        ("Follows", said["follows"]["number"] if said["follows"] else "none: it is the first one"),
        ("Hash of its document (SHA-256)", said["content_sha256"]),
    ]
    if said["restates"]:
        facts.insert(1, ("In place of", said["restates"]["number"]))
    return facts


def _sums(said: Mapping[str, Any]) -> Part:
    rows = [["Opening", money_text(said["opening"])], ["Moved in the month", money_text(said["moved"])]]
    if said["told_late"]:
        rows.append(["Of earlier months, told after they were stated", money_text(said["moved_late"])])
    total = ["Closing", money_text(said["closing"])]
    return part("From opening to closing", _columns("What", said["currency"])[::2], rows, total)


def _movements(said: Mapping[str, Any]) -> list[Part]:
    found = [_listed("What moved in the month", said["movements"], said["moved"], said["currency"])]
    if said["told_late"]:
        title = "Of earlier months, told after they were stated"
        found.append(_listed(title, said["told_late"], said["moved_late"], said["currency"]))
    return found


def _listed(title: str, movements: list[Mapping[str, Any]], moved: str, currency: str) -> Part:
    if not movements:
        return part(title, note="Nothing moved.")
    rows = [
        [f"{each['label'][0].upper()}{each['label'][1:]}", str(each["entries"]), money_text(each["amount"])]
        for each in movements
    ]
    return part(title, _columns("What", currency), rows, ["Sum", "", money_text(moved)])


def _columns(first: str, currency: str) -> list[dict[str, Any]]:
    return [column(first, wide=True), column("Entries", right=True), column(f"Amount, {currency}", right=True)]


def _pdf(found: IssuedStatement, platform: str) -> bytes:
    return pdf_of(statement_told(found, platform))


def _csv(found: IssuedStatement, _: str) -> bytes:
    return list_bytes(STATEMENT_COLUMNS, statement_rows(found))


def _json(found: IssuedStatement, _: str) -> bytes:
    return found.content


_WRITERS: Mapping[StatementForm, Callable[[IssuedStatement, str], bytes]] = {
    StatementForm.PDF: _pdf,
    StatementForm.CSV: _csv,
    StatementForm.JSON: _json,
}
