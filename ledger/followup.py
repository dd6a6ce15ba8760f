"""What one transaction makes possible for other sessions: parked facts that are claimed, outcomes that went stale.

Each set is a transaction of its own, and all of it is found in the database again after a crash.
"""

from collections import defaultdict

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.session import Session
from ledger.catalogue_store import KnownCatalogue
from ledger.codec import RecordedFact
from ledger.gateway import Gateway
from ledger.heads import stale_sessions
from ledger.parking import take_claimed
from ledger.refused_facts import reject_facts
from ledger.session_store import SessionStore, judge, record_fact
from ledger.work import Work

SESSIONS_PER_SET = 1_000


class FollowUp:
    """Brings claimed facts to their sessions and judges stale sessions again, set by set."""

    def __init__(self, gateway: Gateway, known: KnownCatalogue, sessions: SessionStore) -> None:
        self._gateway, self._known, self._sessions = gateway, known, sessions

    def run(self) -> None:
        """Until nothing is left to follow up."""
        while self._bring_claimed() or self._judge_stale():
            pass

    def _bring_claimed(self) -> bool:
        with self._gateway.transaction() as cursor:
            self._known.lock(cursor, to_publish=False)
            facts: dict[str, list[RecordedFact]] = defaultdict(list)
            for session_id, fact in take_claimed(cursor, SESSIONS_PER_SET):
                facts[session_id].append(fact)
            work = Work(self._gateway.shard)
            for session_id, session in self._sessions.lock(cursor, facts).items():
                for fact in facts[session_id]:
                    record_fact(work, session, fact)
                self._judge(cursor, work, session)
            work.write(cursor)
            return bool(facts)

    def _judge_stale(self) -> bool:
        with self._gateway.transaction() as cursor:
            self._known.lock(cursor, to_publish=False)
            stale = stale_sessions(cursor, SESSIONS_PER_SET)
            work = Work(self._gateway.shard)
            for session in self._sessions.lock(cursor, stale).values():
                self._judge(cursor, work, session)
            work.write(cursor)
            return bool(stale)

    def _judge(self, cursor: Cursor[TupleRow], work: Work, session: Session) -> None:
        judgement = judge(work, session, self._known.catalogue, clock=None)
        reject_facts(cursor, work, session.session_id, judgement)
