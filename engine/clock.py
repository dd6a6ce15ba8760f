"""What the clock drives: CDRs are issued, shares mature, reserves come back and payout runs fire, up to a moment."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TypeAlias

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.session.decisions import CdrIssued
from domain.session.session import Judgement, Session
from engine.errors import RunsFailed
from engine.follow_up import FollowUp
from engine.judging import judge_and_refuse
from engine.payouts import fire_operator_runs, operators_with_due_runs
from engine.session_sets import SESSIONS_PER_SET, Query, SessionSets
from engine.work import Work
from engine.working_set import WorkingSet
from ledger import locks
from ledger.errors import ConcurrencyConflict, MachineryFault
from ledger.events.heads import count_due_sessions, due_among, due_sessions, presuming_sessions
from ledger.intake.parking import add_references
from ledger.intake.positions import horizon

OnProgress: TypeAlias = Callable[[str, int], None]

_LOCK = f"SELECT pg_advisory_xact_lock({locks.CLOCK})"


class Clock:
    """Moves the store to a moment, set by set; each set is one transaction and can be interrupted anywhere."""

    def __init__(self, source: str | WorkingSet) -> None:
        """`source` is the DSN of the database, or what this process holds of it already."""
        self._working_set = WorkingSet.of(source)
        self._gateway, self._known = self._working_set.gateway, self._working_set.known
        self._sessions = self._working_set.sessions
        self._follow_up = FollowUp(self._working_set)
        self._sets = SessionSets(self._working_set)

    def close(self) -> None:
        """Give the connection back."""
        self._working_set.close()

    def event_time(self) -> datetime | None:
        """The latest envelope time of the accepted events; None while there are none."""
        with self._gateway.transaction() as cursor:
            return horizon(cursor)

    def count_due(self, until: datetime, at_most: int) -> int:
        """For how many sessions the clock has something to do by `until`, counted up to `at_most`."""
        with self._gateway.transaction() as cursor:
            return count_due_sessions(cursor, until, at_most)

    def advance(self, until: datetime, on_progress: OnProgress | None = None) -> int:
        """Do everything the clock drives up to `until` (inclusive); how many payouts were made.

        Sessions first: what they issue, earn and mature depends on no run. Then each operator's runs in their order.
        Raises MachineryFault when interrupted, and RunsFailed when an operator's runs break; those of the others
        are made then. Advancing again goes on from there.
        """
        report = on_progress or _silent
        try:
            # First what nobody else has in hand, then the rest: no run may fire before what it may pay is there.
            for wait in (False, True):
                self._advance_all_sessions(until, report, wait=wait)
            return self._fire_runs(until, report)
        except BaseException:
            self._working_set.forget()
            raise

    def advance_sessions(self, until: datetime, on_progress: OnProgress | None = None) -> None:
        """A share of the sessions' part of `advance`: what no other process has in hand, warm sessions first.

        Any number of processes may do this at once. `advance` afterwards finds what one of them left behind.
        """
        report = on_progress or _silent
        try:
            warm = self._sessions.warm_ids()
            for first in range(0, len(warm), SESSIONS_PER_SET):
                some = warm[first : first + SESSIONS_PER_SET]
                self._advance_next(partial(due_among, session_ids=some, until=until), until, report)
            self._advance_all_sessions(until, report, wait=False)
        except BaseException:
            self._working_set.forget()
            raise

    def _advance_all_sessions(self, until: datetime, report: OnProgress, *, wait: bool) -> None:
        self._follow_up.run(wait=wait)
        for query in (due_sessions, presuming_sessions):
            while self._advance_next(partial(query, until=until, limit=SESSIONS_PER_SET, wait=wait), until, report):
                pass

    def _advance_next(self, query: Query, until: datetime, report: OnProgress) -> int:
        """One set; how many sessions it had."""
        count = self._sets.do_next(query, partial(self._advance_set, until))
        if count:
            report("sessions", count)
            self._follow_up.run()
        return count

    def _advance_set(self, until: datetime, cursor: Cursor[TupleRow], work: Work, session_ids: Sequence[str]) -> None:
        issued: list[tuple[str, str, str]] = []
        for session in self._sessions.lock(cursor, session_ids).values():
            judgement = judge_and_refuse(cursor, work, session, self._known.catalogue, clock=until)
            issued += _references(session, judgement)
        add_references(cursor, issued)

    def _fire_runs(self, until: datetime, report: OnProgress) -> int:
        made, failures = 0, []
        with self._gateway.transaction() as cursor:
            self._known.lock(cursor, to_publish=False)
            due = operators_with_due_runs(cursor, self._known.catalogue, until)
        for operator_id in due:
            try:
                made += self._fire_operator_runs(operator_id, until)
            except (MachineryFault, ConcurrencyConflict):
                raise
            except Exception as error:
                self._known.forget()
                failures.append(f"{operator_id} ({type(error).__name__}: {error})")
            report("operators", 1)
        if failures:
            raise RunsFailed(f"payout runs broke for {', '.join(failures)}; those of all other operators are made")
        return made

    def _fire_operator_runs(self, operator_id: str, until: datetime) -> int:
        with self._gateway.transaction() as cursor:
            cursor.execute(_LOCK)
            self._known.lock(cursor, to_publish=False)
            work = Work(self._gateway.shard)
            versions = self._known.catalogue.operators[operator_id]
            made = fire_operator_runs(cursor, work, operator_id, versions, until)
            work.write(cursor)
            return made


def _references(session: Session, judgement: Judgement) -> list[tuple[str, str, str]]:
    """Answers may come to CDRs of sessions whose token belongs to another party."""
    if judgement.partner is None:
        return []
    issued = [decision for decision in judgement.decisions if isinstance(decision, CdrIssued)]
    return [("cdr", decision.cdr_id, session.session_id) for decision in issued]


def _silent(_stage: str, _count: int) -> None:
    """Report progress to nobody."""
