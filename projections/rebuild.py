"""Rebuilds projections from the event store while the system runs: a new generation is filled, then made live."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import inf

from psycopg import Connection, Cursor
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from ledger.database import Role, connect
from ledger.events.store import last_position
from ledger.locks import of_rebuild, try_to_hold
from projections.errors import RebuildUnderWay
from projections.feed import EVENTS_MAX
from projections.registry import chosen, tables_of
from projections.runner import Progress, advance

# Generations that are not live: what a rebuild that was cut off, or the one that has just switched, leaves behind.
_FORGET = "DELETE FROM projection.generation WHERE name = %s AND NOT live RETURNING generation"
_DROP_ROWS = SQL("DELETE FROM projection.{table} WHERE generation = ANY(%s)")

# A generation to be filled, numbered after all there are.
_BEGIN = """
INSERT INTO projection.generation (name, generation)
SELECT name, coalesce(max(generation), 0) + 1
FROM unnest(%s::text[]) AS wanted (name) LEFT JOIN projection.generation USING (name)
GROUP BY name
RETURNING name, generation
"""
# What somebody put there under its number is not built upon.
_DROP_COUNTS = "DELETE FROM projection.row_count WHERE name = %s AND generation = %s"

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
    with connect(dsn, Role.PROJECTOR, autocommit=True) as connection, alone(dsn, wanted) as still_alone:
        _drop_what_is_not_live(connection, wanted)
        _begin(connection, wanted)
        while not _fill(connection, wanted):
            still_alone()
        positions = _switch(connection, wanted)
        _drop_what_is_not_live(connection, wanted)
        return positions


def _begin(connection: Connection[TupleRow], names: Sequence[str]) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        for name, generation in cursor.execute(_BEGIN, (names,)).fetchall():
            for table in tables_of(name):
                cursor.execute(_DROP_ROWS.format(table=Identifier(table)), ([generation],))
            cursor.execute(_DROP_COUNTS, (name, generation))


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
        with connection.transaction(), connection.cursor() as cursor:
            generations = [row[0] for row in cursor.execute(_FORGET, (name,))]
            if generations:
                for table in tables_of(name):
                    cursor.execute(_DROP_ROWS.format(table=Identifier(table)), (generations,))


@contextmanager
def alone(dsn: str, names: Sequence[str], what: str = "projection {}") -> Iterator[Callable[[], None]]:
    """One rebuild of a projection at a time, for as long as the block runs; raises RebuildUnderWay.

    What holds it is a transaction of a session of its own, which reads nothing and so keeps nothing from being
    vacuumed; it ends with the process, whatever happens. Called, what is given raises MachineryFault once it is lost.
    """
    with connect(dsn, Role.PROJECTOR) as holder:
        holder.computes_s_max = inf
        for name in names:
            if not try_to_hold(holder, of_rebuild(name)):
                named = what.format(name)
                raise RebuildUnderWay(f"{named} is being rebuilt by another process: wait until it is done")

        def still_alone() -> None:
            holder.execute("SELECT 1")

        yield still_alone
