"""Sets of sessions, one transaction each; the session that breaks its set is set aside, and the others go on."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from psycopg import Cursor
from psycopg.rows import TupleRow

from engine.work import Work
from engine.working_set import WorkingSet
from ledger.errors import ConcurrencyConflict, MachineryFault
from ledger.events.heads import set_aside

SESSIONS_PER_SET = 1_000
_REASON_CHARS_MAX = 300

_log = logging.getLogger(__name__)

Query: TypeAlias = Callable[[Cursor[TupleRow]], list[str]]
Step: TypeAlias = Callable[[Cursor[TupleRow], Work, Sequence[str]], None]


class SessionSets:
    """Does a step for sets of sessions. One that cannot be judged must not hold up the money of the others."""

    def __init__(self, working_set: WorkingSet) -> None:
        self._working_set = working_set

    def do_next(self, query: Query, step: Step) -> int:
        """Choose sessions and do the step for them, in one transaction; how many they were.

        Where it breaks, one transaction for each half, down to the session that breaks it. A query that leaves out
        what others have locked (SKIP LOCKED) lets several processes share the work.
        Raises MachineryFault and ConcurrencyConflict, which say nothing about any session: try again.
        """
        chosen: list[str] = []

        def choose(cursor: Cursor[TupleRow]) -> list[str]:
            chosen[:] = query(cursor)
            return chosen

        try:
            self._attempt(choose, step)
        except BaseException as error:
            self._recover(chosen, step, error)
        return len(chosen)

    def _attempt(self, choose: Callable[[Cursor[TupleRow]], Sequence[str]], step: Step) -> None:
        """One transaction."""
        gateway = self._working_set.gateway
        with gateway.transaction() as cursor:
            self._working_set.known.lock(cursor, to_publish=False)
            if session_ids := choose(cursor):
                work = Work(gateway.shard)
                step(cursor, work, session_ids)
                work.write(cursor)

    def _recover(self, session_ids: Sequence[str], step: Step, error: BaseException) -> None:
        """Find the session that is at fault by halves; raises the error again where none can be."""
        # Sessions in memory have taken in what was rolled back.
        self._working_set.forget()
        if not session_ids or not _is_about_sessions(error):
            raise error
        if len(session_ids) == 1:
            self._set_aside(session_ids[0], error)
            return
        middle = len(session_ids) // 2
        for half in (session_ids[:middle], session_ids[middle:]):
            self.do_next(partial(_these, half), step)

    def _set_aside(self, session_id: str, error: BaseException) -> None:
        reason = f"{type(error).__name__}: {error}"[:_REASON_CHARS_MAX]
        _log.error(
            "session %s cannot be judged (%s): it is set aside until its next fact or start",
            *(session_id, reason),
            extra={"session": session_id},
        )
        with self._working_set.gateway.transaction() as cursor:
            set_aside(cursor, session_id, reason)


def _these(session_ids: Sequence[str], _: Cursor[TupleRow]) -> list[str]:
    return list(session_ids)


def _is_about_sessions(error: BaseException) -> bool:
    return isinstance(error, Exception) and not isinstance(error, MachineryFault | ConcurrencyConflict)
