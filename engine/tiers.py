"""Tiers of a month: what sessions count for is kept as they are judged, and the clock settles a month once it is over.

What comes late, into a month that is settled, has it settled anew: the entry is mirrored and posted again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from uuid import NAMESPACE_URL, UUID, uuid5

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.bookings import TiersSettled
from domain.book.standing import Booked, Retracted, Standing
from domain.catalogue.catalogue import Catalogue
from domain.catalogue.commission import MonthTiers
from domain.money import percent_of
from domain.session.release import release_at_once
from domain.session.session import Session
from domain.session.tiering import TierMonth, tiered, words_of
from engine.work import Work
from ledger.events.codec import decode
from ledger.events.heads import lock_streams
from ledger.events.store import read_streams
from ledger.intake.tiers import MonthSum, due_months, sums_of

_KEY = "tiers"


@dataclass(slots=True)
class _Stream:
    """A month's stream: how long it is, and what of it stands on the book."""

    version: int = 0
    standing: Standing = field(default_factory=Standing)


def note_tiered(work: Work, session: Session, catalogue: Catalogue) -> None:
    """Keep what a session that was judged counts for, as far as any terms have tiers."""
    found = tiered(session, catalogue)
    work.tiered[session.session_id] = (stream_of_month(found.month), found) if found is not None else None


def stream_of_month(month: TierMonth) -> UUID:
    """The id of a month's event stream."""
    return uuid5(NAMESPACE_URL, f"wattledger:stream:{month.name}")


def settle_tiers(cursor: Cursor[TupleRow], work: Work, catalogue: Catalogue, until: datetime, at_most: int) -> int:
    """Bring months that are over by a moment in step with their sessions (J02t); how many were looked at."""
    months = due_months(cursor, until, at_most)
    if not months:
        return 0
    streams = _load(cursor, months)
    sums = sums_of(cursor, list(months))
    for stream_id, month in months.items():
        stream = streams[stream_id]
        changes = stream.standing.towards(_wanted(month, sums[stream_id], catalogue))
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


def _wanted(month: TierMonth, come_to: MonthSum, catalogue: Catalogue) -> list[TiersSettled]:
    """What should stand of a month: its tiers less what its sessions were charged, and of the VAT alike."""
    found = _terms(month, catalogue)
    if found is None:
        return []
    tiers, vat_percent = found
    commission = tiers.commission(come_to.counts)
    vat = percent_of(commission, vat_percent) - come_to.commission_vat
    if commission == come_to.commission and not vat:
        return []
    return [
        TiersSettled(
            key=_KEY,
            effective_at=month.ends_at,
            currency=month.currency,
            operator_id=month.operator_id,
            share=_KEY,
            matured=True,
            commission=commission - come_to.commission,
            commission_vat=vat,
        )
    ]


def _terms(month: TierMonth, catalogue: Catalogue) -> tuple[MonthTiers, Fraction] | None:
    """The tiers of a month and the VAT on them: those of any version of the operator's terms with these words."""
    versions = catalogue.operators.get(month.operator_id)
    for _, version in versions.timeline if versions else ():
        operator = version.value
        for row in operator.schedule.rows if operator.schedule is not None else ():
            if row.tiers is not None and words_of(operator, row) == month.words:
                return row.tiers, operator.commission_vat_percent
    return None
