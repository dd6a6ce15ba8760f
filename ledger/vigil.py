"""Looks after this process's sessions at the database, from one thread that sleeps most of the time.

Three things that nobody can do who waits or computes: it keeps a session alive whose process computes between two
statements, so that only who is frozen is taken for frozen; it says for whom a statement waits; and it ends a session
that holds ours up from within a COPY whose client is frozen, which no setting of PostgreSQL does.
"""

import logging
import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from psycopg import Connection, Error
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.rows import TupleRow

from ledger.limits import CONNECT_TIMEOUT_S, SILENT_S, client_parameters

_log = logging.getLogger(__name__)

_LOOK_S = 1.0
# Who computes says so this often.
_SAY_S = SILENT_S / 4
# A statement that takes longer may wait for others; from then on it is said, and again whenever so much time is over.
_PATIENT_S = 2.0
_AGAIN_S = 10.0

# Who holds a session up, as far as this login may see it, and how much has come in a COPY that waits for its client.
_HOLDERS = """
SELECT holder.pid, usename::text, state, wait_event,
       extract(epoch FROM clock_timestamp() - state_change)::float8, query_start::text,
       (SELECT bytes_processed FROM pg_stat_progress_copy AS copy WHERE copy.pid = holder.pid)
FROM unnest(pg_blocking_pids(%s)) AS blocking (pid) JOIN pg_stat_activity AS holder USING (pid)
"""
_END = "SELECT pg_terminate_backend(%s)"


class Session(Connection[TupleRow]):
    """A connection that knows since when it waits for its server."""

    # How long whoever has it may compute within a transaction; what takes longer hangs.
    computes_s_max = 600.0
    waits_since: float | None = None
    quiet_since = 0.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # Held while another thread uses what `close` takes apart.
        self.in_use = threading.Lock()

    def close(self) -> None:
        """As psycopg's."""
        with self.in_use:
            super().close()

    def wait(self, *arguments: Any, **options: Any) -> Any:
        """As psycopg's, which every statement goes through."""
        self.waits_since = time.monotonic()
        try:
            return super().wait(*arguments, **options)
        finally:
            self.quiet_since, self.waits_since = time.monotonic(), None


class _Holder(NamedTuple):
    pid: int
    user: str | None
    state: str | None
    wait_event: str | None
    since_s: float | None
    query_start: str | None
    copied: int | None

    def __str__(self) -> str:
        doing = f", {self.state} for {self.since_s or 0:.0f} s" if self.state else ""
        return f"session {self.pid}" + (f" of {self.user}{doing}" if self.user else "")


@dataclass(slots=True)
class _Watched:
    dsn: str
    said_at: float = 0.0
    told_at: float = 0.0
    # Who stood still in a COPY, with what was known of it, and since when it has been so.
    still: dict[_Holder, float] = field(default_factory=dict)


class Vigil:
    """The sessions of a process that are looked after, each for as long as somebody has it."""

    def __init__(self) -> None:
        self._sessions: WeakKeyDictionary[Session, _Watched] = WeakKeyDictionary()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def look_after(self, session: Session, dsn: str) -> None:
        """From now on, until it is closed. `dsn` is how others are asked about and ended, by the login itself."""
        with self._lock:
            self._sessions[session] = _Watched(dsn)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="wattledger-vigil", daemon=True)
                self._thread.start()

    def forget(self) -> None:
        """A process that was made by a fork has no thread, and its parent's sessions are not its own."""
        Vigil.__init__(self)

    def _run(self) -> None:
        while True:
            time.sleep(_LOOK_S)
            with self._lock:
                watched = list(self._sessions.items())
            for session, each in watched:
                try:
                    self._look(session, each)
                except Exception:  # Whatever one look meets, the sessions go on to be looked after.
                    _log.debug("a session was not looked after", exc_info=True)
            # Nothing keeps a session that its owner has dropped.
            del watched
            session = each = None  # type: ignore[assignment]

    def _look(self, session: Session, watched: _Watched) -> None:
        if session.closed:
            with self._lock:
                self._sessions.pop(session, None)
            return
        now, waits_since = time.monotonic(), session.waits_since
        status = session.pgconn.transaction_status
        if waits_since is None:
            watched.still.clear()
            if status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
                self._say_that_we_live(session, watched, now)
        elif status == TransactionStatus.ACTIVE and now - waits_since > _PATIENT_S:
            self._ask_for_holders(session, watched, now, now - waits_since)

    def _say_that_we_live(self, session: Session, watched: _Watched, now: float) -> None:
        silent_s = now - session.quiet_since
        if not _SAY_S < silent_s < session.computes_s_max or now - watched.said_at < _SAY_S:
            return
        # Whoever has the lock is about to say something.
        if session.lock.acquire(blocking=False):
            try:
                with session.in_use:
                    if _is_quiet(session):
                        session.pgconn.exec_(b"")
                        watched.said_at = now
            finally:
                session.lock.release()

    def _ask_for_holders(self, session: Session, watched: _Watched, now: float, waited_s: float) -> None:
        with suppress(Error), _by_login(watched.dsn) as asking:
            holders = [_Holder(*row) for row in asking.execute(_HOLDERS, (session.info.backend_pid,))]
            if holders and now - watched.told_at > _AGAIN_S:
                watched.told_at = now
                _log.warning(
                    "the database: waiting for %.0f s by now for %s, which holds what is needed here",
                    waited_s,
                    " and ".join(map(str, holders)),
                )
            self._end_who_stand_still(asking, watched, holders, now)

    def _end_who_stand_still(
        self, asking: Connection[TupleRow], watched: _Watched, holders: list[_Holder], now: float
    ) -> None:
        still = {
            each._replace(since_s=None): now
            for each in holders
            if each.state == "active" and each.wait_event == "ClientRead"
        }
        watched.still = {each: watched.still.get(each, now) for each in still}
        for each, since in watched.still.items():
            if now - since >= SILENT_S - _PATIENT_S:
                _log.warning("the database: session %d has sent nothing for %d s and is ended", each.pid, SILENT_S)
                asking.execute(_END, (each.pid,))


def _is_quiet(session: Session) -> bool:
    """Whether it is in a transaction and does nothing; not where it was closed meanwhile."""
    if session.closed or session.pgconn.pipeline_status != PipelineStatus.OFF:
        return False
    return session.pgconn.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR)


def _by_login(dsn: str) -> Connection[TupleRow]:
    """A connection as who logs in, who may see and end the sessions of that login."""
    given = conninfo_to_dict(dsn)
    connection: Connection[TupleRow] = Connection.connect(
        dsn, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S, **client_parameters(given)
    )
    return connection


VIGIL = Vigil()
os.register_at_fork(after_in_child=VIGIL.forget)
