"""The catalogue as stored: every version in the order of arrival, and the copy that each process keeps in memory."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.holiday_calendars import holiday_calendar
from contracts.vat_ids import is_vat_id
from domain.calendar import BankCalendar
from domain.catalogue.account_changes import COOLING_OFF
from domain.catalogue.catalogue import POWER_MAX_KW, Catalogue, Publication, Scope
from domain.fact import RecordedFact
from ledger.events.codec import decode, dump
from ledger.intake.matters import mark_matters
from ledger.locks import Lock, hold, share

_log = logging.getLogger(__name__)

# What brings other terms of an operator.
TERMS = ("operator.registered", "operator.changed")

# Whoever rates takes the lock shared, whoever publishes takes it alone: so no session can miss a version that is
# being published beside it, and no version can miss a session that is being rated.

# Each row beside the event that it names, of which everything is read: what a row says is not believed. Last whether
# it says the same: data are the last member of their event.
_NEWER_VERSIONS = """
SELECT published.seq, published.type, published.source, published.id, event.topic, event.state,
       substr(event.state, octet_length(event.state) - octet_length(published.data)) = published.data || '}'::bytea
FROM intake.catalogue AS published
LEFT JOIN event_store.stored_events AS event
    ON event.originator_id = published.stream_id AND event.originator_version = published.version
WHERE published.seq > %s
ORDER BY published.seq
"""
_ADD_VERSIONS = """
INSERT INTO intake.catalogue (type, source, id, event_time, data, stream_id, version)
SELECT type, source, id, event_time, data, stream_id, version
FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::bytea[], %s::uuid[], %s::int[])
    WITH ORDINALITY AS new (type, source, id, event_time, data, stream_id, version, number)
ORDER BY number
RETURNING seq
"""
# Sessions whose outcome may look different now: they are judged again, in sets, after the version is in. A version of
# something that was known concerns what happened from its effect on, the first one only those that waited for it.
_MARK = {
    Scope.ON_BOOK: """
UPDATE intake.session_head SET stale = true
WHERE operator_id = %(operator_id)s AND latest_at >= %(changed_from)s AND NOT stale
""",
    Scope.STARTED: """
UPDATE intake.session_head SET stale = true
WHERE operator_id = %(operator_id)s AND latest_at >= %(changed_from)s AND started_at >= %(changed_from)s AND NOT stale
""",
    # Nothing of a session is before its start, so the index on `latest_at` finds these too.
    Scope.STARTED_BETWEEN: """
UPDATE intake.session_head SET stale = true
WHERE operator_id = %(operator_id)s AND latest_at >= %(changed_from)s AND started_at >= %(changed_from)s
      AND started_at < %(changed_before)s AND NOT stale
""",
    Scope.WAITING: """
UPDATE intake.session_head SET stale = true WHERE operator_id = %(operator_id)s AND NOT settled AND NOT stale
""",
    Scope.AT_LOCATION: """
UPDATE intake.session_head SET stale = true
WHERE operator_id = %(operator_id)s AND awaits_location = %(location_id)s AND NOT stale
""",
    Scope.OF_PARTNER: """
UPDATE intake.session_head SET stale = true
WHERE partner = %(partner)s AND latest_at >= %(changed_from)s AND NOT stale
""",
    Scope.GIVEN_TO_PARTNER: """
UPDATE intake.session_head SET stale = true
WHERE operator_id = %(operator_id)s AND partner = %(partner)s AND (NOT settled OR started_at >= %(changed_from)s)
      AND NOT stale
""",
    Scope.WAITING_OR_ROAMING: """
UPDATE intake.session_head SET stale = true
WHERE operator_id = %(operator_id)s AND (NOT settled OR (partner IS NOT NULL AND started_at >= %(changed_from)s))
      AND NOT stale
""",
}

# Sessions of which a payee may have a part, or something else of it than before.
_MARK_SPLIT = """
UPDATE intake.session_head SET stale = true
WHERE operator_id = ANY(%s) AND latest_at >= %s AND NOT stale
"""


def bank_calendar(name: str) -> BankCalendar | None:
    """The calendar of bank holidays of that name; None when there is none."""
    found = holiday_calendar(name) if name else None
    return BankCalendar(found.name, found.version, found.weekend, found.closed_in) if found else None


@dataclass(slots=True)
class KnownCatalogue:
    """The catalogue up to a sequence number, brought up to date at the start of each transaction that rates."""

    power_max_kw: int = POWER_MAX_KW
    cooling_off: timedelta = COOLING_OFF
    catalogue: Catalogue = field(init=False)
    seq: int = field(default=0, init=False)
    _told: set[int] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self.forget()

    def lock(self, cursor: Cursor[TupleRow], *, to_publish: bool) -> None:
        """Take the catalogue's lock for this transaction and load what other processes published."""
        (hold if to_publish else share)(cursor, Lock.CATALOGUE)
        self.read(cursor)

    def read(self, cursor: Cursor[TupleRow]) -> None:
        """Load what was published since, as far as this transaction sees it: with the lock, all there is."""
        for seq, type_, source, id_, topic, state, same in cursor.execute(_NEWER_VERSIONS, (self.seq,)).fetchall():
            self.seq = seq
            fact = decode(topic, state) if topic == type_ else None
            if fact is None:
                self._tell(seq, f"{type_} {id_} of {source}", "it counts for nothing: no stored event published it")
                continue
            if not same or (fact.source, fact.id) != (source, id_):
                self._tell(seq, f"{fact.type} {fact.id} of {fact.source}", "its stored event counts, which says else")
            self.catalogue.publish(fact.type, fact.source, fact.id, fact.time, fact.data)

    def _tell(self, seq: int, what: str, why: str) -> None:
        """Tell once of a row that is not its event's."""
        if seq not in self._told:
            self._told.add(seq)
            _log.error(
                "row %d of intake.catalogue (%s) was made or changed by hand, and %s; find out who has the rights of "
                "wattledger_writer or of a superuser, and run 'wattledger verify'",
                seq,
                what,
                why,
            )

    def forget(self) -> None:
        """Start over after a rollback: what this transaction published is not there."""
        watts = self.power_max_kw * 1000
        self.catalogue = Catalogue(
            calendars=bank_calendar, vat_ids=is_vat_id, power_max_w=watts, cooling_off=self.cooling_off
        )
        self.seq = 0

    def publish(
        self, cursor: Cursor[TupleRow], type_: str, source: str, id_: str, time: datetime, data: Mapping[str, Any]
    ) -> tuple[bool, Publication]:
        """Publish a version and mark the sessions it may concern; whether it may concern any, and what it changed.

        The transaction stores its event, and then its row (`add`).
        """
        publication = self.catalogue.publish(type_, source, id_, time, data)
        if type_ in TERMS:
            mark_matters(cursor, data["operator_id"], publication.changed_from)
        return _mark_stale(cursor, publication), publication

    def add(self, cursor: Cursor[TupleRow], published: Sequence[tuple[RecordedFact, UUID, int]]) -> None:
        """Store the rows of what this transaction published, in that order; each with where its event is."""
        if published:
            rows = [
                (fact.type, fact.source, fact.id, fact.time, dump(fact.data), stream_id, version)
                for fact, stream_id, version in published
            ]
            cursor.execute(_ADD_VERSIONS, [list(column) for column in zip(*rows, strict=True)])
            self.seq = max(seq for (seq,) in cursor.fetchall())


def _mark_stale(cursor: Cursor[TupleRow], publication: Publication) -> bool:
    if publication.scope is Scope.NONE:
        return False
    found = 0
    if publication.payers:
        found = cursor.execute(_MARK_SPLIT, (sorted(publication.payers), publication.payers_from)).rowcount
    cursor.execute(
        _MARK[publication.scope],
        {
            "operator_id": publication.operator_id,
            "partner": publication.partner,
            "changed_from": publication.changed_from,
            "changed_before": publication.changed_before,
            "location_id": publication.location_id,
        },
    )
    return cursor.rowcount + found > 0
