"""The CDRs that went out, one JSON line each, in either version of OCPI and in the order of `cdrs.jsonl`."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import orjson
from psycopg import Connection, Cursor, IsolationLevel
from psycopg.rows import TupleRow, tuple_row

from domain.cdr.version_2_3_0 import cdr_2_3_0
from domain.document import as_part
from domain.session.decisions import CdrCredited, CdrIssued
from domain.session.session import session_stream
from domain.tariff.published import tariff_hash, taxes_of
from domain.tariff.taxes import tax_included_of
from ledger.events.codec import decode, dump

OCPI_VERSIONS = OCPI_2_2_1, OCPI_2_3_0 = "2.2.1", "2.3.0"
_ROWS_PER_FETCH = 500
_TOPICS = [CdrIssued.__name__, CdrCredited.__name__]

# The CDRs asked for by session, each followed by its credit CDR; a moment is that of issue.
_WANTED = """
FROM projection.cdrs
WHERE (%(session_id)s::text IS NULL OR session_id = %(session_id)s)
  AND (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
  AND (%(issued_from)s::timestamptz IS NULL OR issued_at >= %(issued_from)s)
  AND (%(issued_before)s::timestamptz IS NULL OR issued_at < %(issued_before)s)
ORDER BY session_id, number, credit
"""
_DOCUMENTS: LiteralString = f"SELECT document::text {_WANTED}"
_KEYS: LiteralString = f"SELECT session_id, number, credit {_WANTED}"

# Every CDR of some sessions, with all that was stored of it.
_EVENTS = """
SELECT topic, state FROM event_store.stored_events WHERE originator_id = ANY(%s) AND topic = ANY(%s)
"""

# The tariffs that sessions could be rated with, as they were published or ordered.
_TARIFFS = """
SELECT data FROM intake.catalogue WHERE type IN ('tariff.published', 'tariff.rerating_ordered') ORDER BY seq
"""

_Key = tuple[str, int, bool]


@dataclass(frozen=True, slots=True)
class CdrFilter:
    """Which CDRs are asked for: of a session or an operator, issued from a moment on and before another."""

    session_id: str | None = None
    operator_id: str | None = None
    issued_from: datetime | None = None
    issued_before: datetime | None = None


@contextmanager
def snapshot(connection: Connection[TupleRow]) -> Iterator[Cursor[TupleRow]]:
    """A cursor that sees one moment of the store; the connection has no transaction open."""
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    with connection.transaction(), connection.cursor() as cursor:
        yield cursor


def cdr_lines(cursor: Cursor[TupleRow], wanted: CdrFilter, version: str = OCPI_2_2_1) -> Iterator[bytes]:
    """CDRs and credit CDRs by session, one JSON line each, through a server-side cursor: memory stays flat.

    Those of OCPI 2.2.1 are the bytes that went out; those of 2.3.0 are derived from what was stored. The cursor's
    role may read the event store and the catalogue, and its transaction is one snapshot.
    """
    if version == OCPI_2_2_1:
        for rows in _fetched(cursor, _DOCUMENTS, wanted):
            yield from (f"{document}\n".encode() for (document,) in rows)
        return
    tariffs = _tariffs_of_2_3_0(cursor)
    for rows in _fetched(cursor, _KEYS, wanted):
        events = _events(cursor, {session_id for session_id, _, _ in rows})
        for session_id, number, credit in rows:
            event = events[session_id, number, credit]
            tariff = tariffs.get(event.tariff_hash) if event.tariff_hash else None
            yield dump(cdr_2_3_0(event.document, event.taxes, tariff)) + b"\n"


def _fetched(cursor: Cursor[TupleRow], query: LiteralString, wanted: CdrFilter) -> Iterator[list[TupleRow]]:
    with cursor.connection.cursor("cdrs", row_factory=tuple_row) as rows:
        rows.execute(query, asdict(wanted))
        while found := rows.fetchmany(_ROWS_PER_FETCH):
            yield found


def _events(cursor: Cursor[TupleRow], sessions: set[str]) -> dict[_Key, CdrIssued | CdrCredited]:
    streams: Sequence[UUID] = [session_stream(session_id) for session_id in sessions]
    stored = cursor.execute(_EVENTS, (streams, _TOPICS)).fetchall()
    events: list[CdrIssued | CdrCredited] = [decode(topic, state) for topic, state in stored]
    return {(event.session_id, event.number, isinstance(event, CdrCredited)): event for event in events}


def _tariffs_of_2_3_0(cursor: Cursor[TupleRow]) -> dict[str, Mapping[str, Any]]:
    """The tariffs of OCPI 2.3.0 by their hash: in a CDR of 2.2.1 they stand in another form."""
    found: dict[str, Mapping[str, Any]] = {}
    for (data,) in cursor.execute(_TARIFFS):
        published = orjson.loads(data)
        if is_of_2_3_0(published):
            found[tariff_hash(published["tariff"], taxes_of(published.get("taxes")))] = published["tariff"]
    return found


def is_of_2_3_0(published: Mapping[str, Any]) -> bool:
    """Whether a tariff was published in the form of OCPI 2.3.0, which says whether its prices include taxes."""
    return tax_included_of(as_part(published["tariff"], "tariff")) is not None
