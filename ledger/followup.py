"""What one transaction makes possible for other sessions: parked facts that are claimed, outcomes that went stale.

Each set is a transaction of its own, and all of it is found in the database again after a crash.
"""

from collections import defaultdict
from collections.abc import Sequence

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.session import Session
from ledger.catalogue_store import KnownCatalogue
from ledger.codec import RecordedFact
from ledger.gateway import Gateway
from ledger.heads import stale_sessions, take_back_set_aside
from ledger.parking import sessions_with_claims, take_claimed
from ledger.refused_facts import judge_and_refuse
from ledger.session_sets import SESSIONS_PER_SET, SessionSets
from ledger.session_store import SessionStore, record_fact
from ledger.work import Work


class FollowUp:
    """Brings claimed facts to their sessions and judges stale sessions again, set by set."""

    def __init__(self, gateway: Gateway, known: KnownCatalogue, sessions: SessionStore) -> None:
        self._gateway, self._known, self._sessions = gateway, known, sessions
        self._sets = SessionSets(gateway, known, sessions)

    def start(self) -> None:
        """Try again what was set aside, then everything that is left to follow up."""
        with self._gateway.transaction() as cursor:
            take_back_set_aside(cursor)
        self.run()

    def run(self) -> None:
        """Until nothing is left to follow up."""
        while True:
            if claiming := self._sets.choose(lambda cursor: sessions_with_claims(cursor, SESSIONS_PER_SET)):
                self._sets.do(claiming, self._bring_claimed)
            elif stale := self._sets.choose(lambda cursor: stale_sessions(cursor, SESSIONS_PER_SET)):
                self._sets.do(stale, self._judge_again)
            else:
                return

    def _bring_claimed(self, cursor: Cursor[TupleRow], work: Work, session_ids: Sequence[str]) -> None:
        facts: dict[str, list[RecordedFact]] = defaultdict(list)
        for session_id, fact in take_claimed(cursor, session_ids):
            facts[session_id].append(fact)
        for session_id, session in self._sessions.lock(cursor, facts).items():
            for fact in facts[session_id]:
                record_fact(work, session, fact)
            self._judge(cursor, work, session)

    def _judge_again(self, cursor: Cursor[TupleRow], work: Work, session_ids: Sequence[str]) -> None:
        for session in self._sessions.lock(cursor, session_ids).values():
            self._judge(cursor, work, session)

    def _judge(self, cursor: Cursor[TupleRow], work: Work, session: Session) -> None:
        judge_and_refuse(cursor, work, session, self._known.catalogue, clock=None)
