"""A process's way to the database: one connection that is made anew when it broke, one transaction at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import Connection, Cursor, Error
from psycopg.rows import TupleRow

from ledger import locks
from ledger.collector import collector_paused
from ledger.database import Role, database_faults, is_database_fault, open_connection

# A slot of balances that no other live connection writes to; it is free again when the connection ends. Where others
# have all slots, two write to one, and wait for each other.
_TAKE_SHARD = f"SELECT pg_try_advisory_lock({locks.SHARD}, %s)"
SHARDS = 256


class Gateway:
    """Transactions in one role; faults of the machinery are raised as MachineryFault and can be tried again."""

    def __init__(self, dsn: str, role: Role = Role.WRITER) -> None:
        self._dsn, self._role = dsn, role
        self._connection: Connection[TupleRow] | None = None
        self._shard: int | None = None

    @contextmanager
    def transaction(self) -> Iterator[Cursor[TupleRow]]:
        """A cursor in a transaction that commits at the end and rolls back on any exception.

        Raises MachineryFault when the server is gone, is restarting or broke a deadlock: nothing was written.
        """
        with database_faults():
            try:
                connection = self._connected()
                with collector_paused(), connection.transaction(), connection.cursor() as cursor:
                    yield cursor
            except Error as error:
                if is_database_fault(error):
                    self.close()
                raise

    @contextmanager
    def statement(self) -> Iterator[Cursor[TupleRow]]:
        """A cursor outside a transaction: each statement is one of its own, committed when it returns.

        Raises MachineryFault as `transaction` does; only the last statement may then be done or not.
        """
        with database_faults():
            try:
                with self._connected().cursor() as cursor:
                    yield cursor
            except Error as error:
                if is_database_fault(error):
                    self.close()
                raise

    @property
    def shard(self) -> int:
        """The slot of balances this connection writes to."""
        self._connected()
        return self._shard or 0

    def close(self) -> None:
        """Drop the connection; the next transaction makes a new one."""
        connection, self._connection, self._shard = self._connection, None, None
        if connection is not None:
            connection.close()

    def _connected(self) -> Connection[TupleRow]:
        if self._connection is None or self._connection.closed:
            with database_faults():
                connection = open_connection(self._dsn, self._role, autocommit=True)
                try:
                    self._shard = _take_shard(connection)
                except BaseException:
                    connection.close()
                    raise
                self._connection = connection
        return self._connection


def _take_shard(connection: Connection[TupleRow]) -> int:
    for shard in range(SHARDS):
        row = connection.execute(_TAKE_SHARD, (shard,)).fetchone()
        if row is not None and row[0]:
            return shard
    return connection.info.backend_pid % SHARDS
