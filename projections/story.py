"""The story of one session, for those who ask: its messages, outcome, entries, CDRs, payouts and energy."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

from domain.book.journal import Entry, Posting
from domain.book.posting import entries_of, mirrors_of
from domain.book.standing import Booked, Retracted
from domain.fact import RecordedFact
from domain.session.decisions import SessionAssessed
from domain.session.session import session_stream
from ledger.events.codec import decode
from ledger.events.store import StoredEvent, read_streams
from projections.energy import EnergyEntry, energy_entries
from projections.movements import BOOK_TOPICS
from projections.queries import PayoutRow

# The payouts that pay any of these entries, of one operator, each attempt of them.
_PAYOUTS_OF_ENTRIES = """
SELECT payout_id, batch_id, operator_id, currency, business_date, attempt, amount, reserve, status, status_at, reason,
       fired_at, reissue_of, cardinality(entry_ids) AS entries
FROM projection.payouts
WHERE operator_id = %s AND entry_ids && %s
ORDER BY currency, business_date, attempt
"""

# Entries by id, in the order of the journal.
_ENTRIES = """
SELECT entry.entry_id, entry.kind, entry.effective_at, entry.currency, entry.cause, entry.session_id, entry.payout_id,
       entry.reverses, lines.accounts, lines.amounts
FROM book.entry
CROSS JOIN LATERAL (
    SELECT array_agg(account ORDER BY line) AS accounts, array_agg(amount_minor ORDER BY line) AS amounts
    FROM book.posting
    WHERE posting.entry_id = entry.entry_id
) AS lines
WHERE entry.entry_id = ANY(%s)
ORDER BY entry.effective_at, entry.kind, entry.entry_id
"""

# The CDRs of one session.
_CDRS = "SELECT document FROM projection.cdrs WHERE session_id = %s ORDER BY number, credit"


@dataclass(frozen=True, slots=True)
class SessionStory:
    """One session from its first message on: what was stored of it, its entries, CDRs, payouts and energy."""

    session_id: str
    outcome: SessionAssessed | None
    timeline: tuple[Any, ...]
    entries: tuple[Entry, ...]
    cdrs: tuple[Mapping[str, Any], ...]
    payouts: tuple[PayoutRow, ...]
    energy: tuple[EnergyEntry, ...] = ()

    @property
    def facts(self) -> tuple[RecordedFact, ...]:
        """The messages about the session, in the order of their arrival."""
        return tuple(event for event in self.timeline if isinstance(event, RecordedFact))


def session_story(cursor: Cursor[TupleRow], session_id: str) -> SessionStory | None:
    """Everything that is known of a session; None when nothing is. Needs a role that may read the event store.

    Costs as much as the session has events: its entries are found by the ids that its bookings give.
    """
    stream_id = session_stream(session_id)
    stored = read_streams(cursor, [stream_id])[stream_id]
    if not stored:
        return None
    timeline = tuple(decode(event.topic, event.state) for event in stored)
    entry_ids = entry_ids_of(timeline, stream_id)
    outcomes = [event for event in timeline if isinstance(event, SessionAssessed)]
    outcome = outcomes[-1] if outcomes else None
    cdrs = tuple(document for (document,) in cursor.execute(_CDRS, (session_id,)).fetchall())
    return SessionStory(
        session_id,
        outcome,
        timeline,
        entries_by_id(cursor, entry_ids),
        cdrs,
        _payouts_of(cursor, outcome, entry_ids),
        energy_entries(cursor, session_id),
    )


def entries_by_id(cursor: Cursor[TupleRow], entry_ids: list[UUID]) -> tuple[Entry, ...]:
    """The entries with these ids that are on the book, by effective time."""
    rows = cursor.execute(_ENTRIES, (entry_ids,), binary=True).fetchall()
    return tuple(
        Entry(id_, kind, effective_at, currency, tuple(map(Posting, accounts, amounts)), *others)
        for id_, kind, effective_at, currency, *others, accounts, amounts in rows
    )


def entry_ids_of_stored(stored: Iterable[StoredEvent], stream_id: UUID) -> list[UUID]:
    """As `entry_ids_of`, of stored events: those that book nothing are not read."""
    booked = [decode(event.topic, event.state) for event in stored if event.topic in BOOK_TOPICS]
    return entry_ids_of(booked, stream_id)


def entry_ids_of(timeline: Iterable[Any], stream_id: UUID) -> list[UUID]:
    """Ids of the entries that the bookings in a stream gave, and of the mirrors of those retracted."""
    found: list[UUID] = []
    for event in timeline:
        if isinstance(event, Booked | Retracted):
            made = entries_of if isinstance(event, Booked) else mirrors_of
            found += [entry.entry_id for entry in made(event.booking, stream_id, event.revision, stream_id)]
    return found


def _payouts_of(
    cursor: Cursor[TupleRow], outcome: SessionAssessed | None, entry_ids: list[UUID]
) -> tuple[PayoutRow, ...]:
    if outcome is None or not entry_ids:
        return ()
    with cursor.connection.cursor(row_factory=class_row(PayoutRow)) as rows:
        return tuple(rows.execute(_PAYOUTS_OF_ENTRIES, (outcome.operator_id, entry_ids)).fetchall())
