"""Tiers of a month: what sessions count for is kept as they are judged, and the clock settles a month that is over.

What comes late, into a month that is settled, has it settled anew: the entry is mirrored and posted again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.standing import Booked, Retracted, Standing
from domain.catalogue.catalogue import Catalogue
from domain.session.release import release_at_once
from domain.session.session import Session
from domain.session.tiering import settlement, tiered
from engine.work import Work
from ledger.events.codec import decode
from ledger.events.heads import lock_streams
from ledger.events.store import read_streams
from ledger.intake.tiers import due_months, sums_of


@dataclass(slots=True)
class _Stream:
    """A month's stream: how long it is, and what of it stands on the book."""

    version: int = 0
    standing: Standing = field(default_factory=Standing)


def note_tiered(work: Work, session: Session, catalogue: Catalogue) -> None:
    """Keep what a session that was judged counts for, as far as any terms have tiers."""
    found = tiered(session, catalogue)
    work.tiered[session.session_id] = (found.month.stream_id, found) if found is not None else None


def settle_tiers(cursor: Cursor[TupleRow], work: Work, catalogue: Catalogue, until: datetime, at_most: int) -> int:
    """Bring months that are over by a moment in step with their sessions (J02t); how many were looked at."""
    months = due_months(cursor, until, at_most)
    if not months:
        return 0
    streams = _load(cursor, months)
    sums = sums_of(cursor, list(months))
    for stream_id, month in months.items():
        stream, come_to = streams[stream_id], sums[stream_id]
        charged = come_to.commission, come_to.commission_vat
        changes = stream.standing.towards(settlement(month, come_to.counts, charged, catalogue))
        appended = work.stream(stream_id, stream)
        for change in changes:
            appended.append(change)
            stream.standing.evolve(change)
            appended.book(change, release_at_once(catalogue, month.operator_id, month.ends_at))
    return len(months)


def _load(cursor: Cursor[TupleRow], stream_ids: Iterable[UUID]) -> dict[UUID, _Stream]:
    versions = lock_streams(cursor, stream_ids)
    streams = {stream_id: _Stream() for stream_id in versions}
    begun = [stream_id for stream_id, version in versions.items() if version]
    for stream_id, stored in read_streams(cursor, begun).items() if begun else ():
        for each in stored:
            event = decode(each.topic, each.state)
            if isinstance(event, Booked | Retracted):
                streams[stream_id].standing.evolve(event)
            streams[stream_id].version = each.version
    return streams
