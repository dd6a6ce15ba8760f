"""One stream as a history: its messages, its decisions with the messages behind them, and the entries they gave.

A decision follows the messages that were taken in right before it. Of a booking those count that act at its own time;
where none of these does, an earlier one that does; else the clock made it, after the last message.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import DERIVED_FACTS, LINE_STANDING, MESSAGE_TYPES
from contracts.messages import Kind as MessageKind
from domain.book.posting import entries_of, mirrors_of
from domain.book.standing import Booked, Retracted
from domain.fact import RecordedFact
from domain.matter.matter import JUDGES
from domain.matter.told import told_of
from domain.payout.answers import PAYOUT_PARSERS, parse_payout_fact
from domain.payout.events import PayoutCreated
from domain.receipt import PART, SETTLEMENT
from domain.session.decisions import SessionAssessed
from domain.session.facts import FACT_PARSERS
from domain.wallet.balance import WALLET_FACTS, move_of
from ledger.events.codec import decode
from ledger.events.store import StoredEvent, read_streams
from projections.mentions import Kind


class Owner(NamedTuple):
    """What a stream is about; `of` is whose id it is (a provider, a partner, an operator), `kind` None elsewhere."""

    kind: Kind | None
    id: str
    of: str = ""


class Told(NamedTuple):
    """A message as a stream has it: `id` is the message's own, also where the stream has but a line of it."""

    version: int
    fact: RecordedFact
    id: str
    acts_at: datetime

    @property
    def is_whole(self) -> bool:
        """Whether the stream has the message itself."""
        return self.fact.type in MESSAGE_TYPES


class Decided(NamedTuple):
    """A decision, the versions of the messages behind it, and the entries that it gave."""

    version: int
    topic: str
    event: Any
    causes: tuple[int, ...]
    entry_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class History:
    """A stream that has been read."""

    stream_id: UUID
    owner: Owner
    operator_id: str | None
    told: tuple[Told, ...]
    decided: tuple[Decided, ...]

    def causes_of(self, decision: Decided) -> list[Told]:
        """The messages behind a decision."""
        return [each for each in self.told if each.version in decision.causes]

    def caused_by(self, source: str, id_: str) -> list[Decided]:
        """The decisions that follow a message, or lines of it."""
        versions = {each.version for each in self.told if (each.fact.source, each.id) == (source, id_)}
        return [each for each in self.decided if versions.intersection(each.causes)]


def histories(cursor: Cursor[TupleRow], stream_ids: Sequence[UUID]) -> dict[UUID, History]:
    """Those of these streams that have events. Costs as much as they have."""
    found = read_streams(cursor, stream_ids)
    return {stream_id: history_of(stream_id, events) for stream_id, events in found.items() if events}


def history_of(stream_id: UUID, stored: Sequence[StoredEvent]) -> History:
    """A stream whose events, one at least, have been read."""
    told: list[Told] = []
    decided: list[Decided] = []
    step: list[Told] = []
    is_deciding = False
    for each in stored:
        event = decode(each.topic, each.state)
        if isinstance(event, RecordedFact):
            step = [] if is_deciding else step
            is_deciding = False
            told.append(_told(each.version, event))
            step.append(told[-1])
            continue
        is_deciding = True
        causes = tuple(fact.version for fact in _causes(event, step, told))
        decided.append(Decided(each.version, each.topic, event, causes, _entry_ids(event, stream_id)))
    return History(stream_id, _owner(told, decided), _operator(told, decided), tuple(told), tuple(decided))


def _told(version: int, fact: RecordedFact) -> Told:
    id_ = fact.data["line_id"] if fact.type == LINE_STANDING else fact.id
    is_line = fact.type == LINE_STANDING or (fact.type.endswith(".item") and fact.type not in MESSAGE_TYPES)
    own_id = fact.data.get("told_id", fact.id) if fact.type in DERIVED_FACTS else fact.id
    return Told(version, fact, str(id_).rpartition("#")[0] if is_line else own_id, _acts_at(fact))


def _acts_at(fact: RecordedFact) -> datetime:
    if fact.type in FACT_PARSERS:
        at: datetime = FACT_PARSERS[fact.type](fact.data, fact.source, fact.id).at
        return at
    if fact.type in PAYOUT_PARSERS:
        return parse_payout_fact(fact.type, fact.data, fact.source, fact.id).at
    if fact.type in JUDGES:
        return told_of(fact).at
    if fact.type in WALLET_FACTS:
        return move_of(fact).at
    moment = fact.data.get("settled_at") or fact.data.get("paid_at")
    return datetime.fromisoformat(moment) if moment else fact.time


def _causes(event: Any, step: Sequence[Told], told: Sequence[Told]) -> Sequence[Told]:
    if not isinstance(event, Booked | Retracted):
        return step
    at = event.booking.effective_at
    for among in (step, told if isinstance(event, Booked) else ()):
        if narrowed := [each for each in among if each.acts_at == at]:
            return narrowed
    return step[-1:]


def _entry_ids(event: Any, stream_id: UUID) -> tuple[UUID, ...]:
    if not isinstance(event, Booked | Retracted):
        return ()
    make = entries_of if isinstance(event, Booked) else mirrors_of
    return tuple(entry.entry_id for entry in make(event.booking, stream_id, event.revision, stream_id))


def owner_of_message(type_: str, data: Mapping[str, Any]) -> Owner | None:
    """What a message is about, by its own data; None for a fact that no message states, or one about a CDR."""
    row = MESSAGE_TYPES.get(SETTLEMENT if type_ == PART else type_)
    if row is None or row.kind is MessageKind.CDR_ANSWER:
        return None
    if row.kind is MessageKind.SESSION_FACT:
        return Owner(Kind.SESSION, data["session_id"])
    if row.kind is MessageKind.PAYOUT_FACT:
        return Owner(Kind.PAYOUT, data["payout_id"])
    if row.kind is MessageKind.STATUS and "evse_uid" in data and "operator_id" in data:
        return Owner(Kind.EVSE, data["evse_uid"], data["operator_id"])
    if row.kind is MessageKind.RECEIPT:
        if "settlement_id" in data:
            return Owner(Kind.SETTLEMENT, data["settlement_id"], data["provider"])
        return Owner(Kind.INVOICE, data["invoice_id"], data["partner"].upper())
    return Owner(None, row.stream(data) if row.stream else "")


def _owner(told: Sequence[Told], decided: Sequence[Decided]) -> Owner:
    for each in decided:
        if isinstance(each.event, PayoutCreated):
            return Owner(Kind.PAYOUT, each.event.payout_id)
    for fact in told:
        if owner := owner_of_message(fact.fact.type, fact.fact.data):
            return owner
    return Owner(None, "")


def _operator(told: Sequence[Told], decided: Sequence[Decided]) -> str | None:
    for each in reversed(decided):
        if isinstance(each.event, SessionAssessed | PayoutCreated) and each.event.operator_id:
            return each.event.operator_id
    return next((str(each.fact.data["operator_id"]) for each in told if "operator_id" in each.fact.data), None)
