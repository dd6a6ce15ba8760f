"""Heads of streams: the last version of each, locked in sorted order by whoever is about to append to it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.session.session import Judgement
from domain.values import reader_of, value
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
# What a row keeps of a judgement: the column, its type, and the field of `Judgement` that it is written from. The SQL
# and the rows are both made of these, so that no value can land in the column of another.
_JUDGED = (
    ("due_at", "timestamptz", "due_at"),
    ("operator_id", "text", "operator_id"),
    ("partner", "text", "partner"),
    ("latest_at", "timestamptz", "latest_at"),
    ("settled", "bool", "is_rated"),
    ("awaits_location", "text", "awaits_location"),
    ("presumed_at", "timestamptz", "presumed_at"),
    ("started_at", "timestamptz", "started_at"),
    ("ahead_until", "timestamptz", "ahead_until"),
)
_judged_values = reader_of(field for _, _, field in _JUDGED)
# The rows are locked by now, so they may be written in any order. A session that was judged is neither stale nor set
# aside any longer.
_SAVE_SESSION_HEADS = f"""
UPDATE intake.session_head AS head
SET version = new.version, {", ".join(f"{column} = new.{column}" for column, _, _ in _JUDGED)},
    stale = false, fault = NULL
FROM unnest(%s::text[], %s::int[], {", ".join(f"%s::{type_}[]" for _, type_, _ in _JUDGED)})
    AS new (session_id, version, {", ".join(column for column, _, _ in _JUDGED)})
WHERE head.session_id = new.session_id
"""  # noqa: S608
# What was put off is judged like what the catalogue made stale.
_PUT_OFF_SESSIONS = """
UPDATE intake.session_head AS head SET version = new.version, stale = true, fault = NULL
FROM unnest(%s::text[], %s::int[]) AS new (session_id, version)
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
_BEGUN = "SELECT stream_id FROM intake.stream_head WHERE stream_id = ANY(%s) AND version > 0"
_SAVE_STREAM_HEADS = """
UPDATE intake.stream_head AS head SET version = new.version
FROM unnest(%s::uuid[], %s::int[]) AS new (stream_id, version)
WHERE head.stream_id = new.stream_id
"""
# Sessions that are to be judged because the catalogue changed under them, or because that was put off.
_STALE = "SELECT session_id FROM intake.session_head WHERE stale ORDER BY session_id LIMIT %s"
_STALE_AMONG = "SELECT session_id FROM intake.session_head WHERE session_id = ANY(%s) AND stale"
# Sessions for which the clock has something to do by a moment.
_DUE = "SELECT session_id FROM intake.session_head WHERE due_at <= %s ORDER BY {} LIMIT %s"
_DUE_BY_KEY, _DUE_EARLIEST_FIRST = _DUE.format("session_id"), _DUE.format("due_at, session_id")
_DUE_AMONG = "SELECT session_id FROM intake.session_head WHERE session_id = ANY(%s) AND due_at <= %s"
_COUNT_DUE = """
SELECT count(*) FROM (
    (SELECT FROM intake.session_head WHERE due_at <= %(until)s AND NOT stale LIMIT %(at_most)s)
    UNION ALL
    (SELECT FROM intake.session_head WHERE stale LIMIT %(at_most)s)
) AS due
"""
# Sessions on whose book something takes a maturing for granted that a clock which stops here does not reach.
_PRESUMING = "SELECT session_id FROM intake.session_head WHERE presumed_at > %s ORDER BY session_id LIMIT %s"
# A session that cannot be judged waits for its next fact, or for the next start.
_SET_ASIDE = """
UPDATE intake.session_head SET fault = %s, stale = false, due_at = NULL, presumed_at = NULL WHERE session_id = %s
"""
_FAULTS = "SELECT session_id, fault FROM intake.session_head WHERE fault IS NOT NULL ORDER BY session_id"
_TAKE_BACK = "UPDATE intake.session_head SET fault = NULL, stale = true WHERE fault IS NOT NULL"


@value
class SessionHead:
    """What a session's row says: the version of its stream, and of its judgement the fields in `_JUDGED`."""

    session_id: str
    version: int
    judgement: Judgement


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
        rows = [(head.session_id, head.version, *_judged_values(head.judgement)) for head in heads]
        cursor.execute(_SAVE_SESSION_HEADS, columns(rows))


def put_off_sessions(cursor: Cursor[TupleRow], versions: Mapping[str, int]) -> None:
    """Write the versions of sessions whose locks this transaction holds, and that they are to be judged."""
    if versions:
        cursor.execute(_PUT_OFF_SESSIONS, columns(versions.items()))


def lock_streams(cursor: Cursor[TupleRow], stream_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Lock the heads of other streams, new ones included; the version each has reached."""
    wanted = sorted(set(stream_ids))
    if not wanted:
        return {}
    cursor.execute(_MAKE_STREAM_HEADS, (wanted,))
    return dict(cursor.execute(_LOCK_STREAM_HEADS, (wanted,)).fetchall())


def begun_streams(cursor: Cursor[TupleRow], stream_ids: Iterable[UUID]) -> set[UUID]:
    """Which of these have events, as far as this transaction sees; nothing is locked."""
    return {stream_id for (stream_id,) in cursor.execute(_BEGUN, (list(stream_ids),)).fetchall()}


def save_streams(cursor: Cursor[TupleRow], versions: dict[UUID, int]) -> None:
    """Write the versions of streams whose locks this transaction holds."""
    if versions:
        cursor.execute(_SAVE_STREAM_HEADS, (list(versions), list(versions.values())))


def stale_sessions(cursor: Cursor[TupleRow], limit: int, *, wait: bool = False) -> list[str]:
    """Sessions that are to be judged, again or as it was put off, locked as `_lock_chosen` says."""
    return _lock_chosen(cursor, _STALE, (limit,), wait=wait)


def stale_among(cursor: Cursor[TupleRow], session_ids: Sequence[str]) -> list[str]:
    """Which of these are to be judged, locked; those locked by others left out."""
    return _lock_chosen(cursor, _STALE_AMONG, (list(session_ids),), wait=False)


def due_sessions(cursor: Cursor[TupleRow], until: datetime, limit: int, *, wait: bool = False) -> list[str]:
    """Sessions for which the clock has something to do by `until`, locked as `_lock_chosen` says.

    The earliest come first; with `wait` they come in the order of their ids.
    """
    return _lock_chosen(cursor, _DUE_BY_KEY if wait else _DUE_EARLIEST_FIRST, (until, limit), wait=wait)


def count_due_sessions(cursor: Cursor[TupleRow], until: datetime, at_most: int) -> int:
    """How many sessions are to be judged, by the clock's doing up to `until` or as that was put off.

    Of both it counts no further than `at_most`.
    """
    row = cursor.execute(_COUNT_DUE, {"until": until, "at_most": at_most}).fetchone()
    return int(row[0]) if row else 0


def due_among(cursor: Cursor[TupleRow], session_ids: Sequence[str], until: datetime) -> list[str]:
    """Which of these the clock has something to do for by `until`, locked; those locked by others left out."""
    return _lock_chosen(cursor, _DUE_AMONG, (list(session_ids), until), wait=False)


def presuming_sessions(cursor: Cursor[TupleRow], until: datetime, limit: int, *, wait: bool = False) -> list[str]:
    """Sessions whose book presumes a maturing after `until`, locked as `_lock_chosen` says."""
    return _lock_chosen(cursor, _PRESUMING, (until, limit), wait=wait)


def _lock_chosen(cursor: Cursor[TupleRow], query: str, parameters: tuple[object, ...], *, wait: bool) -> list[str]:
    """The sessions that a query chooses, locked until the transaction ends.

    Those that another transaction has locked are left to it, so that several processes share the work. With `wait`
    they are waited for; such a query has to lock in the order of the keys, so that no two wait for each other.
    """
    held = "FOR UPDATE" if wait else "FOR UPDATE SKIP LOCKED"
    return [row[0] for row in cursor.execute(f"{query} {held}", parameters)]


def set_aside(cursor: Cursor[TupleRow], session_id: str, fault: str) -> None:
    """Note that a session cannot be judged, and why; nothing chooses it until it is taken back."""
    cursor.execute(_SET_ASIDE, (fault, session_id))


def faults(cursor: Cursor[TupleRow]) -> list[tuple[str, str]]:
    """The sessions that are set aside, each with the error that its judging ended in."""
    return cursor.execute(_FAULTS).fetchall()


def take_back_set_aside(cursor: Cursor[TupleRow]) -> None:
    """Have the sessions that were set aside judged again."""
    cursor.execute(_TAKE_BACK)
