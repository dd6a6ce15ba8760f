"""Read models made anew in temporary tables of one session, by the code that makes the live ones.

Temporary tables are neither logged nor seen by anybody else, and gone with the session: nothing is left to clean up,
and whoever may only read can make them.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString, Self

from psycopg import Connection, Cursor
from psycopg.abc import Params, Query
from psycopg.copy import Writer
from psycopg.rows import TupleRow, tuple_row
from psycopg.sql import SQL, Identifier

from projections.registry import PROJECTIONS, tables_of
from projections.runner import Progress, advance

# The one generation in the copies.
GENERATION = 1
_BUFFERS = "SET temp_buffers = '64MB'"
_COPY = SQL("CREATE TEMPORARY TABLE {table} (LIKE projection.{table} INCLUDING ALL)")
_BEGIN = "INSERT INTO pg_temp.generation (name, generation, live) VALUES (%s, %s, true)"
# Markers of an older store are the live ones: what fills lines anew adds none to them.
_MARKERS = "INSERT INTO pg_temp.known SELECT * FROM projection.known WHERE position <= %s"
_ORIGIN = "SELECT position FROM projection.known WHERE origin"
_HELPERS = ("generation", "known")


_COPIED = frozenset({*_HELPERS, *(table for name in PROJECTIONS for table in tables_of(name))})
_LIVE_NAME = re.compile(rf"\bprojection\.({'|'.join(sorted(_COPIED))})\b")


def _of_copies(query: Query) -> LiteralString | bytes:
    if isinstance(query, str):
        return _LIVE_NAME.sub(r"pg_temp.\1", query)
    if isinstance(query, bytes):
        return _LIVE_NAME.sub(r"pg_temp.\1", query.decode()).encode()
    raise TypeError("statements of read models are texts: no other can be led to the copies")


class ScratchCursor(Cursor[TupleRow]):
    """A cursor whose statements about tables of read models are about their copies in this session."""

    def execute(
        self, query: Query, params: Params | None = None, *, prepare: bool | None = None, binary: bool | None = None
    ) -> Self:
        """As psycopg's, of the copies."""
        return super().execute(_of_copies(query), params, prepare=prepare, binary=binary)

    def copy(self, statement: Query, params: Params | None = None, *, writer: Writer | None = None) -> Any:
        """As psycopg's, into the copies."""
        return super().copy(_of_copies(statement), params, writer=writer)


class Scratch:
    """Copies of read models, empty at first, in the session of a connection with no transaction open."""

    def __init__(self, connection: Connection[TupleRow], names: Sequence[str]) -> None:
        """Make them. Raises psycopg's ReadOnlySqlTransaction on a standby."""
        self._connection = connection
        self.positions = dict.fromkeys(names, 0)
        self._tables = [table for name in names for table in tables_of(name)]
        with connection.transaction():
            connection.execute(_BUFFERS)
            for table in (*_HELPERS, *self._tables):
                connection.execute(_COPY.format(table=Identifier(table)))
            origin = connection.execute(_ORIGIN).fetchone()
            if origin:
                connection.execute(_MARKERS, origin)
            for name in names:
                connection.execute(_BEGIN, (name, GENERATION))

    def fill(self, targets: Mapping[str, int]) -> None:
        """Bring the copies of these read models to these positions, a transaction for each set of events.

        In a transaction of the caller it is all one. What an event lacks, or has in another form, is raised as the
        read model raises it.
        """
        while behind := [name for name, target in targets.items() if self.positions[name] < target]:
            end = min(targets[name] for name in behind)
            progress = [Progress(name, GENERATION, self.positions[name]) for name in behind]
            with self._connection.transaction(), ScratchCursor(self._connection, row_factory=tuple_row) as cursor:
                self.positions |= advance(cursor, progress, end)
