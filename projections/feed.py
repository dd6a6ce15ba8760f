"""Reads the event store in its order, a bounded piece at a time and only the topics somebody wants."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

# How many events are handed on at once, and how many positions are looked at for them: both bound the time that a
# transaction takes, the second where few of the events are wanted.
EVENTS_MAX = 5_000
POSITIONS_MAX = 100_000

# Events of some topics between two positions. Whatever is committed up to the last position is all there is, since
# appends are numbered one transaction at a time.
_WANTED = """
SELECT notification_id, originator_id, originator_version, topic, state
FROM event_store.stored_events
WHERE notification_id > %s AND notification_id <= %s AND topic = ANY(%s)
ORDER BY notification_id
LIMIT %s
"""
_READ_BY = "SELECT coalesce(min(position), 0) FROM projection.generation WHERE live AND name = ANY (%s)"


class Place(NamedTuple):
    """Where an event stands: its position in the order of all events, its stream, and its version there."""

    position: int
    stream_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Events as (topic, stored bytes), in order, with their places, and the position that is reached with them.

    They are all there are of their topics behind the position `after`.
    """

    position: int
    events: tuple[tuple[str, bytes], ...]
    places: tuple[Place, ...]
    after: int = 0


def read_piece(
    cursor: Cursor[TupleRow], topics: Iterable[str], after: int, end: int, limit: int = EVENTS_MAX
) -> Piece:
    """The next events of these topics behind the position `after`, none behind `end`, which must be committed."""
    end = min(end, after + POSITIONS_MAX)
    rows = cursor.execute(_WANTED, (after, end, list(topics), limit), binary=True).fetchall()
    position = rows[-1][0] if len(rows) == limit else end
    events = tuple([(topic, state) for *_, topic, state in rows])
    places = tuple([Place(at, stream, version) for at, stream, version, *_ in rows])
    return Piece(position, events, places, after)


def read_by(cursor: Cursor[TupleRow], names: Iterable[str]) -> int:
    """Up to which position all of these read models have read the store; 0 where none of them has begun."""
    (position,) = cursor.execute(_READ_BY, (list(names),)).fetchone() or (0,)
    return int(position)
