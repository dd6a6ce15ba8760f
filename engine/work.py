"""One transaction's worth of decisions: collected while deciding, written as sets, the events last."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.bookings import Booking, ReserveReleased, ShareSplit
from domain.book.findings import FindingChange, FindingEnded, FindingOpened
from domain.book.journal import Entry
from domain.book.matter_bookings import HoldPlaced, HoldReleased
from domain.book.posting import entries_of, mirrors_of, payable_effects
from domain.book.refusals import RefusalChange
from domain.book.release import Release
from domain.book.standing import BookChange, Booked, Retracted
from domain.book.treasury_bookings import HubFeeAccrued
from domain.session.decisions import ShareReleased
from domain.session.plug import Overlap
from domain.session.tiering import Tiered
from ledger.arrays import columns
from ledger.book.journal import write_entries
from ledger.book.lines import MovedRelease, NewLine, add_lines, free_lines, move_releases, pay_lines
from ledger.events.codec import encode
from ledger.events.heads import SessionHead, put_off_sessions, save_sessions, save_streams
from ledger.events.store import LOCK, StoredEvent, append, event_id
from ledger.intake.kept_payouts import KeptPayout, keep_payouts
from ledger.intake.looks import look
from ledger.intake.plugs import Arrival, arrive, note_told
from ledger.intake.receipts import look_at
from ledger.intake.shared_payments import forget_shared, note_shared
from ledger.intake.tiers import keep_tiered
from ledger.intake.treasury import keep_hub_fees

_ADD_TO_OUTBOX = """
INSERT INTO intake.outbox (topic, record_key, stream_id, version, deadletter_id)
SELECT * FROM unnest(%s::text[], %s::text[], %s::uuid[], %s::int[], %s::uuid[])
"""

# What is kept or given back was earned before: of these lines no reserve is kept.
_OF_RESERVES = (ReserveReleased, HoldPlaced, HoldReleased)


class Versioned(Protocol):
    """An aggregate, or whatever else knows how many events its stream has."""

    version: int


@dataclass(slots=True)
class Unfolded:
    """A stream that is only written to here: nobody decides by what it says."""

    version: int


@dataclass(slots=True)
class Work:
    """What a transaction is going to write; `shard` is the slot of balances that this writer adds to.

    `receipts` are the streams of the settlements that the clock has to look at because of it, `told_receipts` what
    stands on the book of receipts that changed, with the names of their streams. `captured` are the
    payments, by reference, of which something was captured; `told_payments` those whose sessions know of each other
    now, with the number of them. `judged_again` are the streams of sessions that decided twice. `put_off` are the
    sessions, with their versions, that are to be judged later. `freed` are lines of payouts that were rejected, with
    the payout and the moment; a later payout of this transaction may pay them. `payouts` are those of which something
    was decided, as they stand by now; `to_look_at` are those that the clock has to look at. `hub_fees` are those of
    hubs as they stand now, by stream and key; None of those that stand no more.
    """

    shard: int
    events: list[StoredEvent] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    lines: list[NewLine] = field(default_factory=list)
    paid: list[tuple[UUID, str, str]] = field(default_factory=list)
    freed: list[tuple[UUID, str, str, datetime]] = field(default_factory=list)
    moved: list[MovedRelease] = field(default_factory=list)
    heads: dict[str, SessionHead] = field(default_factory=dict)
    streams: dict[UUID, Versioned] = field(default_factory=dict)
    receipts: set[UUID] = field(default_factory=set)
    told_receipts: dict[UUID, tuple[str, list[Booking]]] = field(default_factory=dict)
    captured: set[str] = field(default_factory=set)
    told_payments: dict[str, int] = field(default_factory=dict)
    outbox: list[tuple[str, str, UUID | None, int | None, UUID | None]] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    told: dict[str, Overlap | None] = field(default_factory=dict)
    judged_again: set[UUID] = field(default_factory=set)
    put_off: dict[str, int] = field(default_factory=dict)
    payouts: dict[str, KeptPayout] = field(default_factory=dict)
    to_look_at: list[str] = field(default_factory=list)
    # What sessions count for in the tiers of a month, with its stream; None where they count nowhere.
    tiered: dict[str, tuple[UUID, Tiered] | None] = field(default_factory=dict)
    hub_fees: dict[tuple[UUID, str], HubFeeAccrued | None] = field(default_factory=dict)

    def stream(self, stream_id: UUID, aggregate: Versioned) -> "Stream":
        """Where to append to a stream whose head this transaction has locked; the head is saved with the rest."""
        self.streams[stream_id] = aggregate
        return Stream(self, stream_id, aggregate)

    def send_deadletter(self, key: str, deadletter_id: UUID) -> None:
        """Have the relay send a dead letter."""
        self.outbox.append(("settlement.deadletter", key, None, None, deadletter_id))

    def keep_payouts(self, cursor: Cursor[TupleRow]) -> None:
        """Write the payouts now, for statements of this transaction that read them."""
        keep_payouts(cursor, self.payouts.values())
        look(cursor, self.to_look_at)
        self.payouts.clear()
        self.to_look_at.clear()

    def write(self, cursor: Cursor[TupleRow]) -> bool:
        """Write everything as sets; the events come last, since their lock lets one writer at a time commit.

        Sessions take their places at plugs behind it, under that lock, so that no two of them can miss each other.
        Whether sessions are to be judged again because of others at their plugs, or of others that share a payment.
        """
        if self.judged_again:
            self._release_as_decided_last()
        move_releases(cursor, self.moved)
        add_lines(cursor, self.lines)
        free_lines(cursor, self.freed)
        pay_lines(cursor, self.paid)
        self.keep_payouts(cursor)
        save_sessions(cursor, list(self.heads.values()))
        keep_tiered(cursor, self.tiered)
        put_off_sessions(cursor, self.put_off)
        save_streams(cursor, {stream_id: aggregate.version for stream_id, aggregate in self.streams.items()})
        _write_outbox(cursor, self.outbox)
        look_at(cursor, self.receipts)
        keep_hub_fees(cursor, self.hub_fees)
        write_entries(cursor, self.entries, self.shard)
        append(cursor, self.events)
        # Behind the lock of the events: of two writers that claim one payment the second sees what the first did.
        is_shared = note_shared(cursor, self.captured)
        forget_shared(cursor, self.told_payments)
        if not self.arrivals and not self.told:
            return is_shared
        if not self.events:
            cursor.execute(LOCK)
        note_told(cursor, self.told)
        return arrive(cursor, self.arrivals) or is_shared

    def _release_as_decided_last(self) -> None:
        """Of a share whose release moved twice the last one counts, for lines of the first decision too."""
        last = {(moved.stream_id, moved.share): moved for moved in self.moved}
        self.moved = list(last.values())
        for place, line in enumerate(self.lines):
            moved = last.get((line.stream_id, line.share)) if line.stream_id in self.judged_again else None
            if moved is not None and line.payout_id is None:
                self.lines[place] = replace(line, released_at=moved.released_at, available_on=moved.available_on)


@dataclass(slots=True)
class Stream:
    """One stream in a transaction: what is appended gets the next version of its aggregate."""

    work: Work
    stream_id: UUID
    aggregate: Versioned

    def append(self, event: Any) -> None:
        """Store a fact or a decision."""
        self.aggregate.version += 1
        self.work.events.append(StoredEvent(self.stream_id, self.aggregate.version, *encode(event)))

    def send(self, topic: str, key: str) -> None:
        """Have the relay send the event appended last."""
        self.work.outbox.append((topic, key, self.stream_id, self.aggregate.version, None))

    def tell(self, change: FindingChange) -> None:
        """Have the relay tell people of the finding appended last: the first time that it opens, and that it ends."""
        if change.first:
            self.send("settlement.notifications", change.finding.operator_id or change.finding.subject)

    def write(self, changes: Iterable[BookChange | FindingChange | RefusalChange]) -> None:
        """Append what was decided; what is booked is posted, and of findings people are told."""
        for change in changes:
            self.append(change)
            if isinstance(change, FindingOpened | FindingEnded):
                self.tell(change)
            elif isinstance(change, Booked | Retracted):
                self.book(change)

    def move(self, released: ShareReleased) -> None:
        """Bring the unpaid lines of a share in step with its release."""
        self.work.moved.append(
            MovedRelease(self.stream_id, released.share, released.released_at, released.available_on)
        )

    def book(
        self,
        change: BookChange,
        release: ShareReleased | Release | None = None,
        payout_id: str | None = None,
        others: Mapping[str, ShareReleased] | None = None,
    ) -> None:
        """Post the entries of the change appended last, or mirror them, and keep the lines of whoever has them.

        The entries name that event as their cause. `release` is the release of the booking's share, `others` those of
        the shares of payees; lines with a `payout_id` are paid by it at once.
        """
        booking = change.booking
        make = entries_of if isinstance(change, Booked) else mirrors_of
        cause = event_id(self.stream_id, self.aggregate.version)
        entries = make(booking, self.stream_id, change.revision, cause)
        self.work.entries += entries
        if type(booking) is HubFeeAccrued:
            self.work.hub_fees[self.stream_id, booking.key] = booking if isinstance(change, Booked) else None
        if not booking.operator_id or not booking.share:
            return
        self._keep_lines(booking, booking.operator_id, booking.share, entries, release, payout_id)
        if type(booking) is ShareSplit:
            for payee_id, _, _, share in booking.parts:
                found = others.get(share) if others else None
                self._keep_lines(booking, payee_id, share, entries, found, None)

    def _keep_lines(
        self,
        booking: Booking,
        operator_id: str,
        share: str,
        entries: Iterable[Entry],
        release: ShareReleased | Release | None,
        payout_id: str | None,
    ) -> None:
        for entry, amount in payable_effects(entries, operator_id):
            self.work.lines.append(
                NewLine(
                    entry.entry_id,
                    self.stream_id,
                    share,
                    operator_id,
                    booking.currency,
                    amount,
                    release.released_at if release else None,
                    release.available_on if release else None,
                    reserve_release=isinstance(booking, _OF_RESERVES),
                    payout_id=payout_id,
                    takes_back=entry.reverses,
                    effective_at=entry.effective_at,
                    kind=entry.kind,
                )
            )


def _write_outbox(
    cursor: Cursor[TupleRow], outbox: Iterable[tuple[str, str, UUID | None, int | None, UUID | None]]
) -> None:
    rows = list(outbox)
    if rows:
        cursor.execute(_ADD_TO_OUTBOX, columns(rows))
