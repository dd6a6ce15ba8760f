"""Receipts at the bank: settlements and paid invoices are stored in streams of their own, and booked once each."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.findings import FindingEnded, FindingOpened
from domain.fact import RecordedFact
from domain.receipt import Receipt
from engine.work import Work
from ledger.events.codec import decode
from ledger.events.heads import lock_streams
from ledger.events.store import StoredEvent, read_streams


def take_receipts(cursor: Cursor[TupleRow], work: Work, facts: Mapping[UUID, Sequence[RecordedFact]]) -> None:
    """Store facts in the streams of their receipts and book the first of each."""
    versions = lock_streams(cursor, facts)
    known = read_streams(cursor, [stream_id for stream_id, version in versions.items() if version])
    for stream_id, new_facts in facts.items():
        receipt = _replayed(known.get(stream_id, ()))
        stream = work.stream(stream_id, receipt)
        for fact in new_facts:
            stream.append(fact)
            receipt.learn(fact)
        for change in receipt.decide():
            stream.append(change)
            if isinstance(change, FindingOpened | FindingEnded):
                stream.tell(change)
            else:
                stream.book(change)


def _replayed(stored: Iterable[StoredEvent]) -> Receipt:
    receipt = Receipt()
    for each in stored:
        event = decode(each.topic, each.state)
        if isinstance(event, RecordedFact):
            receipt.learn(event)
        else:
            receipt.evolve(event)
        receipt.version = each.version
    return receipt
