"""What became of an action over HTTP: published, taken, or refused, as the store says by now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString, Protocol
from uuid import UUID

from ledger.intake.messages import message_key
from projections.decisions import Decision, decision_types, find_decision
from projections.reading import Snapshot

PUBLISHED, TAKEN, REFUSED, UNKNOWN = "PUBLISHED", "TAKEN", "REFUSED", "UNKNOWN"
# The source of what is decided over HTTP.
SOURCE = "urn:wattledger:api"

# Whether the intake has accepted a message.
_IS_KNOWN: LiteralString = "SELECT EXISTS (SELECT FROM intake.message WHERE key = %s::uuid)"
# A message that was refused, since an action was begun, and was not sent again.
_DEAD: LiteralString = """
SELECT sentence FROM intake.deadletter
WHERE event_id = %s AND event_source = %s AND replayed_at IS NULL AND recorded_at >= %s
ORDER BY recorded_at LIMIT 1
"""
# Of refused records that were published again: how they stand by now.
_LETTERS: LiteralString = """
SELECT replayed_at IS NULL, event_source, event_id, sentence FROM intake.deadletter WHERE deadletter_id = ANY(%s)
"""


class Told(Protocol):
    """An action, as far as it says what was published."""

    @property
    def type(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def event_id(self) -> str: ...
    @property
    def begun_at(self) -> datetime: ...
    @property
    def published_at(self) -> datetime | None: ...
    @property
    def letters(self) -> Sequence[UUID] | None: ...
    @property
    def record_value(self) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class ActionState:
    """PUBLISHED, TAKEN (at a position of the store, where that is known) or REFUSED with the sentence why.

    UNKNOWN where a crash or a broker that went away leaves open whether it is published.
    """

    state: str
    position: int | None = None
    detail: str | None = None


def state_of(snapshot: Snapshot, action: Told) -> ActionState:
    """How an action stands in a snapshot."""
    if action.letters is not None and action.record_value is None:
        found = _state_of_letters(snapshot, action.letters)
    else:
        found = _state_of_message(snapshot, action.type, action.source, action.event_id, action.begun_at)
    is_open = found.state == PUBLISHED and action.published_at is None
    return ActionState(UNKNOWN) if is_open else found


def state_of_id(snapshot: Snapshot, id_: str) -> ActionState | None:
    """How a decision over HTTP stands of which nothing is kept any more; None where the store knows none."""
    found = find_decision(snapshot.cursor, SOURCE, id_)
    return None if found is None else _of_decision(found)


def _of_decision(found: Decision) -> ActionState:
    refused = found.state == REFUSED
    return ActionState(found.state, None if refused else found.position, found.sentence if refused else None)


def _state_of_message(snapshot: Snapshot, type_: str, source: str, id_: str, since: datetime) -> ActionState:
    """How a message stands that was published after a moment."""
    found = find_decision(snapshot.cursor, source, id_)
    if found is not None:
        return _of_decision(found)
    # A decision is judged in the transaction that takes it: the read model, once it has it, says whether it counts.
    if type_ not in decision_types() and _is_known(snapshot, source, id_):
        return ActionState(TAKEN)
    dead = snapshot.cursor.execute(_DEAD, (id_, source, since)).fetchone()
    return ActionState(REFUSED, detail=dead[0]) if dead else ActionState(PUBLISHED)


def _state_of_letters(snapshot: Snapshot, letters: Sequence[UUID]) -> ActionState:
    """Refused records that were published again: all taken, some refused again, or still on their way."""
    rows = snapshot.cursor.execute(_LETTERS, (list(letters),)).fetchall()
    again = [sentence for refused, _, _, sentence in rows if refused]
    if again:
        detail = again[0] if len(rows) == 1 else f"{len(again)} of {len(rows)} were refused again: {again[0]}"
        return ActionState(REFUSED, detail=detail)
    known = all(source and id_ and _is_known(snapshot, source, id_) for _, source, id_, _ in rows)
    return ActionState(TAKEN if known else PUBLISHED)


def _is_known(snapshot: Snapshot, source: str, id_: str) -> bool:
    row = snapshot.cursor.execute(_IS_KNOWN, (message_key(source, id_).hex(),)).fetchone()
    return row == (True,)
