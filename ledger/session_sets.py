"""Sets of sessions, one transaction each; the session that breaks its set is set aside, and the others go on."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeAlias

from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.catalogue_store import KnownCatalogue
from ledger.errors import ConcurrencyConflict, DatabaseUnavailable
from ledger.gateway import Gateway
from ledger.heads import set_aside
from ledger.session_store import SessionStore
from ledger.work import Work

SESSIONS_PER_SET = 1_000
_REASON_CHARS_MAX = 300

_log = logging.getLogger(__name__)

Step: TypeAlias = Callable[[Cursor[TupleRow], Work, Sequence[str]], None]


class SessionSets:
    """Does a step for sets of sessions. What one session does to us must not hold up the money of the others."""

    def __init__(self, gateway: Gateway, known: KnownCatalogue, sessions: SessionStore) -> None:
        self._gateway, self._known, self._sessions = gateway, known, sessions

    def choose(self, query: Callable[[Cursor[TupleRow]], list[str]]) -> list[str]:
        """The sessions that a query names."""
        with self._gateway.transaction() as cursor:
            return query(cursor)

    def do(self, session_ids: Sequence[str], step: Step) -> None:
        """One transaction for all; where it breaks, one for each half, down to the session that breaks it.

        Raises DatabaseUnavailable and ConcurrencyConflict, which say nothing about any session: try again.
        """
        reached_sessions = False
        try:
            with self._gateway.transaction() as cursor:
                self._known.lock(cursor, to_publish=False)
                reached_sessions = True
                work = Work(self._gateway.shard)
                step(cursor, work, session_ids)
                work.write(cursor)
            return
        except BaseException as error:
            self._known.forget()
            self._sessions.forget()
            if not reached_sessions or not _is_about_sessions(error):
                raise
            if len(session_ids) == 1:
                self._set_aside(session_ids[0], error)
                return
        middle = len(session_ids) // 2
        self.do(session_ids[:middle], step)
        self.do(session_ids[middle:], step)

    def _set_aside(self, session_id: str, error: BaseException) -> None:
        reason = f"{type(error).__name__}: {error}"[:_REASON_CHARS_MAX]
        _log.error(
            "session %s cannot be judged (%s): it is set aside until its next fact or start", session_id, reason
        )
        with self._gateway.transaction() as cursor:
            set_aside(cursor, session_id, reason)


def _is_about_sessions(error: BaseException) -> bool:
    return isinstance(error, Exception) and not isinstance(error, DatabaseUnavailable | ConcurrencyConflict)
