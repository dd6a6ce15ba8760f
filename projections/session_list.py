"""Sessions a page at a time, by id, and CDRs, newest first: as far as who asks may see."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.cdr.version_2_3_0 import cdr_2_3_0
from domain.session.decisions import CdrCredited, CdrIssued
from domain.session.session import session_stream
from domain.tariff.published import tariff_hash, taxes_of
from ledger.events.codec import decode, dump
from projections.cdr_lines import OCPI_2_2_1, is_of_2_3_0
from projections.documents.sessions import session_line

_RATED = "RATED"

# Sessions behind one by id; each filter that is given has an index with that order, or leaves few out.
_SESSIONS = """
SELECT session_id, operator_id, state, reason, energy_wh::text, currency, net, vat, gross, commission, commission_vat,
       operator_share
FROM projection.sessions
WHERE {conditions}
ORDER BY session_id LIMIT %(limit)s
"""
_SESSION_FILTERS = ("operator_id", "state", "reason", "currency", "evse_uid", "partner", "tariff_hash")

# CDRs before one by time of issue and id.
_CDRS = """
SELECT issued_at, cdr_id, operator_id, session_id, number, credit, document::text
FROM surface.cdrs
WHERE {conditions}
ORDER BY issued_at DESC, cdr_id DESC LIMIT %(limit)s
"""
_CDR_FILTERS = ("operator_id", "session_id", "credit", "cdr_id")

# All that was stored of the CDRs of some sessions, and the tariffs that a tariff hash may be of.
_EVENTS = "SELECT topic, state FROM surface.events WHERE stream_id = ANY(%s) AND topic = ANY(%s)"
_TARIFFS = """
SELECT data FROM surface.catalogue
WHERE operator_id = ANY(%s) AND type IN ('tariff.published', 'tariff.rerating_ordered')
ORDER BY seq
"""


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions are wanted: those that have all that is given."""

    operator_id: str | None = None
    state: str | None = None
    reason: str | None = None
    currency: str | None = None
    evse_uid: str | None = None
    partner: str | None = None
    tariff_hash: str | None = None


@dataclass(frozen=True, slots=True)
class CdrsWanted:
    """Which CDRs are wanted: those that have all that is given; issued from a moment on and before another."""

    operator_id: str | None = None
    session_id: str | None = None
    credit: bool | None = None
    cdr_id: str | None = None
    issued_gte: datetime | None = None
    issued_gt: datetime | None = None
    issued_lte: datetime | None = None
    issued_lt: datetime | None = None


class CdrRow(NamedTuple):
    """A CDR or a credit CDR that went out; `document` is its text in OCPI 2.2.1."""

    issued_at: datetime
    cdr_id: str
    operator_id: str
    session_id: str
    number: int
    credit: bool
    document: str


def list_sessions(
    cursor: Cursor[TupleRow], wanted: SessionFilter, *, limit: int, after: str | None = None
) -> list[dict[str, Any]]:
    """Up to `limit` sessions behind one, by id, with the fields of `sessions.jsonl`."""
    given = {name: value for name, value in asdict(wanted).items() if value is not None}
    conditions = [f"{name} = %({name})s" for name in _SESSION_FILTERS if name in given]
    # Said by itself, so that a plan that knows no values finds the index of the few that are not rated.
    conditions += ["state <> 'RATED'"] if wanted.state not in (None, _RATED) else []
    conditions += ["session_id > %(after)s"] if after is not None else []
    query = _SESSIONS.format(conditions=" AND ".join(conditions) or "true")
    rows = cursor.execute(query.encode(), {**given, "after": after, "limit": limit}).fetchall()
    return [session_line(row) for row in rows]


def one_session(cursor: Cursor[TupleRow], session_id: str) -> dict[str, Any] | None:
    """The same of one session; None where it has no outcome yet, or may not be seen."""
    query = _SESSIONS.format(conditions="session_id = %(session_id)s")
    row = cursor.execute(query.encode(), {"session_id": session_id, "limit": 1}).fetchone()
    return session_line(row) if row else None


def list_cdrs(
    cursor: Cursor[TupleRow], wanted: CdrsWanted, *, limit: int, after: tuple[datetime, str] | None = None
) -> list[CdrRow]:
    """Up to `limit` CDRs and credit CDRs before one, the latest issued first."""
    given = {name: value for name, value in asdict(wanted).items() if value is not None}
    conditions = [f"{name} = %({name})s" for name in _CDR_FILTERS if name in given]
    signs = {"issued_gte": ">=", "issued_gt": ">", "issued_lte": "<=", "issued_lt": "<"}
    conditions += [f"issued_at {sign} %({name})s" for name, sign in signs.items() if name in given]
    conditions += ["(issued_at, cdr_id) < (%(after_at)s, %(after_id)s)"] if after else []
    query = _CDRS.format(conditions=" AND ".join(conditions) or "true")
    behind = {"after_at": after[0] if after else None, "after_id": after[1] if after else None}
    return [CdrRow(*row) for row in cursor.execute(query.encode(), {**given, **behind, "limit": limit}).fetchall()]


def cdr_documents(
    cursor: Cursor[TupleRow], rows: Sequence[CdrRow], version: str, *, parsed: bool = False
) -> Iterator[Any]:
    """The OCPI objects of CDRs, in their order: of 2.2.1 the texts that went out, of 2.3.0 what is made of them.

    Each as its text; `parsed` as a dict, numbers as Decimal.
    """
    texts = (row.document.encode() for row in rows) if version == OCPI_2_2_1 else _of_2_3_0(cursor, rows)
    yield from (json.loads(text, parse_float=Decimal) if parsed else orjson.Fragment(text) for text in texts)


def _of_2_3_0(cursor: Cursor[TupleRow], rows: Sequence[CdrRow]) -> Iterator[bytes]:
    streams = [session_stream(session_id) for session_id in {row.session_id for row in rows}]
    topics = [CdrIssued.__name__, CdrCredited.__name__]
    stored = cursor.execute(_EVENTS, (streams, topics)).fetchall()
    events: dict[str, CdrIssued | CdrCredited] = {}
    for topic, state in stored:
        event = decode(topic, bytes(state))
        events[event.cdr_id] = event
    hashes = {event.tariff_hash for event in events.values() if event.tariff_hash}
    tariffs = _tariffs(cursor, {row.operator_id for row in rows}) if hashes else {}
    for row in rows:
        event = events[row.cdr_id]
        tariff = tariffs.get(event.tariff_hash) if event.tariff_hash else None
        yield dump(cdr_2_3_0(event.document, event.taxes, tariff))


def _tariffs(cursor: Cursor[TupleRow], operators: set[str]) -> dict[str, Any]:
    """Operators' tariffs of OCPI 2.3.0, by their hash: in a CDR of 2.2.1 they stand in another form."""
    found: dict[str, Any] = {}
    for (data,) in cursor.execute(_TARIFFS, (sorted(operators),)).fetchall():
        published = orjson.loads(bytes(data))
        if is_of_2_3_0(published):
            found[tariff_hash(published["tariff"], taxes_of(published.get("taxes")))] = published["tariff"]
    return found
