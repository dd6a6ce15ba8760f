"""What the clock drives: CDRs are issued, shares mature, reserves come back and payout runs fire, up to a moment."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from domain.session import CdrIssued, Judgement, Session
from ledger.catalogue_store import KnownCatalogue
from ledger.followup import SESSIONS_PER_SET, FollowUp
from ledger.gateway import Gateway
from ledger.heads import due_sessions, presuming_sessions
from ledger.parking import add_references
from ledger.payout_store import fire_operator_runs
from ledger.positions import horizon
from ledger.refused_facts import reject_facts
from ledger.session_store import SessionStore, judge
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
        Raises DatabaseUnavailable when interrupted; advancing again goes on from there.
        """
        report = on_progress or _silent
        try:
            self._follow_up.run()
            for choose in (due_sessions, presuming_sessions):
                while done := self._advance_sessions(until, choose):
                    report("sessions", done)
                    self._follow_up.run()
            return self._fire_runs(until, report)
        except BaseException:
            self._known.forget()
            self._sessions.forget()
            raise

    def _advance_sessions(self, until: datetime, choose: Callable[[Any, datetime, int], list[str]]) -> int:
        with self._gateway.transaction() as cursor:
            cursor.execute(_LOCK)
            self._known.lock(cursor, to_publish=False)
            work = Work(self._gateway.shard)
            issued: list[tuple[str, str, str]] = []
            sessions = self._sessions.lock(cursor, choose(cursor, until, SESSIONS_PER_SET))
            for session in sessions.values():
                judgement = judge(work, session, self._known.catalogue, clock=until)
                reject_facts(cursor, work, session.session_id, judgement)
                issued += _references(session, judgement)
            add_references(cursor, issued)
            work.write(cursor)
            return len(sessions)

    def _fire_runs(self, until: datetime, report: Callable[[str, int], None]) -> int:
        made = 0
        with self._gateway.transaction() as cursor:
            self._known.lock(cursor, to_publish=False)
            operators = sorted(self._known.catalogue.operators)
        for operator_id in operators:
            with self._gateway.transaction() as cursor:
                cursor.execute(_LOCK)
                self._known.lock(cursor, to_publish=False)
                work = Work(self._gateway.shard)
                versions = self._known.catalogue.operators[operator_id]
                made += fire_operator_runs(cursor, work, operator_id, versions, until)
                work.write(cursor)
            report("operators", 1)
        return made


def _references(session: Session, judgement: Judgement) -> list[tuple[str, str, str]]:
    """Answers may come to CDRs of sessions whose token belongs to another party."""
    if judgement.partner is None:
        return []
    issued = [decision for decision in judgement.decisions if isinstance(decision, CdrIssued)]
    return [("cdr", decision.cdr_id, session.session_id) for decision in issued]


def _silent(_stage: str, _count: int) -> None:
    """Report progress to nobody."""
