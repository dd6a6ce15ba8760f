"""The audit's own way to the database: one read-only snapshot, seen as the auditor, streamed row by row."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, LiteralString

import psycopg
from psycopg import Connection, IsolationLevel
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow, tuple_row

_ROWS_PER_FETCH = 2_000

# A server whose host vanished is given up after ten seconds, where the DSN says nothing else.
_GIVEN_UP = {"tcp_user_timeout": "10000", "keepalives_idle": "4", "keepalives_interval": "2", "keepalives_count": "3"}

# Every row of each query is read, so plans that are quick to the first row only would be the wrong ones.
_SETTINGS = """
SET ROLE wattledger_auditor;
SET TimeZone = 'UTC';
SET search_path = pg_catalog;
SET cursor_tuple_fraction = 1;
SET jit = off;
SET work_mem = '32MB'
"""


class Snapshot:
    """The whole database as of one moment; everything read through it agrees."""

    def __init__(self, connection: Connection[TupleRow]) -> None:
        self._connection = connection
        self._cursor_numbers = count(1)

    def rows(
        self, query: LiteralString, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> Iterator[tuple[Any, ...]]:
        """The rows of a query through a server-side cursor: memory stays flat however many there are."""
        name = f"audit_{next(self._cursor_numbers)}"
        with self._connection.cursor(name, row_factory=tuple_row) as cursor:
            cursor.itersize = _ROWS_PER_FETCH
            cursor.execute(query, parameters, binary=True)
            yield from cursor

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """A part that may fail on broken data without ending the snapshot."""
        with self._connection.transaction():
            yield


@contextmanager
def open_snapshot(dsn: str) -> Iterator[Snapshot]:
    """A snapshot as of now, in one REPEATABLE READ transaction that can write nothing.

    Raises psycopg's OperationalError when the server cannot be reached: nothing is shared with what is checked.
    """
    given = conninfo_to_dict(dsn)
    limits: dict[str, Any] = {name: value for name, value in _GIVEN_UP.items() if name not in given}
    with psycopg.connect(dsn, autocommit=True, **limits) as connection:
        connection.execute(_SETTINGS)
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction(force_rollback=True):
            yield Snapshot(connection)
