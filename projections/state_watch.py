"""Reads the system's state again and again, on one connection that is made anew when it broke."""

from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from ledger.database import Role, database_faults, open_connection
from ledger.events.heads import faults
from projections.system_state import KnownOperators, SystemState, system_state


@dataclass(frozen=True, slots=True)
class Known:
    """The state at one moment, and how many sessions were set aside about then, since they break the engine."""

    state: SystemState
    set_aside: int


class StateWatch:
    """For one thread at a time, in a role that may read all of the intake."""

    def __init__(self, dsn: str, role: Role = Role.WRITER) -> None:
        self._dsn, self._role = dsn, role
        self._connection: Connection[TupleRow] | None = None
        self._operators = KnownOperators()

    def read(self) -> Known:
        """The state now. Raises MachineryFault when the database does not answer; the next call connects anew."""
        try:
            with database_faults():
                return self._read()
        except BaseException:
            self.close()
            # What was read of operators in a transaction that broke may be half of it.
            self._operators = KnownOperators()
            raise

    def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _read(self) -> Known:
        if self._connection is None:
            self._connection = open_connection(self._dsn, self._role, autocommit=True)
        state = system_state(self._connection, self._operators)
        with self._connection.cursor() as cursor:
            return Known(state, len(faults(cursor)))
