"""What the clock drives: CDRs are issued, shares mature, reserves come back and payout runs fire, up to a moment."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.session import Judgement, Session
from domain.session_events import CdrIssued
from ledger.catalogue_store import KnownCatalogue
from ledger.errors import ConcurrencyConflict, DatabaseUnavailable, RunsFailed
from ledger.followup import FollowUp
from ledger.gateway import Gateway
from ledger.heads import due_sessions, presuming_sessions
from ledger.parking import add_references
from ledger.payout_store import fire_operator_runs, operators_with_due_runs
from ledger.positions import horizon
from ledger.refused_facts import judge_and_refuse
from ledger.session_sets import SESSIONS_PER_SET, SessionSets
from ledger.session_store import SessionStore
from ledger.work import Work

# One clock at a time moves the store.
_LOCK = "SELECT pg_advisory_xact_lock(7403)"


class Clock:
    """Moves the store to a moment, set by set; each set is one transaction and can be interrupted anywhere."""

    def __init__(self, dsn: str) -> None:
        self._gateway = Gateway(dsn)
        self._known = KnownCatalogue()
        self._sessions = SessionStore()
        self._follow_up = FollowUp(self._gateway, self._known, self._sessions)
        self._sets = SessionSets(self._gateway, self._known, self._sessions)

    def close(self) -> None:
        """Give the connection back."""
        self._gateway.close()

    def event_time(self) -> datetime | None:
        """The latest envelope time of the accepted events; None while there are none."""
        with self._gateway.transaction() as cursor:
            return horizon(cursor)

    def advance(self, until: datetime, on_progress: Callable[[str, int], None] | None = None) -> int:
        """Do everything the clock drives up to `until` (inclusive); how many payouts were made.

        Sessions first: what they issue, earn and mature depends on no run. Then each operator's runs in their order.
        Raises DatabaseUnavailable when interrupted, and RunsFailed when an operator's runs break; those of the others
        are made then. Advancing again goes on from there.
        """
        report = on_progress or _silent
        try:
            self._follow_up.run()
            for query in (due_sessions, presuming_sessions):
                while chosen := self._sets.choose(partial(query, until=until, limit=SESSIONS_PER_SET)):
                    self._sets.do(chosen, partial(self._advance_sessions, until))
                    report("sessions", len(chosen))
                    self._follow_up.run()
            return self._fire_runs(until, report)
        except BaseException:
            self._known.forget()
            self._sessions.forget()
            raise

    def _advance_sessions(
        self, until: datetime, cursor: Cursor[TupleRow], work: Work, session_ids: Sequence[str]
    ) -> None:
        issued: list[tuple[str, str, str]] = []
        for session in self._sessions.lock(cursor, session_ids).values():
            judgement = judge_and_refuse(cursor, work, session, self._known.catalogue, clock=until)
            issued += _references(session, judgement)
        add_references(cursor, issued)

    def _fire_runs(self, until: datetime, report: Callable[[str, int], None]) -> int:
        made, failures = 0, []
        with self._gateway.transaction() as cursor:
            self._known.lock(cursor, to_publish=False)
            due = operators_with_due_runs(cursor, self._known.catalogue, until)
        for operator_id in due:
            try:
                made += self._fire_operator_runs(operator_id, until)
            except (DatabaseUnavailable, ConcurrencyConflict):
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
