"""Stored events as far as who asks may see them: everybody's, or those of a tenant's own sessions and payouts."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.events.codec import read_body
from ledger.events.store import StoredEvent, event_id
from projections.mentions import Kind, key_of

# Every position there may be.
EVERYTHING = 2**63 - 1

# What every question here tells of an event.
_COLUMNS = "stream_id, version, topic, state, position"
# All events of some streams up to a position, each stream in its order.
_STREAMS = f"""
SELECT {_COLUMNS} FROM surface.events
WHERE stream_id = ANY(%s) AND position <= %s
ORDER BY stream_id, version
"""  # noqa: S608 (the columns are a constant)
# Events that mention a key: of an event's own id there is one, but for others that share the key.
_BY_KEY = f"SELECT {_COLUMNS} FROM surface.mentions WHERE key = %s AND position <= %s ORDER BY position LIMIT %s"  # noqa: S608
_SHARING_MAX = 1_000
# By when each of these positions was known.
_KNOWN = """
SELECT asked.position,
       (SELECT known.known_at FROM projection.known WHERE known.position >= asked.position
        ORDER BY known.position LIMIT 1)
FROM unnest(%s::bigint[]) AS asked (position)
"""


class SeenEvent(NamedTuple):
    """A stored event with its position in the order of all events."""

    stored: StoredEvent
    position: int

    @property
    def id(self) -> str:
        """The id of the event."""
        return str(event_id(self.stored.stream_id, self.stored.version))


def seen_streams(
    cursor: Cursor[TupleRow], stream_ids: Sequence[UUID], known: int = EVERYTHING
) -> dict[UUID, list[SeenEvent]]:
    """The events of each stream up to a position; a stream that may not be seen is as one without events."""
    streams: dict[UUID, list[SeenEvent]] = {stream_id: [] for stream_id in stream_ids}
    if streams:
        for row in cursor.execute(_STREAMS, (list(streams), known)).fetchall():
            streams[row[0]].append(_seen(row))
    return streams


def seen_event(cursor: Cursor[TupleRow], id_: UUID, known: int = EVERYTHING) -> SeenEvent | None:
    """The event of an id, as far as the read model `mentions` has come; None for one that may not be seen."""
    rows = cursor.execute(_BY_KEY, (key_of(Kind.EVENT, str(id_)), known, _SHARING_MAX)).fetchall()
    return next((event for event in map(_seen, rows) if event.id == str(id_)), None)


def seen_message(cursor: Cursor[TupleRow], source: str, id_: str, told: str) -> SeenEvent | None:
    """The event that is a whole message of this source and id, told under a type; None where there is none."""
    rows = cursor.execute(_BY_KEY, (key_of(Kind.MESSAGE, id_), EVERYTHING, _SHARING_MAX)).fetchall()
    for event in map(_seen, rows):
        if event.stored.topic == told:
            body = read_body(told, event.stored.state)
            if (body["source"], body["id"]) == (source, id_):
                return event
    return None


def known_at(cursor: Cursor[TupleRow], positions: Sequence[int]) -> dict[int, datetime | None]:
    """By when the event at each position was known; None where that was not kept."""
    return dict(cursor.execute(_KNOWN, (sorted(set(positions)),)).fetchall())


def _seen(row: TupleRow) -> SeenEvent:
    stream_id, version, topic, state, position = row
    return SeenEvent(StoredEvent(stream_id, version, topic, bytes(state)), position)
