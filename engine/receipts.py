"""Receipts at the bank: settlements and paid invoices are stored in streams of their own, and booked once each.

The lines of those that stand wait for the sessions of their payments (`ledger.intake.parking`). Which lines nobody
claims shows when everything has been taken in: the clock looks then.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import LINE_STANDING, MESSAGE_TYPES, items_of, stream_of
from domain.fact import RecordedFact
from domain.partner_document import DOCUMENT_TYPES, UnknownCdr
from domain.receipt import PART, SETTLEMENT, MessageKey, Receipt, UnknownLine, part_fact
from engine.folding import fold
from engine.partner_documents import look_at_document
from engine.work import Work
from ledger.events.heads import lock_streams
from ledger.events.store import StoredEvent, read_streams
from ledger.intake.parking import Parked, park, unpark
from ledger.intake.receipts import looked_at, to_look_at, waiting_cdrs, waiting_lines


@dataclass(slots=True)
class _Lines:
    """The lines that sessions are to get because of what was told: new ones, and what became of those they have."""

    given: list[Parked] = field(default_factory=list)
    withdrawn: list[Parked] = field(default_factory=list)
    marks: list[Parked] = field(default_factory=list)


def take_receipts(cursor: Cursor[TupleRow], work: Work, facts: Iterable[RecordedFact]) -> bool:
    """Store facts in the streams of their receipts, book what stands of each, and have its lines wait for sessions.

    Whether anything waits now.
    """
    by_stream = _by_stream(facts)
    versions = lock_streams(cursor, by_stream)
    known = read_streams(cursor, [stream_id for stream_id, version in versions.items() if version])
    lines = _Lines()
    for stream_id, new_facts in by_stream.items():
        receipt, told = _replayed(known.get(stream_id, ()))
        stream = work.stream(stream_id, receipt)
        for fact in new_facts:
            stream.append(fact)
            _learn(receipt, told, fact, stream_id, lines)
        if changes := receipt.decide():
            stream.write(changes)
            work.told_receipts[stream_id] = (receipt.name, receipt.standing.bookings())
        if receipt.settlement_id:
            work.receipts.add(stream_id)
    park(cursor, lines.given)
    unpark(cursor, lines.withdrawn)
    park(cursor, lines.marks)
    return bool(lines.given or lines.marks)


def look_at_receipts(cursor: Cursor[TupleRow], work: Work, at_most: int) -> int:
    """Find what nobody claims of the receipts and documents that something was told of or taken from; how many."""
    chosen = to_look_at(cursor, at_most)
    lock_streams(cursor, chosen)
    chosen = looked_at(cursor, chosen)
    waiting, cdrs = waiting_lines(cursor, chosen), waiting_cdrs(cursor, chosen)
    for stream_id, events in read_streams(cursor, chosen).items():
        if events and events[0].topic in DOCUMENT_TYPES:
            look_at_document(work, stream_id, events, [UnknownCdr(*each) for each in cdrs.get(stream_id, ())])
            continue
        receipt, _ = _replayed(events)
        unknown = [UnknownLine(*line) for line in waiting.get(stream_id, ())]
        work.stream(stream_id, receipt).write(receipt.decide_by_clock(unknown))
    return len(chosen)


def _by_stream(facts: Iterable[RecordedFact]) -> dict[UUID, list[RecordedFact]]:
    """Facts by the stream that keeps them; of a later part of a settlement the first is told, too."""
    found: dict[UUID, list[RecordedFact]] = defaultdict(list)
    for fact in facts:
        found[stream_of(fact.type, fact.data)].append(fact)
        if fact.type == SETTLEMENT and (fact.data.get("part") or 1) > 1:
            found[stream_of(SETTLEMENT, {**fact.data, "part": 1})].append(part_fact(fact))
    return found


def _learn(
    receipt: Receipt, told: dict[MessageKey, RecordedFact], fact: RecordedFact, stream_id: UUID, lines: _Lines
) -> None:
    """Take in a fact, and note whose lines stand from here on and whose do no more."""
    before = {telling.key for telling in receipt.standing_tellings()}
    receipt.name = receipt.name or _name_of(fact)
    receipt.learn(fact)
    if fact.type == PART:
        return
    told[fact.source, fact.id] = fact
    after = {telling.key for telling in receipt.standing_tellings()}
    for key in sorted(after - before):
        lines.given += _items(told[key], stream_id)
        if key != (fact.source, fact.id):
            lines.marks += _marks(told[key], len(told), stands=True)
    for key in sorted(before - after):
        lines.withdrawn += _items(told[key], stream_id)
        lines.marks += _marks(told[key], len(told), stands=False)


def _items(fact: RecordedFact, stream_id: UUID) -> list[Parked]:
    """The items of a settlement or an invoice, each a fact for the session that its payment or CDR belongs to."""
    of_settlement = stream_id if fact.type == SETTLEMENT else None
    found = []
    for item in items_of(fact.type, fact.id, fact.data):
        line = RecordedFact(item.type, fact.source, item.id, fact.time, item.data)
        found.append(Parked(item.kind, item.ref, line, of_settlement))
    return found


def _marks(fact: RecordedFact, revision: int, *, stands: bool) -> Iterator[Parked]:
    """For each line of a settlement that was told: whether it stands now, for the session that may have it."""
    names = ("settlement_id", "provider", "settled_at")
    if fact.type != SETTLEMENT:
        return
    for item in items_of(fact.type, fact.id, fact.data):
        data = {name: fact.data[name] for name in names} | {"payment_id": item.data["payment_id"]}
        data |= {"line_id": item.id, "stands": stands, "revision": revision}
        mark = RecordedFact(LINE_STANDING, fact.source, f"{item.id}@{revision}", fact.time, data)
        yield Parked(item.kind, item.ref, mark)


def _name_of(fact: RecordedFact) -> str:
    """The business name of the stream that a fact is stored in."""
    row, data = MESSAGE_TYPES[SETTLEMENT if fact.type == PART else fact.type], fact.data
    if row.stream is None:
        raise LookupError(f"{fact.type} has no stream of its own")
    return row.stream({**data, "part": 1} if fact.type == PART else data)


def _replayed(stored: Sequence[StoredEvent]) -> tuple[Receipt, dict[MessageKey, RecordedFact]]:
    """A receipt from its events, and the messages about it by (source, id)."""
    receipt = Receipt()
    told: dict[MessageKey, RecordedFact] = {}

    def learn(fact: RecordedFact) -> None:
        receipt.name = receipt.name or _name_of(fact)
        receipt.learn(fact)
        if fact.type != PART:
            told[fact.source, fact.id] = fact

    fold(receipt, stored, learn)
    return receipt, told
