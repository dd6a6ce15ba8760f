"""Reads for many at once: each in one snapshot, by a database role, and refused soon when the database is away.

A pool of connections for each role. A connection logs in by a user that may do nothing by itself and acts in its role
from the start; what a tenant may see is set for each transaction, and is gone with it.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from socket import SHUT_RDWR, socket
from typing import Any, LiteralString, TypeVar

from psycopg import Connection, Cursor, Error, IsolationLevel, OperationalError
from psycopg.errors import QueryCanceled, error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Literal
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from ledger.database import Role, database_faults, is_database_fault
from ledger.errors import MachineryFault
from projections.as_of import pass_fence, position_at
from projections.errors import NotReadYet
from projections.freshness import ON_DEMAND

T = TypeVar("T")

# How long a request waits for a connection, and a connection for its server: both less than the two seconds within
# which somebody is told that the database is away.
_WAIT_S = 1.5
# libpq waits two seconds at least.
_CONNECT_S = 2
# No read of a page or a resource takes as long; exports have a bound of their own.
STATEMENT_S_MAX = 15
STREAM_S_MAX = 600
_PULSE_S = 0.5
# A server that does not answer the least of questions for so long is away.
_SILENT_S_MAX = 1.5
# One whose machine is gone says nothing, not even that: connections over TCP are then given up after so long.
_GONE_S = 10

# One round trip: the snapshot, whose rows are seen in it, and how far its read models have come.
_BEGIN = SQL(
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "
    "SELECT set_config('wattledger.operators', {}, true); "
    "SELECT coalesce(min(position), 0) FROM projection.generation WHERE live AND name <> ALL ({})"
)
_BEGINNINGS_KEPT = 1_000
# How far the store and its read models are.
_PULSE: LiteralString = """
SELECT (SELECT coalesce(max(notification_id), 0) FROM event_store.stored_events),
       (SELECT coalesce(min(position), 0) FROM projection.generation WHERE live AND name <> ALL (%s))
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose eyes a read has: a database role, and for tenants the operators whose rows they see."""

    role: Role
    operators: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of the store: a cursor, and the positions of events that the read models and the asker know.

    `position` is how far the read models have come, `known` the last event that was known at `known_at`: the same
    where nothing is said of that. No figure of an answer may come from an event behind `known`.
    """

    cursor: Cursor[TupleRow]
    position: int
    known: int
    known_at: datetime | None = None


class Readers:
    """Snapshots for threads: `read` for an answer, `stream` for rows that leave one by one."""

    def __init__(self, dsn: str, roles: tuple[Role, ...], size: int = 8) -> None:
        """`size` is how many connections each role has at most; none is made before somebody reads."""
        self._dsn = dsn
        self._pools = {role: _pool(dsn, role, size) for role in roles}
        self._pulse = Pulse(dsn)
        self._in_use: set[Connection[TupleRow]] = set()

    def open(self) -> None:
        """Begin to connect."""
        for pool in self._pools.values():
            pool.open()
        self._pulse.start()

    def close(self) -> None:
        """Give all connections back; reads that still wait for the database end."""
        self._pulse.stop()
        for connection in tuple(self._in_use):
            _hang_up(connection)
        for pool in self._pools.values():
            pool.close(timeout=1)

    @property
    def away(self) -> bool:
        """Whether the database has not answered for a while."""
        return self._pulse.away

    def has_answered_since(self, moment: float) -> bool:
        """Whether the database has answered anything since a moment of the monotonic clock."""
        return self._pulse.answered_at > moment

    @property
    def lag_ms(self) -> int:
        """For how long the read models have been behind the store, in milliseconds; 0 when they are not."""
        return self._pulse.lag_ms

    def read(self, scope: Scope, ask: Callable[[Snapshot], T], known_at: datetime | None = None) -> T:
        """What `ask` finds in one snapshot. Raises MachineryFault when the database is away or too slow."""
        if self.away:
            raise MachineryFault("the database does not answer")
        for _ in range(self._pools[scope.role].max_size):
            try:
                with self._snapshot(scope, known_at) as snapshot:
                    return ask(snapshot)
            except _Broken:
                # A connection of before a restart of the server: nothing was read, and another one may do it.
                continue
        raise MachineryFault("the database does not answer")

    @contextmanager
    def stream(self, scope: Scope, known_at: datetime | None = None) -> Iterator[Snapshot]:
        """A snapshot for as long as the block runs, for rows through a server-side cursor."""
        with self._snapshot(scope, known_at, STREAM_S_MAX) as snapshot:
            yield snapshot

    @contextmanager
    def _snapshot(
        self, scope: Scope, known_at: datetime | None, seconds_max: int = STATEMENT_S_MAX
    ) -> Iterator[Snapshot]:
        with _faults(), self._pools[scope.role].connection(_WAIT_S) as connection:
            self._in_use.add(connection)
            try:
                if known_at is not None:
                    pass_fence(connection, known_at)
                with connection.cursor() as cursor:
                    position = _begin(connection, scope)
                    if seconds_max != STATEMENT_S_MAX:
                        cursor.execute(SQL("SET LOCAL statement_timeout = {}").format(Literal(f"{seconds_max}s")))
                    known = position if known_at is None else min(position, position_at(cursor, known_at))
                    yield Snapshot(cursor, position, known, known_at)
                    _at_once(connection, b"COMMIT")
            except Error as error:
                if is_database_fault(error) and connection.broken:
                    raise _Broken from error
                raise
            finally:
                self._in_use.discard(connection)
                if not connection.closed and connection.info.transaction_status:
                    _at_once(connection, b"ROLLBACK")


def _hang_up(connection: Connection[TupleRow]) -> None:
    """End a connection that another thread waits for, and would wait for as long as its server is silent."""
    with suppress(OSError, Error), socket(fileno=os.dup(connection.fileno())) as ours:
        ours.shutdown(SHUT_RDWR)


class _Broken(MachineryFault):
    def __init__(self) -> None:
        super().__init__("the database does not answer")


class Pulse:
    """Asks the database the least of questions twice a second: others need not wait to know that it is away."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
        self.answered_at = time.monotonic()
        self._behind_since: float | None = None
        self._away = False

    def start(self) -> None:
        """Begin to ask."""
        self.answered_at = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._stop.set()

    @property
    def away(self) -> bool:
        """Whether the last question failed, or has not been answered for a while."""
        return self._away or time.monotonic() - self.answered_at > _SILENT_S_MAX + _PULSE_S

    @property
    def lag_ms(self) -> int:
        """For how long read models have been behind, as far as is known."""
        since = self._behind_since
        return 0 if since is None else int((time.monotonic() - since) * 1000)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with connected(self._dsn, Role.AUDITOR) as connection:
                    while not self._stop.wait(_PULSE_S):
                        self._ask(connection)
            except Error:
                self._away = True
                self._stop.wait(_PULSE_S)

    def _ask(self, connection: Connection[TupleRow]) -> None:
        end, position = connection.execute(_PULSE, (list(ON_DEMAND),)).fetchone() or (0, 0)
        now = time.monotonic()
        self.answered_at, self._away = now, False
        if position >= end:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = now


_CONNECTING: Mapping[str, Any] = {
    "connect_timeout": _CONNECT_S,
    "tcp_user_timeout": _GONE_S * 1000,
    "keepalives_idle": _GONE_S // 2,
    "keepalives_interval": 1,
    "keepalives_count": _GONE_S // 2,
}


def _pool(dsn: str, role: Role, size: int) -> ConnectionPool[Connection[TupleRow]]:
    return ConnectionPool(
        dsn,
        kwargs={"options": _options(role), "autocommit": True, **_CONNECTING},
        min_size=0,
        max_size=size,
        max_idle=300,
        timeout=_WAIT_S,
        reconnect_timeout=1,
        num_workers=1,
        open=False,
        name=role.value,
    )


def _options(role: Role) -> str:
    return f"-c role={role.value} -c TimeZone=UTC -c statement_timeout={STATEMENT_S_MAX}s -c jit=off"


@contextmanager
def connected(dsn: str, role: Role) -> Iterator[Connection[TupleRow]]:
    """A connection of its own, outside the pools, in autocommit."""
    connection: Connection[TupleRow] = Connection.connect(dsn, options=_options(role), autocommit=True, **_CONNECTING)
    try:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        yield connection
    finally:
        connection.close()


def _begin(connection: Connection[TupleRow], scope: Scope) -> int:
    row = _at_once(connection, _beginning(scope)).get_value(0, 0)
    return int(row) if row else 0


@lru_cache(_BEGINNINGS_KEPT)
def _beginning(scope: Scope) -> bytes:
    operators = "\n".join(scope.operators) if scope.role is Role.TENANT else ""
    return _BEGIN.format(Literal(operators), Literal(list(ON_DEMAND))).as_bytes(None)


def _at_once(connection: Connection[TupleRow], statements: bytes) -> PGresult:
    """The result of the last of some statements, in one round trip and at a third of what a cursor costs."""
    result = connection.pgconn.exec_(statements)
    if connection.broken:
        # What libpq says itself of a connection that is lost has no code.
        raise OperationalError(result.get_error_message())
    if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
        raise error_from_result(result)
    return result


@contextmanager
def _faults() -> Iterator[None]:
    try:
        with database_faults():
            yield
    except (PoolTimeout, PoolClosed) as error:
        raise MachineryFault("the database does not answer, or is too busy to") from error
    except NotReadYet as error:
        raise MachineryFault(str(error)) from error
    except QueryCanceled as error:
        raise MachineryFault("the read took too long and was ended; ask for less at once") from error
