"""Runs the projections: each follows the event store, its position saved in the transaction that moves its rows."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from threading import Event

from psycopg import Connection, Cursor
from psycopg.rows import TupleRow
from tenacity import wait_exponential

from ledger.collector import collector_paused
from ledger.database import Role, connect
from ledger.events.store import TABLE, last_position
from ledger.patience import Patience, Stopping
from projections.errors import UnknownProjection
from projections.feed import EVENTS_MAX, read_piece
from projections.movements import Change, EventSet
from projections.registry import KEPT_UP, PROJECTIONS, chosen

# How long a follower that has heard nothing waits before it looks by itself, and how long after a fault.
POLL_S = 1.0
RETRY_S_MAX = 5.0

# The live generation of each projection, locked: a second runner waits here and then sees what the first has done.
_LOCK_LIVE = """
SELECT name, generation, position
FROM projection.generation
WHERE live AND name = ANY(%s)
ORDER BY name
FOR UPDATE
"""

# Where a generation stands from now on.
_MOVE = """
UPDATE projection.generation AS kept
SET position = %s
FROM unnest(%s::text[], %s::int[]) AS moved (name, generation)
WHERE (kept.name, kept.generation) = (moved.name, moved.generation)
"""

# Which projections have rows at all, in whichever generation.
_KNOWN = "SELECT DISTINCT name FROM projection.generation"

# Appends are announced under the name of the events' table.
_LISTEN = f"LISTEN {TABLE}"


@dataclass(frozen=True, slots=True)
class Progress:
    """A generation of a projection and the position that its rows have reached; its row is locked by the reader."""

    name: str
    generation: int
    position: int


def catch_up(
    database: str | Connection[TupleRow],
    names: Sequence[str] | None = None,
    moves: Callable[[], None] = lambda: None,
) -> dict[str, int]:
    """Bring projections (all but those ON_DEMAND by default) to where the store ended when this began.

    Returns `{name: position}`. `database` is a DSN or a connection of the projector with no transaction open. Each
    set of events is one transaction, so that a crash leaves rows and position together; several may run at once.
    `moves` is called before each of them.
    Raises UnknownProjection, also for one that the schema of this database has not.
    """
    wanted = chosen(names or KEPT_UP)
    with _connection(database) as connection:
        with connection.transaction(), connection.cursor() as cursor:
            end = last_position(cursor)
        while True:
            moves()
            positions = advance_live(connection, wanted)
            if len(positions) < len(wanted):
                _refuse_without_generation(connection, wanted)
            elif min(positions.values()) >= end:
                return positions


def _refuse_without_generation(connection: Connection[TupleRow], names: Sequence[str]) -> None:
    """One that is being switched comes back; one that no migration has begun would be waited for without end."""
    with connection.transaction(), connection.cursor() as cursor:
        known = {name for (name,) in cursor.execute(_KNOWN)}
    missing = ", ".join(name for name in names if name not in known)
    if missing:
        raise UnknownProjection(
            f"this database has no generation of projection {missing}: insert its first one into "
            "projection.generation, in a migration of projections/schema"
        )


def advance_live(connection: Connection[TupleRow], names: Sequence[str]) -> dict[str, int]:
    """One transaction: the live generations furthest behind go on by one set; the positions after it.

    A projection that a rebuild is switching at this moment is left out.
    """
    with collector_paused(), connection.transaction(), connection.cursor() as cursor:
        progress = [Progress(*row) for row in cursor.execute(_LOCK_LIVE, (list(names),))]
        return advance(cursor, progress, last_position(cursor))


def advance(cursor: Cursor[TupleRow], progress: Sequence[Progress], end: int) -> dict[str, int]:
    """Apply the next set of events, at most up to `end`, to those furthest behind; the positions of all after it.

    Projections at one position share the reading. The rows of `progress` must be locked.
    """
    positions = {standing.name: standing.position for standing in progress}
    start = min(positions.values(), default=end)
    if start >= end:
        return positions
    group = [standing for standing in progress if standing.position == start]
    # Stops where another one stands, so that from there on they go together.
    bound = min([end, *(position for position in positions.values() if position > start)])
    projections = {standing.name: PROJECTIONS[standing.name] for standing in group}
    wanted = sorted(frozenset().union(*(p.topics for p in projections.values())))
    limit = min(getattr(projection, "events_max", EVENTS_MAX) for projection in projections.values())
    piece = read_piece(cursor, wanted, start, bound, limit)
    sets: dict[frozenset[str], EventSet] = {}
    read: dict[int, Change] = {}
    for standing in group:
        projection = projections[standing.name]
        topics = projection.topics
        if topics not in sets:
            chosen_ones = [number for number, event in enumerate(piece.events) if event[0] in topics]
            of_topics = [piece.events[number] for number in chosen_ones]
            sets[topics] = EventSet(of_topics, [piece.places[number] for number in chosen_ones], read)
        projection.apply(cursor, standing.generation, sets[topics])
    names, generations = [each.name for each in group], [each.generation for each in group]
    cursor.execute(_MOVE, (piece.position, names, generations))
    return positions | dict.fromkeys(names, piece.position)


def follow_forever(
    dsn: str,
    stop: Event,
    names: Sequence[str] | None = None,
    reached: Callable[[dict[str, int]], None] = lambda positions: None,
    moves: Callable[[], None] = lambda: None,
) -> None:
    """Keep projections (by default all but those ON_DEMAND) up with the store until `stop` is set.

    `reached` is told positions whenever they moved. `moves` is called before each transaction and at each try to
    reach the database.

    Waits for the store's announcements. A lost database is tried again, with longer and longer waits.
    """
    wanted = chosen(names or KEPT_UP)
    patience = Patience(wait_exponential(multiplier=0.1, max=RETRY_S_MAX))

    def follow() -> None:
        moves()
        with connect(dsn, Role.PROJECTOR, autocommit=True) as connection:
            connection.execute(_LISTEN)
            last: dict[str, int] = {}
            while not stop.is_set():
                positions = catch_up(connection, wanted, moves)
                patience.worked()
                if positions != last:
                    reached(positions)
                    last = positions
                    continue
                for _ in connection.notifies(timeout=POLL_S, stop_after=1):
                    pass

    with suppress(Stopping):
        patience.do(follow, stop)


def _connection(database: str | Connection[TupleRow]) -> AbstractContextManager[Connection[TupleRow]]:
    if isinstance(database, str):
        return connect(database, Role.PROJECTOR, autocommit=True)
    return nullcontext(database)
