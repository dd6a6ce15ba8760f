"""The catalogue as stored: every version in the order of arrival, and the copy that each process keeps in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.holiday_calendars import holiday_calendar
from domain.calendar import BankCalendar
from domain.catalogue.catalogue import POWER_MAX_KW, Catalogue, Publication, Scope
from ledger import locks

# Whoever rates takes the lock shared, whoever publishes takes it alone: so no session can miss a version that is
# being published beside it, and no version can miss a session that is being rated.
_LOCK_SHARED = f"SELECT pg_advisory_xact_lock_shared({locks.CATALOGUE})"
_LOCK_ALONE = f"SELECT pg_advisory_xact_lock({locks.CATALOGUE})"

_NEWER_VERSIONS = """
SELECT seq, type, source, id, event_time, data FROM intake.catalogue WHERE seq > %s ORDER BY seq
"""
_ADD_VERSION = """
INSERT INTO intake.catalogue (type, source, id, event_time, data) VALUES (%s, %s, %s, %s, %s) RETURNING seq
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


def bank_calendar(name: str) -> BankCalendar | None:
    """The calendar of bank holidays of that name; None when there is none."""
    found = holiday_calendar(name) if name else None
    return BankCalendar(found.name, found.version, found.weekend, found.closed_in) if found else None


@dataclass(slots=True)
class KnownCatalogue:
    """The catalogue up to a sequence number, brought up to date at the start of each transaction that rates."""

    power_max_kw: int = POWER_MAX_KW
    catalogue: Catalogue = field(init=False)
    seq: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.forget()

    def lock(self, cursor: Cursor[TupleRow], *, to_publish: bool) -> None:
        """Take the catalogue's lock for this transaction and load what other processes published."""
        cursor.execute(_LOCK_ALONE if to_publish else _LOCK_SHARED)
        self.read(cursor)

    def read(self, cursor: Cursor[TupleRow]) -> None:
        """Load what was published since, as far as this transaction sees it: with the lock, all there is."""
        cursor.execute(_NEWER_VERSIONS, (self.seq,))
        for seq, type_, source, id_, event_time, data in cursor.fetchall():
            self.catalogue.publish(type_, source, id_, event_time, orjson.loads(data))
            self.seq = seq

    def forget(self) -> None:
        """Start over after a rollback: what this transaction published is not there."""
        self.catalogue = Catalogue(calendars=bank_calendar, power_max_w=self.power_max_kw * 1000)
        self.seq = 0

    def publish(
        self, cursor: Cursor[TupleRow], type_: str, source: str, id_: str, time: datetime, data: Mapping[str, Any]
    ) -> tuple[bool, frozenset[str]]:
        """Store a version and mark the sessions it may concern; whether it may concern any, and whose accounts."""
        publication = self.catalogue.publish(type_, source, id_, time, data)
        row = cursor.execute(_ADD_VERSION, (type_, source, id_, time, orjson.dumps(data))).fetchone()
        self.seq = row[0] if row else self.seq
        return _mark_stale(cursor, publication), publication.accounts_of


def _mark_stale(cursor: Cursor[TupleRow], publication: Publication) -> bool:
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
    return cursor.rowcount > 0
