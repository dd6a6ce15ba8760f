"""What one transaction means for other sessions: claims of parked facts, stale outcomes, overlaps at one plug.

Each set is a transaction of its own, and all of it is found in the database again after a crash.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.fact import RecordedFact
from domain.session.session import Moved, Session
from engine.judging import judge_and_refuse
from engine.session_sets import SESSIONS_PER_SET, Query, SessionSets, Step
from engine.sessions import record_facts, tell
from engine.shared_payments import facts_of_payments, news_for
from engine.work import Work
from engine.working_set import WorkingSet
from ledger.events.heads import stale_sessions, take_back_set_aside
from ledger.intake.parking import sessions_with_claims, take_claimed
from ledger.intake.plugs import overlaps_of, untold_among, untold_sessions
from ledger.intake.shared_payments import sessions_of_shared, shared_by

PAYMENTS_PER_SET = 100


class FollowUp:
    """Brings claimed facts to their sessions and judges stale sessions again, set by set."""

    def __init__(self, working_set: WorkingSet) -> None:
        self._working_set = working_set
        self._sets = SessionSets(working_set)

    def take_back(self) -> None:
        """Have what was set aside tried again, with everything that is left to follow up."""
        with self._working_set.gateway.transaction() as cursor:
            take_back_set_aside(cursor)

    def run(self, *, wait: bool = False, before_clock: bool = False) -> bool:
        """Until nothing is left to follow up; what another process has in hand is left to it, or waited for.

        With `before_clock` sessions that wait for something alone, or to be judged, are left to it. Whether anything
        was there.
        """
        found = False
        while any(self._sets.do_next(query, step) for query, step in self._steps(wait, before_clock)):
            found = True
        return found

    def bring_along(self, cursor: Cursor[TupleRow], work: Work, sessions: Mapping[str, Session]) -> None:
        """Have sessions that are locked, and about to be judged, learn what waits for each of them alone."""
        claimed = take_claimed(cursor, list(sessions), alone=True)
        work.receipts |= claimed.settlements
        for session_id, facts in _by_session(claimed.facts).items():
            record_facts(work, sessions[session_id], facts)
        work.told = untold_among(cursor, sessions)
        for session_id, overlap in work.told.items():
            if overlap != sessions[session_id].overlap:
                tell(work, sessions[session_id], overlap)

    def _steps(self, wait: bool, before_clock: bool) -> Iterator[tuple[Query, Step]]:
        """Claims first: a fact that is brought may make a stale outcome right."""
        yield partial(sessions_of_shared, payments=PAYMENTS_PER_SET), self._tell_each_other
        if not before_clock:
            yield partial(sessions_with_claims, limit=SESSIONS_PER_SET), self._bring_claimed
            yield partial(stale_sessions, limit=SESSIONS_PER_SET, wait=wait), self._judge_again
            yield partial(untold_sessions, limit=SESSIONS_PER_SET, wait=wait), self._tell_overlaps

    def _bring_claimed(self, cursor: Cursor[TupleRow], work: Work, session_ids: Sequence[str]) -> None:
        claimed = take_claimed(cursor, session_ids)
        work.receipts |= claimed.settlements
        facts = _by_session(claimed.facts)
        for session_id, session in self._working_set.sessions.lock(cursor, facts).items():
            record_facts(work, session, facts[session_id])
            self._judge(cursor, work, session)

    def _tell_each_other(self, cursor: Cursor[TupleRow], work: Work, session_ids: Sequence[str]) -> None:
        """Tell the sessions of a payment what the others captured, and the lines that only some of them have."""
        payments = shared_by(cursor, session_ids)
        sessions = self._working_set.sessions.lock(cursor, chain.from_iterable(payments.values()))
        told = facts_of_payments(cursor, list(sessions))
        for ref, of_payment in payments.items():
            for session_id in of_payment:
                record_facts(work, sessions[session_id], news_for(session_id, of_payment, ref, told))
            work.told_payments[ref] = len(of_payment)
        for session in sessions.values():
            self._judge(cursor, work, session)

    def _judge_again(self, cursor: Cursor[TupleRow], work: Work, session_ids: Sequence[str]) -> None:
        sessions = self._working_set.sessions.lock(cursor, session_ids)
        look_for_places_again(sessions.values())
        for session in sessions.values():
            self._judge(cursor, work, session)

    def _tell_overlaps(self, cursor: Cursor[TupleRow], work: Work, session_ids: Sequence[str]) -> None:
        """Sessions learn what is wrong with them beside others at their plugs, or is wrong no longer."""
        sessions = self._working_set.sessions.lock(cursor, session_ids)
        work.told = overlaps_of(cursor, session_ids)
        for session_id, overlap in work.told.items():
            session = sessions[session_id]
            if overlap != session.overlap:
                tell(work, session, overlap)
                self._judge(cursor, work, session)

    def _judge(self, cursor: Cursor[TupleRow], work: Work, session: Session) -> None:
        judge_and_refuse(cursor, work, session, self._working_set.known.catalogue, clock=None)


def look_for_places_again(stale: Iterable[Session]) -> None:
    """Have stale sessions look for their places at their plugs with the judgement that is to come.

    What an orphan's contract says of its end may be something else now. Those whose first judgement was put off have
    theirs already.
    """
    for session in stale:
        if session.outcome is not None:
            session.moved = Moved.AGAIN


def _by_session(facts: Iterable[tuple[str, RecordedFact]]) -> dict[str, list[RecordedFact]]:
    found: dict[str, list[RecordedFact]] = defaultdict(list)
    for session_id, fact in facts:
        found[session_id].append(fact)
    return found
