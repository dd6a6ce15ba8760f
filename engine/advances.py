"""Advances as stored: what payouts paid, or may pay, of sessions whose drivers had not paid by then.

Only sessions that are noted as such are looked at (`ahead_until` of their heads), so nothing here grows with history.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.bookings import PaymentCaptured
from domain.book.posting import entries_of, mirrors_of, payable_effects
from domain.book.standing import Booked, Retracted
from domain.book.wallet_bookings import WalletCharged
from domain.calendar import END
from domain.payout.advances import Advances, SessionAdvance
from domain.session.session import session_stream
from ledger.book.lines import lines_of_entries
from ledger.events.codec import decode
from ledger.events.store import StoredEvent, read_streams
from ledger.intake.ahead import sessions_ahead_of

# Names of the stored events that are read here.
_BOOKED = (f"{Booked.__name__}.", f"{Retracted.__name__}.")
_NOBODY = UUID(int=0)


@dataclass(slots=True)
class _Told:
    """What a session's stream says: captures, and the entries that change its operator's payable."""

    operator_id: str = ""
    currency: str = ""
    captures: list[tuple[datetime, int]] = field(default_factory=list)
    entries: list[UUID] = field(default_factory=list)

    def take(self, event: StoredEvent) -> None:
        """Read a booking, or one that was taken back."""
        change: Booked | Retracted = decode(event.topic, event.state)
        booking, made = change.booking, isinstance(change, Booked)
        if isinstance(booking, PaymentCaptured | WalletCharged):
            self.captures.append((booking.effective_at, booking.amount if made else -booking.amount))
        make = entries_of if made else mirrors_of
        entries = make(booking, event.stream_id, change.revision, _NOBODY)
        effects = payable_effects(entries, booking.operator_id) if booking.operator_id else []
        if effects:
            self.operator_id, self.currency = booking.operator_id, booking.currency
            self.entries += [entry.entry_id for entry, _ in effects]


def advances_of(cursor: Cursor[TupleRow], since: Mapping[str, datetime]) -> dict[str, Advances]:
    """The sessions that a payout after a moment may pay ahead of their drivers, by operator, each with its moment."""
    sessions: dict[str, dict[UUID, SessionAdvance]] = {operator_id: {} for operator_id in since}
    for stream_id, (operator_id, advance) in _read(cursor, sessions_ahead_of(cursor, since)).items():
        sessions[operator_id][stream_id] = advance
    return {operator_id: Advances(found) for operator_id, found in sessions.items()}


@dataclass(frozen=True, slots=True)
class Ahead:
    """What an operator is ahead of drivers in a currency, in minor units: released in all, and paid out of that."""

    released: int = 0
    paid: int = 0


def advances_now(cursor: Cursor[TupleRow], session_ids: Sequence[str]) -> dict[tuple[str, str], Ahead]:
    """By operator and currency, of these sessions: shares that are released and not covered by what was captured."""
    sums: dict[tuple[str, str], Ahead] = {}
    for operator_id, advance in _read(cursor, session_ids).values():
        known = sums.get((operator_id, advance.currency), Ahead())
        released = advance.ahead(END, advance.released - advance.paid)
        sums[operator_id, advance.currency] = Ahead(known.released + released, known.paid + advance.ahead(END))
    return {key: ahead for key, ahead in sums.items() if ahead.released or ahead.paid}


def _read(cursor: Cursor[TupleRow], session_ids: Sequence[str]) -> dict[UUID, tuple[str, SessionAdvance]]:
    """Each session's operator and advance, by its stream."""
    if not session_ids:
        return {}
    streams = read_streams(cursor, [session_stream(session_id) for session_id in session_ids])
    told = {stream_id: _told(events) for stream_id, events in streams.items()}
    entries = [(entry, each.operator_id) for each in told.values() for entry in each.entries]
    lines = lines_of_entries(cursor, entries)
    found = {}
    for stream_id, each in told.items():
        if each.operator_id:
            own = [lines[entry] for entry in each.entries if entry in lines]
            paid = sum(line.amount for line in own if line.is_paid)
            released = paid + sum(line.amount for line in own if not line.is_paid and line.is_released)
            advance = SessionAdvance(each.currency, tuple(sorted(each.captures)), paid, released)
            found[stream_id] = each.operator_id, advance
    return found


def _told(events: Iterable[StoredEvent]) -> _Told:
    told = _Told()
    for event in events:
        if event.topic.startswith(_BOOKED):
            told.take(event)
    return told
