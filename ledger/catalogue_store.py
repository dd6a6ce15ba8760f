"""The catalogue as stored: every version in the order of arrival, and the copy that each process keeps in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.catalogue import Catalogue, Publication

# Whoever rates takes the lock shared, whoever publishes takes it alone: so no session can miss a version that is
# being published beside it, and no version can miss a session that is being rated.
_LOCK_SHARED = "SELECT pg_advisory_xact_lock_shared(7401)"
_LOCK_ALONE = "SELECT pg_advisory_xact_lock(7401)"

_NEWER_VERSIONS = """
SELECT seq, type, source, id, event_time, data FROM intake.catalogue WHERE seq > %s ORDER BY seq
"""
_ADD_VERSION = """
INSERT INTO intake.catalogue (type, source, id, event_time, data) VALUES (%s, %s, %s, %s, %s) RETURNING seq
"""
# Sessions whose outcome may look different now: they are judged again, in sets, after the version is in. A version of
# something that was known concerns what happened from its effect on, the first one only those that waited for it.
_MARK_OPERATOR = """
UPDATE intake.session_head SET stale = true
WHERE operator_id = %(operator_id)s AND latest_at >= %(changed_from)s AND NOT stale
"""
_MARK_STARTED = """
UPDATE intake.session_head SET stale = true
WHERE operator_id = %(operator_id)s AND latest_at >= %(changed_from)s AND started_at >= %(changed_from)s AND NOT stale
"""
_MARK_WAITING = """
UPDATE intake.session_head SET stale = true WHERE operator_id = %(operator_id)s AND NOT settled AND NOT stale
"""
_MARK_AWAITING_LOCATION = """
UPDATE intake.session_head SET stale = true
WHERE operator_id = %(operator_id)s AND awaits_location = %(location_id)s AND NOT stale
"""
_MARK_PARTNER = """
UPDATE intake.session_head SET stale = true
WHERE partner = %(partner)s AND latest_at >= %(changed_from)s AND NOT stale
"""


@dataclass(slots=True)
class KnownCatalogue:
    """The catalogue up to a sequence number, brought up to date at the start of each transaction that rates."""

    catalogue: Catalogue = field(default_factory=Catalogue)
    seq: int = 0

    def lock(self, cursor: Cursor[TupleRow], *, to_publish: bool) -> None:
        """Take the catalogue's lock for this transaction and load what other processes published."""
        cursor.execute(_LOCK_ALONE if to_publish else _LOCK_SHARED)
        cursor.execute(_NEWER_VERSIONS, (self.seq,))
        for seq, type_, source, id_, event_time, data in cursor.fetchall():
            self.catalogue.publish(type_, source, id_, event_time, orjson.loads(data))
            self.seq = seq

    def forget(self) -> None:
        """Start over after a rollback: what this transaction published is not there."""
        self.catalogue, self.seq = Catalogue(), 0

    def publish(
        self, cursor: Cursor[TupleRow], type_: str, source: str, id_: str, time: datetime, data: Mapping[str, Any]
    ) -> bool:
        """Store a version and mark the sessions it may concern; whether it may concern any."""
        publication = self.catalogue.publish(type_, source, id_, time, data)
        row = cursor.execute(_ADD_VERSION, (type_, source, id_, time, orjson.dumps(data))).fetchone()
        self.seq = row[0] if row else self.seq
        return _mark_stale(cursor, publication)


def _mark_stale(cursor: Cursor[TupleRow], publication: Publication) -> bool:
    if publication.changed_from is None:
        return False
    cursor.execute(
        _statement(publication),
        {
            "operator_id": publication.operator_id,
            "partner": publication.partner,
            "changed_from": publication.changed_from,
            "location_id": publication.location_id,
        },
    )
    return cursor.rowcount > 0


def _statement(publication: Publication) -> LiteralString:
    if publication.partner is not None:
        return _MARK_PARTNER
    if not publication.first:
        return _MARK_STARTED if publication.by_start else _MARK_OPERATOR
    return _MARK_WAITING if publication.location_id is None else _MARK_AWAITING_LOCATION
