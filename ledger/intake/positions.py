"""Where the intake reads each Kafka partition, who owns it, and how its records were taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from psycopg import Cursor
from psycopg.rows import TupleRow

Partition: TypeAlias = tuple[str, int]

# A new owner raises the epoch, so that the writes of the old one are refused from here on.
_CLAIM = """
INSERT INTO intake.position (topic, partition, next_offset, epoch)
SELECT topic, partition, -1, 1 FROM unnest(%s::text[], %s::int[]) AS claimed (topic, partition)
ORDER BY topic, partition
ON CONFLICT (topic, partition) DO UPDATE SET epoch = position.epoch + 1
RETURNING topic, partition, epoch, next_offset
"""
_LOCK = """
SELECT position.topic, position.partition, position.epoch, position.next_offset
FROM intake.position
JOIN unnest(%s::text[], %s::int[]) AS mine (topic, partition) USING (topic, partition)
ORDER BY topic, partition FOR UPDATE OF position
"""
_NEXT_OFFSETS = "SELECT topic, partition, next_offset FROM intake.position WHERE next_offset >= 0"
_ADVANCE = """
UPDATE intake.position
SET next_offset = new.next_offset, event_time = greatest(position.event_time, new.event_time)
FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::timestamptz[]) AS new (topic, partition, next_offset, event_time)
WHERE position.topic = new.topic AND position.partition = new.partition
"""
_COUNT = """
INSERT INTO intake.tally AS tally (topic, partition, accepted, duplicates, conflicts, dead_lettered, extra_fields,
    ahead)
SELECT * FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
                     %s::bigint[])
    AS new (topic, partition, accepted, duplicates, conflicts, dead_lettered, extra_fields, ahead)
ORDER BY 1, 2
ON CONFLICT (topic, partition) DO UPDATE SET
    accepted = tally.accepted + excluded.accepted,
    duplicates = tally.duplicates + excluded.duplicates,
    conflicts = tally.conflicts + excluded.conflicts,
    dead_lettered = tally.dead_lettered + excluded.dead_lettered,
    extra_fields = tally.extra_fields + excluded.extra_fields,
    ahead = tally.ahead + excluded.ahead
"""
_TOTALS = """
SELECT coalesce(sum(accepted), 0)::bigint, coalesce(sum(duplicates), 0)::bigint, coalesce(sum(conflicts), 0)::bigint,
       coalesce(sum(dead_lettered), 0)::bigint, coalesce(sum(extra_fields), 0)::bigint,
       coalesce(sum(ahead), 0)::bigint
FROM intake.tally
"""
# Each partition keeps its own event time, so that no row is one which all consumers wait for.
_EVENT_TIME = "SELECT event_time FROM intake.position WHERE topic = %s AND partition = %s"


@dataclass(slots=True)
class Tally:
    """How records were taken; every record counts in exactly one of the first four.

    `ahead` are the accepted ones whose time was far ahead of the wall clock.
    """

    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    dead_lettered: int = 0
    extra_fields: int = 0
    ahead: int = 0

    def __sub__(self, earlier: "Tally") -> "Tally":
        return Tally(
            self.accepted - earlier.accepted,
            self.duplicates - earlier.duplicates,
            self.conflicts - earlier.conflicts,
            self.dead_lettered - earlier.dead_lettered,
            self.extra_fields - earlier.extra_fields,
            self.ahead - earlier.ahead,
        )


def named(partition: Partition) -> str:
    """A partition as logs name it: `TOPIC/NUMBER`."""
    topic, number = partition
    return f"{topic}/{number}"


def claim(cursor: Cursor[TupleRow], partitions: Sequence[Partition]) -> dict[Partition, tuple[int, int | None]]:
    """Become the owner of partitions: of each its new epoch, and the next offset or None when never read."""
    topics, numbers = [topic for topic, _ in partitions], [number for _, number in partitions]
    rows = cursor.execute(_CLAIM, (topics, numbers)).fetchall()
    return {(topic, number): (epoch, next_ if next_ >= 0 else None) for topic, number, epoch, next_ in rows}


def lock(cursor: Cursor[TupleRow], epochs: Mapping[Partition, int]) -> dict[Partition, int] | None:
    """Lock the positions of owned partitions: the next offset of each, or None when one was lost to another owner."""
    topics, numbers = [topic for topic, _ in epochs], [number for _, number in epochs]
    rows = cursor.execute(_LOCK, (topics, numbers)).fetchall()
    if any(epochs[topic, number] != epoch for topic, number, epoch, _ in rows) or len(rows) != len(epochs):
        return None
    return {(topic, number): next_offset for topic, number, _, next_offset in rows}


def next_offsets(cursor: Cursor[TupleRow]) -> dict[Partition, int]:
    """The next offset to take of each partition that was read before."""
    return {(topic, number): next_offset for topic, number, next_offset in cursor.execute(_NEXT_OFFSETS).fetchall()}


def advance(cursor: Cursor[TupleRow], moves: Mapping[Partition, tuple[int, datetime | None]]) -> None:
    """Move locked positions to (next offset, latest envelope time of the accepted events); times never go back.

    Times that are far ahead of the wall clock stand elsewhere (`ledger.intake.event_time`).
    """
    if moves:
        columns = zip(*((topic, number, *move) for (topic, number), move in moves.items()), strict=True)
        cursor.execute(_ADVANCE, [list(column) for column in columns])


def count(cursor: Cursor[TupleRow], tallies: Mapping[Partition, Tally]) -> None:
    """Add to the tallies of partitions."""
    rows = [
        (topic, number, t.accepted, t.duplicates, t.conflicts, t.dead_lettered, t.extra_fields, t.ahead)
        for (topic, number), t in tallies.items()
    ]
    if rows:
        cursor.execute(_COUNT, [list(column) for column in zip(*rows, strict=True)])


def totals(cursor: Cursor[TupleRow]) -> Tally:
    """All records of the store, counted."""
    row = cursor.execute(_TOTALS).fetchone()
    return Tally(*row) if row else Tally()


def event_time(cursor: Cursor[TupleRow], partition: Partition) -> datetime | None:
    """The latest envelope time of the accepted events of a partition; None while there are none."""
    row = cursor.execute(_EVENT_TIME, partition).fetchone()
    return row[0] if row else None
