"""The part of `network` that keeps where operators' money stands: what moved, from when on, by which event.

A row says that so much of what one stream has on its operator's accounts is at a place from a moment on, and less of
it where it was before; rows are only added. So the sum of all rows up to a moment and a position is what stood there
then, as it was known then; sums by day keep that sum short.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.bookings import Booking
from domain.book.posting import POSTING_RULES
from domain.book.standing import Booked, Retracted
from domain.network.cash_causes import CashCauses, Where
from domain.session.decisions import ShareReleased
from ledger.arrays import columns
from ledger.events.codec import decode
from projections.feed import Place as Stored
from projections.movements import BOOK_TOPICS, EventSet, booked
from projections.network.batch import Batch

_RELEASED = "ShareReleased"
# The codes of accounts whose lines are asked for, and bookings that tell a session's price and its captures.
_CODES = frozenset({"2010", "2011", "2020", "2030", "2050"})

# What happened before a set in the streams of a set.
_BEFORE = """
SELECT originator_id, topic, state FROM event_store.stored_events
WHERE originator_id = ANY(%s) AND notification_id < %s AND topic = ANY(%s)
ORDER BY originator_id, originator_version
"""
# Adds rows in the order of the key.
_ADD = """
INSERT INTO projection.cash_cause_row (generation, stream_id, position, at, operator_id, currency, place, subject,
                                       amount)
SELECT %s, new.*
FROM unnest(%s::uuid[], %s::bigint[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[],
            %s::bigint[]) AS new
"""
# Adds to the sums of days, in the order of the key.
_ADD_TO_DAYS = """
INSERT INTO projection.cash_cause_day_row AS kept (generation, operator_id, currency, place, since, last_position,
                                                   amount)
SELECT %s, new.*
FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::bigint[], %s::bigint[]) AS new
ON CONFLICT (generation, operator_id, currency, place, since) DO UPDATE
SET last_position = excluded.last_position, amount = kept.amount + excluded.amount
"""


class _Row(NamedTuple):
    stream_id: UUID
    position: int
    at: str
    operator_id: str
    currency: str
    place: str
    subject: str
    amount: int


@dataclass(frozen=True, slots=True)
class CashCausesPart:
    """Keeps what each booking and release moves between the places at which operators' money stands."""

    topics: frozenset[str] = BOOK_TOPICS | {_RELEASED}
    tables: tuple[str, ...] = ("cash_cause_row", "cash_cause_day_row")

    def apply(self, cursor: Cursor[TupleRow], generation: int, batch: Batch) -> None:
        """Add the rows of a set."""
        wanted = _wanted(batch)
        if not wanted:
            return
        folds = _folds(cursor, wanted)
        rows: list[_Row] = []
        days: dict[tuple[str, str, str, str], list[int]] = defaultdict(lambda: [0, 0])
        for change, place in wanted:
            subject, moves = _fold(folds[place.stream_id], change)
            for where, amount in moves.items():
                at = where.at.astimezone(UTC).isoformat()
                row = (at, where.operator_id, where.currency, where.place.value, subject, amount)
                rows.append(_Row(place.stream_id, place.position, *row))
                day = days[where.operator_id, where.currency, where.place.value, at[:_DAY]]
                day[0], day[1] = place.position, day[1] + amount
        if rows:
            cursor.execute(_ADD, (generation, *columns(sorted(rows))))
            sums = [(*key[:3], _start(key[3]), *days[key]) for key in sorted(days)]
            cursor.execute(_ADD_TO_DAYS, (generation, *columns(sums)))


# How much of a time's text names its day.
_DAY = len("2026-03-01")


@lru_cache(maxsize=10_000)
def _start(day: str) -> str:
    return datetime.fromisoformat(day).replace(tzinfo=UTC).isoformat()


def _wanted(batch: Batch) -> list[tuple[Any, Stored]]:
    """The decisions of a set that move money of operators, or tell where it stands, with their places, in order."""
    found: list[tuple[Any, Stored]] = []
    for (decision, drafts), place in booked(EventSet(batch.pairs, batch.places)):
        if _matters(decision.booking, drafts):
            found.append(((decision, drafts), place))
    for (topic, state), place in zip(batch.pairs, batch.places, strict=True):
        if topic == _RELEASED:
            found.append((decode(topic, state), place))
    return sorted(found, key=lambda each: each[1].position)


def _matters(booking: Booking, drafts: Sequence[Any]) -> bool:
    return bool(booking.session_id) or any(account[:4] in _CODES for _, legs in drafts for account, _ in legs)


def _folds(cursor: Cursor[TupleRow], wanted: Sequence[tuple[Any, Stored]]) -> dict[UUID, CashCauses]:
    """What was folded of the streams of a set before it."""
    folds = {place.stream_id: CashCauses() for _, place in wanted}
    first = min(place.position for _, place in wanted)
    topics = [*BOOK_TOPICS, _RELEASED]
    for stream_id, topic, state in cursor.execute(_BEFORE, (list(folds), first, topics), binary=True).fetchall():
        decision = decode(topic, state)
        if isinstance(decision, (Booked, Retracted)):
            _fold(folds[stream_id], (decision, POSTING_RULES[type(decision.booking)](decision.booking)))
        else:
            _fold(folds[stream_id], decision)
    return folds


def _fold(causes: CashCauses, change: Any) -> tuple[str, dict[Where, int]]:
    """Take a decision in; whose money it moves, a session or a payout, and what it moves where."""
    if isinstance(change, ShareReleased):
        return causes.subject, causes.release(change.share, change.released_at)
    decision, drafts = change
    booking = decision.booking
    causes.subject = booking.session_id or booking.payout_id or causes.subject
    return causes.subject, causes.book(booking, drafts, 1 if type(decision) is Booked else -1)
