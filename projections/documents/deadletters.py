"""Refused records as documents: the line of one in a list, and one as a whole."""

from datetime import datetime
from typing import Any

from domain.calendar import utc_text
from ledger.intake.quarantine import DeadLetter


def listed_letter(letter: DeadLetter) -> dict[str, Any]:
    """When, where and why a record was refused, which it was, and whether it was published again."""
    return {
        "id": str(letter.deadletter_id),
        "recorded_at": _time(letter.recorded_at),
        "code": letter.code,
        "topic": letter.topic,
        "source": letter.source,
        "event_id": letter.id,
        "path": letter.path,
        "sentence": letter.sentence,
        "replayed": _time(letter.replayed_at),
    }


def letter_document(letter: DeadLetter) -> dict[str, Any]:
    """Where a record came from, why it was refused, and its bytes as text, those that are none escaped."""
    value = letter.value.decode("utf-8", "backslashreplace") if letter.value is not None else None
    return {
        "id": str(letter.deadletter_id),
        "code": letter.code,
        "path": letter.path,
        "sentence": letter.sentence,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "source": letter.source,
        "event_id": letter.id,
        "type": letter.type,
        "recorded_at": _time(letter.recorded_at),
        "replayed_at": _time(letter.replayed_at),
        "value": value,
    }


def _time(moment: datetime | None) -> str | None:
    return utc_text(moment) if moment else None
