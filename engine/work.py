"""One transaction's worth of decisions: collected while deciding, written as sets, the events last."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.bookings import ReserveReleased
from domain.book.journal import Entry
from domain.book.posting import entries_of, mirrors_of, payable_effects
from domain.book.standing import Booked, Retracted
from domain.named_ids import named_id
from domain.session.decisions import ShareReleased
from ledger.arrays import columns
from ledger.book.journal import write_entries
from ledger.book.lines import MovedRelease, NewLine, add_lines, move_releases, pay_lines
from ledger.events.codec import encode
from ledger.events.heads import SessionHead, save_sessions, save_streams
from ledger.events.store import StoredEvent, append

_ADD_TO_OUTBOX = """
INSERT INTO intake.outbox (topic, record_key, stream_id, version, deadletter_id)
SELECT * FROM unnest(%s::text[], %s::text[], %s::uuid[], %s::int[], %s::uuid[])
"""


def event_id(stream_id: UUID, version: int) -> UUID:
    """The id of a stored event, as entries name their cause."""
    return named_id(stream_id, f"event:{version}")


@dataclass(slots=True)
class Work:
    """What a transaction is going to write; `shard` is the slot of balances that this writer adds to."""

    shard: int
    events: list[StoredEvent] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    lines: list[NewLine] = field(default_factory=list)
    paid: list[tuple[UUID, str]] = field(default_factory=list)
    moved: list[MovedRelease] = field(default_factory=list)
    heads: dict[str, SessionHead] = field(default_factory=dict)
    versions: dict[UUID, int] = field(default_factory=dict)
    outbox: list[tuple[str, str, UUID | None, int | None, UUID | None]] = field(default_factory=list)

    def store(self, stream_id: UUID, version: int, event: Any) -> None:
        """Append an event to a stream as that version."""
        self.events.append(StoredEvent(stream_id, version, *encode(event)))

    def book(
        self,
        stream_id: UUID,
        version: int,
        decision: Booked | Retracted,
        release: ShareReleased | None,
        payout_id: str | None = None,
    ) -> None:
        """Post the entries of a booking, or mirror them, and keep the operator's lines.

        The decision is stored in the stream as that version, which the entries name as their cause. `release` is the
        release of the booking's share; lines with a `payout_id` are paid by it at once.
        """
        booking = decision.booking
        make = entries_of if isinstance(decision, Booked) else mirrors_of
        entries = make(booking, stream_id, decision.revision, event_id(stream_id, version))
        self.entries += entries
        if not booking.operator_id or not booking.share:
            return
        for entry, amount in payable_effects(entries, booking.operator_id):
            self.lines.append(
                NewLine(
                    entry.entry_id,
                    stream_id,
                    booking.share,
                    booking.operator_id,
                    booking.currency,
                    amount,
                    release.released_at if release else None,
                    release.available_on if release else None,
                    reserve_release=isinstance(booking, ReserveReleased),
                    payout_id=payout_id,
                    takes_back=entry.reverses,
                )
            )

    def send(self, topic: str, key: str, stream_id: UUID, version: int) -> None:
        """Have the relay send an event."""
        self.outbox.append((topic, key, stream_id, version, None))

    def send_deadletter(self, key: str, deadletter_id: UUID) -> None:
        """Have the relay send a dead letter."""
        self.outbox.append(("settlement.deadletter", key, None, None, deadletter_id))

    def write(self, cursor: Cursor[TupleRow]) -> None:
        """Write everything as sets; the events come last, since their lock lets one writer at a time commit."""
        move_releases(cursor, self.moved)
        add_lines(cursor, self.lines)
        pay_lines(cursor, self.paid)
        save_sessions(cursor, list(self.heads.values()))
        save_streams(cursor, self.versions)
        _write_outbox(cursor, self.outbox)
        write_entries(cursor, self.entries, self.shard)
        append(cursor, self.events)


def _write_outbox(
    cursor: Cursor[TupleRow], outbox: Iterable[tuple[str, str, UUID | None, int | None, UUID | None]]
) -> None:
    rows = list(outbox)
    if rows:
        cursor.execute(_ADD_TO_OUTBOX, columns(rows))
