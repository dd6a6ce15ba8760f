"""Payable lines as stored events give them: by the bookings and releases of their streams, folded anew."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.bookings import Booking, ShareMatured
from domain.book.journal import Entry
from domain.book.posting import entries_of, mirrors_of, payable_effects, shares_of
from domain.book.standing import Booked
from domain.session.decisions import ShareReleased
from domain.session.driver.share import OF_FUNDER, SESSION_SHARE
from domain.session.splitting import OF_PAYEE
from ledger.events.codec import decode

_EVENTS = """
SELECT originator_id, topic, state FROM event_store.stored_events
WHERE originator_id = ANY(%s) AND (topic LIKE 'Booked.%%' OR topic LIKE 'Retracted.%%' OR topic = 'ShareReleased')
ORDER BY originator_id, originator_version
"""


@dataclass(slots=True)
class Given:
    """What stored events give: lines of entries with their bookings, and releases of shares, in their order.

    `pending` is what shares have on 2011, in minor units: nothing once all of it has matured.
    """

    lines: dict[tuple[UUID, str], tuple[tuple[object, ...], Booking]] = field(default_factory=dict)
    pending: dict[tuple[UUID, str], int] = field(default_factory=lambda: defaultdict(int))
    releases: dict[tuple[UUID, str], list[tuple[datetime | None, date | None]]] = field(
        default_factory=lambda: defaultdict(list)
    )


def given_lines(cursor: Cursor[TupleRow], stream_ids: Iterable[UUID]) -> Given:
    """What the stored events of these streams give, read in one round trip."""
    given = Given()
    for stream_id, topic, state in cursor.execute(_EVENTS, (list(stream_ids),), binary=True).fetchall():
        event = decode(topic, state)
        if isinstance(event, ShareReleased):
            given.releases[stream_id, event.share].append((event.released_at, event.available_on))
            continue
        booking: Booking = event.booking
        make = entries_of if isinstance(event, Booked) else mirrors_of
        entries = make(booking, stream_id, event.revision, stream_id) if booking.operator_id else []
        for operator_id, share in shares_of(booking):
            if _share_of(booking, share):
                _give(given, stream_id, booking, (operator_id, share), entries)
    return given


def _give(given: Given, stream_id: UUID, booking: Booking, whose: tuple[str, str], entries: Sequence[Entry]) -> None:
    """What a booking's entries are to one whose payable they move, by the share that its lines follow."""
    operator_id, share = whose
    postings = [posting for entry in entries for posting in entry.postings]
    given.pending[stream_id, _share_of(booking, share)] -= sum(
        each.amount_minor for each in postings if each.account == f"2011/{operator_id}"
    )
    for entry, amount in payable_effects(entries, operator_id):
        told = (stream_id, share, operator_id, booking.currency, amount, entry.reverses)
        given.lines[entry.entry_id, operator_id] = ((*told, entry.effective_at, entry.kind), booking)


def _share_of(booking: Booking, share: str) -> str:
    """The share that a booking belongs to; one that has a share mature names it by its key alone."""
    if not isinstance(booking, ShareMatured):
        return share
    _, _, cdr = booking.key.partition(":")
    if cdr.startswith((OF_FUNDER, OF_PAYEE)):
        return cdr
    return f"cdr:{cdr}" if cdr else SESSION_SHARE
