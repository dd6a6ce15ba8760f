"""Messages that were accepted before, found where they are kept: in streams, or parked until they are claimed."""

from collections.abc import Collection, Sequence
from uuid import UUID

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.fact import RecordedFact
from domain.session.session import session_stream
from ledger.arrays import columns
from ledger.events.codec import decode

_STORED = """
SELECT topic, state FROM event_store.stored_events WHERE originator_id = ANY(%s) AND topic = ANY(%s)
"""
_PARKED = """
SELECT type, source, id, event_time, data FROM intake.parked
JOIN unnest(%s::text[], %s::text[]) AS asked (kind, ref) USING (kind, ref)
WHERE type = ANY(%s)
"""
_CLAIMED = """
SELECT DISTINCT session_id FROM intake.reference
JOIN unnest(%s::text[], %s::text[]) AS asked (kind, ref) USING (kind, ref)
"""


def accepted_before(
    cursor: Cursor[TupleRow],
    types: Collection[str],
    streams: Sequence[UUID],
    waiting: Sequence[tuple[str, str]],
) -> dict[tuple[str, str], RecordedFact]:
    """The messages of some types by (source, id): in streams, and those about a payment or CDR (kind, id of it).

    It reads whole streams: for the few messages that were sent again in other words.
    """
    wanted, ids = list(types), list(streams)
    facts: list[RecordedFact] = []
    if waiting:
        asked = columns(waiting)
        rows = cursor.execute(_PARKED, (*asked, wanted)).fetchall()
        facts += [RecordedFact(type_, source, id_, at, orjson.loads(data)) for type_, source, id_, at, data in rows]
        claimed = cursor.execute(_CLAIMED, tuple(asked)).fetchall()
        ids += [session_stream(row[0]) for row in claimed]
    rows = cursor.execute(_STORED, (ids, wanted)).fetchall()
    facts += [decode(topic, bytes(state)) for topic, state in rows]
    return {(fact.source, fact.id): fact for fact in facts}
