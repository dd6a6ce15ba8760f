"""Connections of the API to schema `access`: a few that are kept, each for one transaction at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import Connection, Cursor, Error
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from ledger.access.seals import Seals, door_cursor
from ledger.database import Role, database_faults, is_database_fault, open_connection
from ledger.errors import MachineryFault

# Who waits for the database is told soon that it is away.
_WAIT_S = 2.0


class Door:
    """Transactions as the door's role, from any thread; a server that is away is a MachineryFault within seconds."""

    def __init__(self, dsn: str, connections: int = 4, seals: Seals | None = None) -> None:
        """Opens nothing yet; no more than so many connections at once. Without `seals` nobody is let in by it."""
        self._dsn = make_conninfo(dsn, connect_timeout=int(_WAIT_S))
        self._free = threading.BoundedSemaphore(connections)
        self._idle: list[Connection[TupleRow]] = []
        self._closed = False
        self._seals = seals

    @contextmanager
    def transaction(self) -> Iterator[Cursor[TupleRow]]:
        """A cursor in a transaction that commits at the end and rolls back on any exception."""
        if not self._free.acquire(timeout=_WAIT_S):
            raise MachineryFault("the database does not answer in time: all connections of the door are busy")
        try:
            with database_faults():
                connection = self._take()
                try:
                    with connection.transaction(), door_cursor(connection, self._seals) as cursor:
                        yield cursor
                except Error as error:
                    if is_database_fault(error):
                        connection.close()
                    raise
                finally:
                    self._give_back(connection)
        finally:
            self._free.release()

    def close(self) -> None:
        """Close what is idle; what is used is closed when it is given back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> Connection[TupleRow]:
        """A connection that answers: one that was idle may have lost its server since."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # Somebody else was faster.
                break
            try:
                connection.execute("SELECT 1")
            except Error:
                connection.close()
            else:
                return connection
        return open_connection(self._dsn, Role.DOOR, autocommit=True)

    def _give_back(self, connection: Connection[TupleRow]) -> None:
        if connection.closed or self._closed:
            connection.close()
        else:
            self._idle.append(connection)
