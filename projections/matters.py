"""Matters between operators and the platform as they stand: adjustments, write-offs, holds, invoices, balances."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

from domain.matter.judgement import MatterJudged, MatterKind
from ledger.arrays import columns
from ledger.events.codec import decode, dump
from projections.movements import EventSet

_PUT = """
INSERT INTO projection.matter_row (generation, stream_id, kind, matter_id, operator_id, state, currency, amount,
    proposed_at, proposed_by, decided_at, decided_by, reason, entry_id, details, position)
SELECT %s, said.*
FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[],
            %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::uuid[], %s::jsonb[], %s::bigint[]) AS said
ON CONFLICT (generation, stream_id) DO UPDATE SET kind = excluded.kind, matter_id = excluded.matter_id,
    operator_id = excluded.operator_id, state = excluded.state, currency = excluded.currency, amount =
    excluded.amount, proposed_at = excluded.proposed_at, proposed_by = excluded.proposed_by, decided_at =
    excluded.decided_at, decided_by = excluded.decided_by, reason = excluded.reason, entry_id = excluded.entry_id,
    details = excluded.details, position = excluded.position
"""
_COLUMNS: LiteralString = """
stream_id, kind, matter_id, operator_id, state, currency, amount, proposed_at, proposed_by, decided_at, decided_by,
reason, entry_id, details
"""
# Those of a kind, newest first, a part at a time.
_LIST: LiteralString = f"""
SELECT {_COLUMNS} FROM projection.matters
WHERE kind = %(kind)s
  AND (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
  AND (%(state)s::text IS NULL OR state = %(state)s)
  AND (%(after)s::timestamptz IS NULL OR (proposed_at, stream_id) < (%(after)s, %(after_id)s::uuid))
ORDER BY proposed_at DESC, stream_id DESC LIMIT %(limit)s
"""  # noqa: S608 (constants)
_ONE: LiteralString = f"SELECT {_COLUMNS} FROM projection.matters WHERE kind = %s AND matter_id = %s"  # noqa: S608
_OF_SESSION = """
SELECT stream_id FROM projection.matters WHERE details ->> 'session_id' = %s ORDER BY proposed_at, stream_id
"""


@dataclass(frozen=True, slots=True)
class MatterRow:
    """A matter as it stands; `amount` in minor units, `details` what only its kind has."""

    stream_id: UUID
    kind: str
    matter_id: str
    operator_id: str
    state: str
    currency: str
    amount: int
    proposed_at: datetime
    proposed_by: str
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None
    entry_id: UUID | None
    details: Mapping[str, Any]


def list_matters(
    cursor: Cursor[TupleRow],
    kind: MatterKind,
    operator_id: str | None = None,
    state: str | None = None,
    limit: int | None = None,
    after: tuple[datetime, UUID] | None = None,
) -> list[MatterRow]:
    """Matters of a kind, newest first, behind one of them: its time and its stream."""
    at, id_ = after or (None, None)
    asked = {"kind": kind, "operator_id": operator_id, "state": state, "limit": limit, "after": at, "after_id": id_}
    with cursor.connection.cursor(row_factory=class_row(MatterRow)) as rows:
        return rows.execute(_LIST, asked).fetchall()


def find_matter(cursor: Cursor[TupleRow], kind: MatterKind, matter_id: str) -> MatterRow | None:
    """A matter by its id; None where nothing of it was proposed, or not for who asks."""
    with cursor.connection.cursor(row_factory=class_row(MatterRow)) as rows:
        return rows.execute(_ONE, (kind, matter_id)).fetchone()


def matters_of_session(cursor: Cursor[TupleRow], session_id: str) -> list[UUID]:
    """The streams of what was adjusted, held or written off because of a session, the oldest first."""
    return [stream_id for (stream_id,) in cursor.execute(_OF_SESSION, (session_id,)).fetchall()]


@dataclass(frozen=True, slots=True)
class Matters:
    """Keeps of each matter what was said last of where it stands."""

    topics: frozenset[str] = frozenset({MatterJudged.__name__})
    table: str = "matter_row"

    def apply(self, cursor: Cursor[TupleRow], generation: int, events: Sequence[tuple[str, bytes]]) -> None:
        """Put where the matters of the set stand. Raises TypeError for events without their places."""
        if not isinstance(events, EventSet) or len(events.places) != len(events):
            raise TypeError("matters are kept by their streams: an EventSet with places is needed")
        last = {
            place.stream_id: _row(decode(topic, state), place.position)
            for (topic, state), place in zip(events, events.places, strict=True)
        }
        if last:
            rows = [(stream_id, *last[stream_id]) for stream_id in sorted(last)]
            cursor.execute(_PUT, (generation, *columns(rows)))


def _row(said: MatterJudged, position: int) -> tuple[Any, ...]:
    return (
        said.kind.value,
        said.matter_id,
        said.operator_id,
        said.state.value,
        said.currency,
        said.amount,
        said.proposed_at,
        said.proposed_by,
        said.decided_at,
        said.decided_by,
        said.reason,
        said.entry_id,
        dump(said.details).decode(),
        position,
    )
