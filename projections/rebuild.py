"""Rebuilds projections from the event store while the system runs: a new generation is filled, then made live."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from psycopg import Connection, Cursor
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from ledger.database import Role, connect
from ledger.events.store import last_position
from projections.errors import RebuildUnderWay
from projections.feed import EVENTS_MAX
from projections.registry import PROJECTIONS, chosen
from projections.runner import Progress, advance

# One rebuild of a projection at a time; kept by the session, so that it ends with the process whatever happens.
_TRY_LOCK = "SELECT pg_try_advisory_lock(hashtext('wattledger:rebuild'), hashtext(%s))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtext('wattledger:rebuild'), hashtext(%s))"

# Generations that are not live: what a rebuild that was cut off, or the one that has just switched, leaves behind.
_FORGET = "DELETE FROM projection.generation WHERE name = %s AND NOT live RETURNING generation"
_DROP_ROWS = SQL("DELETE FROM projection.{table} WHERE generation = ANY(%s)")

# A generation to be filled, numbered after all there are.
_BEGIN = """
INSERT INTO projection.generation (name, generation)
SELECT name, max(generation) + 1 FROM projection.generation WHERE name = ANY(%s) GROUP BY name
"""

# Generations by name, locked; the live ones are locked first, as runners do.
_LOCK = """
SELECT name, generation, position
FROM projection.generation
WHERE live = %s AND name = ANY(%s)
ORDER BY name
FOR UPDATE
"""

# Two statements, because at no time may two generations of a projection be live.
_RETIRE = "UPDATE projection.generation SET live = false WHERE live AND name = ANY(%s)"
_PROMOTE = """
UPDATE projection.generation AS kept
SET live = true
FROM unnest(%s::text[], %s::int[]) AS filled (name, generation)
WHERE (kept.name, kept.generation) = (filled.name, filled.generation)
"""


def rebuild(dsn: str, names: Sequence[str] | None = None) -> dict[str, int]:
    """Rebuild projections (all by default) and put the result in place of the live rows; `{name: position}`.

    Readers see the old rows until one transaction switches all at once; runners wait only for that one. Cut off at
    any moment it leaves the live rows as they were, and the next rebuild cleans up.
    Raises UnknownProjection and RebuildUnderWay.
    """
    wanted = chosen(names)
    with connect(dsn, Role.PROJECTOR, autocommit=True) as connection, _alone(connection, wanted):
        _drop_what_is_not_live(connection, wanted)
        connection.execute(_BEGIN, (wanted,))
        while not _fill(connection, wanted):
            pass
        positions = _switch(connection, wanted)
        _drop_what_is_not_live(connection, wanted)
        return positions


def _fill(connection: Connection[TupleRow], names: Sequence[str]) -> bool:
    """Apply one set; whether so little is left that it can be done while runners wait."""
    with connection.transaction(), connection.cursor() as cursor:
        end = last_position(cursor)
        positions = advance(cursor, _lock(cursor, names, live=False), end)
        return end - min(positions.values()) <= EVENTS_MAX


def _switch(connection: Connection[TupleRow], names: Sequence[str]) -> dict[str, int]:
    with connection.transaction(), connection.cursor() as cursor:
        _lock(cursor, names, live=True)
        # Taken behind the lock, so that the new rows are never behind the old ones.
        end = last_position(cursor)
        progress = _lock(cursor, names, live=False)
        while min(standing.position for standing in progress) < end:
            positions = advance(cursor, progress, end)
            progress = [Progress(each.name, each.generation, positions[each.name]) for each in progress]
        cursor.execute(_RETIRE, (names,))
        cursor.execute(_PROMOTE, ([each.name for each in progress], [each.generation for each in progress]))
        return {standing.name: standing.position for standing in progress}


def _lock(cursor: Cursor[TupleRow], names: Sequence[str], *, live: bool) -> list[Progress]:
    return [Progress(*row) for row in cursor.execute(_LOCK, (live, names))]


def _drop_what_is_not_live(connection: Connection[TupleRow], names: Sequence[str]) -> None:
    for name in names:
        table = Identifier(PROJECTIONS[name].table)
        with connection.transaction(), connection.cursor() as cursor:
            generations = [row[0] for row in cursor.execute(_FORGET, (name,))]
            if generations:
                cursor.execute(_DROP_ROWS.format(table=table), (generations,))


@contextmanager
def _alone(connection: Connection[TupleRow], names: Sequence[str]) -> Iterator[None]:
    taken: list[str] = []
    try:
        for name in names:
            if connection.execute(_TRY_LOCK, (name,)).fetchone() != (True,):
                raise RebuildUnderWay(f"projection {name} is being rebuilt by another process: wait until it is done")
            taken.append(name)
        yield
    finally:
        if not connection.closed:
            for name in taken:
                connection.execute(_UNLOCK, (name,))
