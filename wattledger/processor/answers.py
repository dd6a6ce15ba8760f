"""What the bank told, as events of `payout.results`: the same event, id and all, however often it is sent."""

import json
from collections.abc import Iterable, Iterator
from uuid import NAMESPACE_URL, UUID, uuid5

from wattledger.processor.bank import Report
from wattledger.processor.behaviour import Word

SOURCE = "urn:wattledger:processor"


def answers(reports: Iterable[Report], source: str) -> Iterator[tuple[str, bytes]]:
    """Key (the payout's id) and event, one for each report of a transfer.

    What is told twice comes under an id of its own the second time. That the bank refused a file as a duplicate
    says nothing of its transfers, and is no answer.
    """
    for report in reports:
        if report.word is not Word.REFUSED:
            payout_id = str(UUID(report.end_to_end_id))
            yield payout_id, _event(report, payout_id, source)


def bank_reference(report: Report) -> str:
    """What the bank calls its booking: at most 35 characters, as ISO 20022 has it."""
    return f"{report.end_to_end_id.upper()}-{report.word[0].upper()}"


def _event(report: Report, payout_id: str, source: str) -> bytes:
    at = report.at.isoformat().replace("+00:00", "Z")
    data: dict[str, object] = {"payout_id": payout_id, "at": at, "bank_reference": bank_reference(report)}
    if report.reason is not None:
        data["reason"] = report.reason
    if report.amount != report.ordered:
        data["amount"] = {"amount": str(report.amount), "currency": report.currency}
    id_ = uuid5(NAMESPACE_URL, f"{source}:{report.end_to_end_id}:{report.word}:{report.telling}")
    event = {
        "specversion": "1.0",
        "id": str(id_),
        "source": source,
        "type": f"payout.{report.word}",
        "subject": payout_id,
        "time": at,
        "datacontenttype": "application/json",
        "data": data,
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
