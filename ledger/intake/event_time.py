"""Where event time stands: the latest envelope time of accepted events, those far ahead of the wall clock apart."""

from collections.abc import Iterable
from datetime import datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

# Each partition keeps its own, so that no row is one which all consumers wait for. What was far ahead when it came
# stands apart, once a moment, and is found by its key when the wall clock has come near to it.
_HORIZON = """
SELECT greatest(
    (SELECT max(event_time) FROM intake.position WHERE event_time <= %(not_after)s),
    (SELECT max(event_time) FROM intake.ahead WHERE event_time <= %(not_after)s)
)
"""
_NOTE_AHEAD = "INSERT INTO intake.ahead (event_time) SELECT unnest(%s::timestamptz[]) ON CONFLICT DO NOTHING"


def horizon(cursor: Cursor[TupleRow], not_after: datetime) -> datetime | None:
    """The latest envelope time of all accepted events that is not after a moment."""
    row = cursor.execute(_HORIZON, {"not_after": not_after}).fetchone()
    return row[0] if row else None


def note_ahead(cursor: Cursor[TupleRow], times: Iterable[datetime]) -> None:
    """Keep envelope times that are too far ahead to move event time today."""
    moments = sorted(set(times))
    if moments:
        cursor.execute(_NOTE_AHEAD, (moments,))
