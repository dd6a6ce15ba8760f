"""Heads of streams: the last version of each, locked in sorted order by whoever is about to append to it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.values import value
from ledger.arrays import array, columns

# New sessions get their row first, then all rows are locked in the order of their keys, so that two writers wait
# for each other and never deadlock.
_MAKE_SESSION_HEADS = """
INSERT INTO intake.session_head (session_id)
SELECT session_id FROM unnest(%s::text[]) AS session_id ORDER BY session_id
ON CONFLICT (session_id) DO NOTHING
"""
_LOCK_SESSION_HEADS = """
SELECT session_id, version FROM intake.session_head WHERE session_id = ANY(%s::text[]) ORDER BY session_id FOR UPDATE
"""
_SAVE_SESSION_HEADS = """
UPDATE intake.session_head AS head
SET version = new.version, due_at = new.due_at, stale = false, operator_id = new.operator_id,
    partner = new.partner, latest_at = new.latest_at, settled = new.settled, awaits_location = new.awaits_location,
    presumed_at = new.presumed_at, started_at = new.started_at, fault = NULL
FROM unnest(%s::text[], %s::int[], %s::timestamptz[], %s::text[], %s::text[], %s::timestamptz[], %s::bool[],
            %s::text[], %s::timestamptz[], %s::timestamptz[])
    AS new (session_id, version, due_at, operator_id, partner, latest_at, settled, awaits_location, presumed_at,
            started_at)
WHERE head.session_id = new.session_id
"""
_MAKE_STREAM_HEADS = """
INSERT INTO intake.stream_head (stream_id)
SELECT stream_id FROM unnest(%s::uuid[]) AS stream_id ORDER BY stream_id
ON CONFLICT (stream_id) DO NOTHING
"""
_LOCK_STREAM_HEADS = """
SELECT stream_id, version FROM intake.stream_head WHERE stream_id = ANY(%s) ORDER BY stream_id FOR UPDATE
"""
_SAVE_STREAM_HEADS = """
UPDATE intake.stream_head AS head SET version = new.version
FROM unnest(%s::uuid[], %s::int[]) AS new (stream_id, version)
WHERE head.stream_id = new.stream_id
"""
# Sessions that are to be judged again because the catalogue changed under them. Here and below, what another process
# has in hand is left to it, or else waited for: in the order of the keys, as everybody who waits does.
_STALE = """
SELECT session_id FROM intake.session_head WHERE stale ORDER BY session_id LIMIT %s FOR UPDATE SKIP LOCKED
"""
_STALE_OR_HELD = "SELECT session_id FROM intake.session_head WHERE stale ORDER BY session_id LIMIT %s FOR UPDATE"
# Sessions for which the clock has something to do by a moment.
_DUE = """
SELECT session_id FROM intake.session_head WHERE due_at <= %s
ORDER BY due_at, session_id LIMIT %s FOR UPDATE SKIP LOCKED
"""
_COUNT_DUE = "SELECT count(*) FROM (SELECT FROM intake.session_head WHERE due_at <= %s LIMIT %s) AS due"
_DUE_OR_HELD = """
SELECT session_id FROM intake.session_head WHERE due_at <= %s ORDER BY session_id LIMIT %s FOR UPDATE
"""
_DUE_AMONG = """
SELECT session_id FROM intake.session_head WHERE session_id = ANY(%s) AND due_at <= %s FOR UPDATE SKIP LOCKED
"""
_PRESUMING_OR_HELD = """
SELECT session_id FROM intake.session_head WHERE presumed_at > %s ORDER BY session_id LIMIT %s FOR UPDATE
"""
# Sessions on whose book something takes a maturing for granted that a clock which stops here does not reach.
_PRESUMING = """
SELECT session_id FROM intake.session_head WHERE presumed_at > %s ORDER BY session_id LIMIT %s FOR UPDATE SKIP LOCKED
"""
# A session that breaks us waits for its next fact, or for the next start.
_SET_ASIDE = """
UPDATE intake.session_head SET fault = %s, stale = false, due_at = NULL, presumed_at = NULL WHERE session_id = %s
"""
_FAULTS = "SELECT session_id, fault FROM intake.session_head WHERE fault IS NOT NULL ORDER BY session_id"
_TAKE_BACK = "UPDATE intake.session_head SET fault = NULL, stale = true WHERE fault IS NOT NULL"


@value
class SessionHead:
    """What a session's row says: version of its stream, when the clock matters next, and what it depends on."""

    session_id: str
    version: int
    due_at: datetime | None
    operator_id: str
    partner: str | None
    latest_at: datetime
    settled: bool
    awaits_location: str | None
    presumed_at: datetime | None
    started_at: datetime | None

    @property
    def row(self) -> tuple[object, ...]:
        """The columns in the order in which they are saved."""
        return (
            self.session_id,
            self.version,
            self.due_at,
            self.operator_id,
            self.partner,
            self.latest_at,
            self.settled,
            self.awaits_location,
            self.presumed_at,
            self.started_at,
        )


def lock_sessions(cursor: Cursor[TupleRow], session_ids: Iterable[str]) -> dict[str, int]:
    """Lock the heads of sessions, new ones included; the version each stream has reached."""
    wanted = sorted(set(session_ids))
    if not wanted:
        return {}
    ids = array(wanted)
    cursor.execute(_MAKE_SESSION_HEADS, (ids,))
    return dict(cursor.execute(_LOCK_SESSION_HEADS, (ids,)).fetchall())


def save_sessions(cursor: Cursor[TupleRow], heads: Sequence[SessionHead]) -> None:
    """Write the heads of sessions whose locks this transaction holds."""
    if heads:
        cursor.execute(_SAVE_SESSION_HEADS, columns([head.row for head in heads]))


def lock_streams(cursor: Cursor[TupleRow], stream_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Lock the heads of other streams, new ones included; the version each has reached."""
    wanted = sorted(set(stream_ids))
    if not wanted:
        return {}
    cursor.execute(_MAKE_STREAM_HEADS, (wanted,))
    return dict(cursor.execute(_LOCK_STREAM_HEADS, (wanted,)).fetchall())


def save_streams(cursor: Cursor[TupleRow], versions: dict[UUID, int]) -> None:
    """Write the versions of streams whose locks this transaction holds."""
    if versions:
        cursor.execute(_SAVE_STREAM_HEADS, (list(versions), list(versions.values())))


def stale_sessions(cursor: Cursor[TupleRow], limit: int, *, wait: bool = False) -> list[str]:
    """Sessions that are to be judged again, locked; those that another transaction has locked only after a `wait`."""
    return [row[0] for row in cursor.execute(_STALE_OR_HELD if wait else _STALE, (limit,)).fetchall()]


def due_sessions(cursor: Cursor[TupleRow], until: datetime, limit: int, *, wait: bool = False) -> list[str]:
    """Sessions for which the clock has something to do by `until`, locked; the earliest first, or after a `wait`."""
    return [row[0] for row in cursor.execute(_DUE_OR_HELD if wait else _DUE, (until, limit)).fetchall()]


def count_due_sessions(cursor: Cursor[TupleRow], until: datetime, at_most: int) -> int:
    """For how many sessions the clock has something to do by `until`; it counts no further than `at_most`."""
    row = cursor.execute(_COUNT_DUE, (until, at_most)).fetchone()
    return int(row[0]) if row else 0


def due_among(cursor: Cursor[TupleRow], session_ids: Sequence[str], until: datetime) -> list[str]:
    """Which of these the clock has something to do for by `until`; locked, without the locked."""
    return [row[0] for row in cursor.execute(_DUE_AMONG, (list(session_ids), until)).fetchall()]


def presuming_sessions(cursor: Cursor[TupleRow], until: datetime, limit: int, *, wait: bool = False) -> list[str]:
    """Sessions whose book presumes a maturing after `until`, locked; those that others hold only after a `wait`."""
    return [row[0] for row in cursor.execute(_PRESUMING_OR_HELD if wait else _PRESUMING, (until, limit)).fetchall()]


def set_aside(cursor: Cursor[TupleRow], session_id: str, fault: str) -> None:
    """Note that a session cannot be judged, and why; nothing chooses it until it is taken back."""
    cursor.execute(_SET_ASIDE, (fault, session_id))


def faults(cursor: Cursor[TupleRow]) -> list[tuple[str, str]]:
    """The sessions that are set aside, each with what it did to us."""
    return cursor.execute(_FAULTS).fetchall()


def take_back_set_aside(cursor: Cursor[TupleRow]) -> None:
    """Have the sessions that were set aside judged again."""
    cursor.execute(_TAKE_BACK)
