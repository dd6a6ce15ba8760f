"""Sessions as stored: loaded from their streams in one query, kept while warm, judged and written as sets."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.findings import FindingChange, FindingEnded, FindingOpened
from domain.book.standing import BookChange, Booked, Retracted
from domain.catalogue.catalogue import Catalogue
from domain.fact import RecordedFact
from domain.session.assessment import NOTIFIED_STATES
from domain.session.decisions import (
    CdrCredited,
    CdrIssued,
    Decision,
    FactReadmitted,
    FactRejected,
    OrphanClosed,
    OverlapNoted,
    SessionAssessed,
    ShareReleased,
)
from domain.session.facts import FACT_PARSERS, parse_fact
from domain.session.judging import decide
from domain.session.orphans import ESTIMATED
from domain.session.plug import Overlap
from domain.session.session import Judgement, Moved, Session, session_stream
from engine.tiers import note_tiered
from engine.work import Stream, Work
from ledger.events.codec import decode, read_body
from ledger.events.heads import SessionHead, lock_sessions
from ledger.events.store import StoredEvent, read_streams
from ledger.intake.plugs import Arrival

DEFAULT_KEPT_SESSIONS = 10_000
_OUTCOME = SessionAssessed.__name__
# Facts that may say when a session was at its plug.
_OF_ITS_PLACE = frozenset(type_ for type_ in FACT_PARSERS if type_.startswith("charging.")) - {
    "charging.session.metered",
    "charging.session.state_changed",
    "charging.session.intent_declared",
}


class SessionStore:
    """Loads sessions for a transaction and turns what they decide into work.

    Sessions stay in memory, the least recently used leave first; one is used again only while its stream has the
    version it was left with, since another process may have written to it.
    """

    def __init__(self, kept_sessions: int = DEFAULT_KEPT_SESSIONS) -> None:
        self._kept: OrderedDict[str, Session] = OrderedDict()
        self._kept_sessions = kept_sessions

    def forget(self) -> None:
        """Drop everything from memory: after a rollback it may be ahead of the store."""
        self._kept.clear()

    def warm_ids(self) -> list[str]:
        """The sessions in memory, the least recently used first."""
        return list(self._kept)

    def lock(self, cursor: Cursor[TupleRow], session_ids: Iterable[str]) -> dict[str, Session]:
        """Lock sessions for this transaction and load those that are not warm, all in one query."""
        versions = lock_sessions(cursor, session_ids)
        found: dict[str, Session] = {}
        cold: list[str] = []
        for session_id, version in versions.items():
            warm = self._kept.pop(session_id, None)
            if warm is not None and warm.version == version:
                found[session_id] = warm
            elif version == 0:
                found[session_id] = Session(session_id)
            else:
                cold.append(session_id)
        found |= load(cursor, cold)
        self._keep(found)
        return found

    def _keep(self, sessions: Mapping[str, Session]) -> None:
        self._kept.update(sessions)
        while len(self._kept) > self._kept_sessions:
            self._kept.popitem(last=False)


def load(cursor: Cursor[TupleRow], session_ids: Sequence[str]) -> dict[str, Session]:
    """Sessions as their streams tell them, without a lock: for whoever only looks."""
    streams = read_streams(cursor, [session_stream(session_id) for session_id in session_ids]) if session_ids else {}
    return {session_id: _replayed(session_id, streams[session_stream(session_id)]) for session_id in session_ids}


def _replayed(session_id: str, stream: Iterable[StoredEvent]) -> Session:
    """A session from its events; of its outcomes the last one stands, so the others need not be read."""
    session = Session(session_id)
    outcome: bytes | None = None
    for _, version, topic, state in stream:
        if topic in FACT_PARSERS:
            body = read_body(topic, state)
            session.learn(parse_fact(topic, body["data"], body["source"], body["id"]))
        elif topic == _OUTCOME:
            outcome = state
        else:
            session.evolve(decode(topic, state))
        session.version = version
    if outcome is not None:
        session.evolve(decode(_OUTCOME, outcome))
    return session


def stream_in(work: Work, session: Session) -> Stream:
    """Where to append to a session's stream, whose head is saved with what the session depends on."""
    return Stream(work, session_stream(session.session_id), session)


def record_facts(work: Work, session: Session, facts: Iterable[RecordedFact]) -> None:
    """Store facts in their session's stream and take them in."""
    stream = stream_in(work, session)
    was_over = session.is_over
    for fact in facts:
        if fact.type in _OF_ITS_PLACE:
            session.moved = Moved.AGAIN if was_over else session.moved or Moved.FIRST
        stream.append(fact)
        session.learn(parse_fact(fact.type, fact.data, fact.source, fact.id))


def judge(work: Work, session: Session, catalogue: Catalogue, clock: datetime | None) -> Judgement:
    """Let a session decide, and turn its decisions into events, entries, lines and messages."""
    told = session.outcome
    judgement = decide(session, catalogue, clock)
    stream = stream_in(work, session)
    for decision in judgement.decisions:
        stream.append(decision)
        if type(decision) is SessionAssessed:
            _write_outcome(stream, session, decision, told)
        else:
            _WRITERS[type(decision)](stream, session, decision)
    if catalogue.has_tiers:
        note_tiered(work, session, catalogue)
    work.heads[session.session_id] = SessionHead(session.session_id, session.version, judgement)
    return judgement


def take_place(work: Work, session: Session, catalogue: Catalogue) -> bool:
    """Have a session take its place at its plug, where that may be another now.

    Whether it is to be judged again: what was wrong with it beside others is over, since it has no place any more.
    """
    moved, session.moved = session.moved, None
    if moved is None or not session.is_over:
        return False
    stay = session.stay(catalogue)
    is_free = stay is None and session.overlap is not None
    if is_free:
        tell(work, session, None)
    work.arrivals.append(Arrival(session.session_id, stay, session.overlap, is_first=moved is Moved.FIRST))
    return is_free


def put_off(work: Work, session: Session, catalogue: Catalogue) -> None:
    """Leave a session to be judged by whoever moves the clock, or follows up; its place at its plug is taken now."""
    take_place(work, session, catalogue)
    work.put_off[session.session_id] = session.version


def tell(work: Work, session: Session, overlap: Overlap | None) -> None:
    """Have a session's stream say what is wrong with it beside the one before it at its plug, None for nothing."""
    noted = OverlapNoted(session.session_id, overlap.kind if overlap else None, overlap.other_id if overlap else None)
    stream_in(work, session).append(noted)
    session.evolve(noted)


def _write_booking(stream: Stream, session: Session, decision: BookChange) -> None:
    stream.book(decision, session.releases.get(decision.booking.share), others=session.releases)


def _write_release(stream: Stream, session: Session, decision: ShareReleased) -> None:
    stream.move(decision)


def _write_cdr(stream: Stream, session: Session, decision: CdrIssued | CdrCredited) -> None:
    stream.send("settlement.cdrs", decision.operator_id)


def _write_outcome(stream: Stream, session: Session, decision: SessionAssessed, told: SessionAssessed | None) -> None:
    """People are told once of a state and its reason, not again when something else about the session changes."""
    if told is not None and (told.state, told.reason) == (decision.state, decision.reason):
        return
    if decision.state in NOTIFIED_STATES or decision.reason == ESTIMATED:
        key = decision.operator_id or session.session_id
        stream.send("settlement.notifications", key)


def _write_rejection(stream: Stream, session: Session, decision: FactRejected | FactReadmitted) -> None:
    """Rejected facts are quarantined by the intake, which has the record."""


def _write_finding(stream: Stream, session: Session, decision: FindingChange) -> None:
    stream.tell(decision)


def _write_orphan(stream: Stream, session: Session, decision: OrphanClosed) -> None:
    """What follows from it are decisions of their own; it was at its plug until its estimated end."""
    session.moved = Moved.AGAIN


_WRITERS: dict[type[Decision], Any] = {
    OrphanClosed: _write_orphan,
    Booked: _write_booking,
    Retracted: _write_booking,
    ShareReleased: _write_release,
    CdrIssued: _write_cdr,
    CdrCredited: _write_cdr,
    FactRejected: _write_rejection,
    FactReadmitted: _write_rejection,
    FindingOpened: _write_finding,
    FindingEnded: _write_finding,
}
