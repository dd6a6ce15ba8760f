"""Invoices to partners and disputes of CDRs: stored in streams of their own, their items wait for the sessions.

Which CDRs nobody knows shows when everything has been taken in: the clock looks then (`engine.receipts`).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import MESSAGE_TYPES, items_of, stream_of
from domain.fact import RecordedFact
from domain.partner_document import PartnerDocument, UnknownCdr
from engine.folding import fold
from engine.work import Work
from ledger.events.heads import lock_streams
from ledger.events.store import StoredEvent, read_streams
from ledger.intake.parking import Parked, park


def take_documents(cursor: Cursor[TupleRow], work: Work, facts: Iterable[RecordedFact]) -> bool:
    """Store facts in the streams of their invoices and disputes, and have their items wait; whether any does now."""
    by_stream: dict[UUID, list[RecordedFact]] = defaultdict(list)
    for fact in facts:
        by_stream[stream_of(fact.type, fact.data)].append(fact)
    if not by_stream:
        return False
    versions = lock_streams(cursor, by_stream)
    known = read_streams(cursor, [stream_id for stream_id, version in versions.items() if version])
    waiting: list[Parked] = []
    for stream_id, new_facts in by_stream.items():
        document = replayed(known.get(stream_id, ()))
        stream = work.stream(stream_id, document)
        for fact in new_facts:
            stream.append(fact)
            _learn(document, fact)
            for item in items_of(fact.type, fact.id, fact.data):
                line = RecordedFact(item.type, fact.source, item.id, fact.time, item.data)
                waiting.append(Parked(item.kind, item.ref, line, stream_id))
        stream.write(document.decide())
        work.receipts.add(stream_id)
    park(cursor, waiting)
    return True


def look_at_document(
    work: Work, stream_id: UUID, stored: Sequence[StoredEvent], unknown: Sequence[UnknownCdr]
) -> None:
    """Find which CDRs of an invoice or a dispute nobody knows."""
    document = replayed(stored)
    work.stream(stream_id, document).write(document.decide_by_clock(unknown))


def replayed(stored: Sequence[StoredEvent]) -> PartnerDocument:
    """An invoice or a dispute from its events."""
    document = PartnerDocument()
    fold(document, stored, partial(_learn, document))
    return document


def _learn(document: PartnerDocument, fact: RecordedFact) -> None:
    named = MESSAGE_TYPES[fact.type].stream
    document.name = document.name or (named(fact.data) if named else "")
    document.learn(fact)
