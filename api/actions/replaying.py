"""Refused records published again, as they came or mended: what may be, as what record, and what is kept of it."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from api.publishing import Record
from contracts.decode import decode
from contracts.headers import EDITED_HEADER, ORIGIN_HEADER
from contracts.refusal import Refusal
from ledger.access.actions import Deed
from ledger.intake.quarantine import DeadLetter

REPLAYED: Final = "deadletter.replayed"


def why_not_replayable(letter: DeadLetter) -> str | None:
    """Why publishing a refused record again would not mend it."""
    if not letter.topic:
        return "was never sent, so it was not kept: publish its file again"
    if letter.code == "UNREAD_BATCH":
        return "is of a batch that could not be read: have the sender send its messages again"
    if letter.partition is None:
        return "contradicts its session and is known as it is: send the right fact with an id of its own"
    return None


def replaying(subject: str, letters: Sequence[UUID], reason: str, letter: DeadLetter | None = None) -> Deed:
    """Refused records as they came; of a single one the message that it is."""
    source, id_ = (letter.source, letter.id) if letter is not None else (None, None)
    return Deed(REPLAYED, subject, source or "", id_ or "", letters=letters, reason=reason)


def mending(letter: DeadLetter, value: bytes, reason: str) -> Deed | Refusal:
    """A new text in the place of a refused record, or why that would be refused, too."""
    outcome = decode(value, letter.headers)
    if isinstance(outcome, Refusal):
        return outcome
    return Deed(
        REPLAYED,
        str(letter.deadletter_id),
        outcome.source,
        outcome.id,
        record_value=value,
        letters=[letter.deadletter_id],
        reason=reason,
    )


def refusal_words(refusal: Refusal) -> str:
    """Where and why a text would be refused."""
    return f"{refusal.path}: {refusal.sentence}" if refusal.path else refusal.sentence


def record_of(letter: DeadLetter, edited: bytes | None = None) -> Record:
    """Topic, key, value and headers: as it came, or with another text, under a header that names what was refused."""
    if edited is None:
        return letter.topic, letter.key, letter.value or b"", letter.headers
    headers = [header for header in letter.headers if header[0] not in (EDITED_HEADER, ORIGIN_HEADER)]
    return letter.topic, letter.key, edited, (*headers, (EDITED_HEADER, str(letter.deadletter_id).encode()))
