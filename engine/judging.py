"""Facts that were accepted and refused later, when it showed that they contradict their session."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.catalogue.catalogue import Catalogue
from domain.fact import RecordedFact
from domain.session.decisions import FactReadmitted, FactRejected
from domain.session.judging import CURRENCY_MISMATCH
from domain.session.session import Judgement, Session, session_stream
from engine.sessions import judge, take_place
from engine.work import Work
from ledger.events.codec import decode, dump
from ledger.events.store import StoredEvent, read_streams
from ledger.intake import positions, quarantine
from ledger.intake.positions import Tally
from ledger.intake.quarantine import DeadLetter, deadletter_id

# Not a Kafka partition: what was counted as accepted there is counted as dead-lettered from here on.
_RECOUNTED = ("payments", -1)


def judge_and_refuse(
    cursor: Cursor[TupleRow], work: Work, session: Session, catalogue: Catalogue, clock: datetime | None
) -> Judgement:
    """Let a session decide, and dead-letter what it refuses: the one way in which sessions are judged."""
    judgement = judge(work, session, catalogue, clock)
    _reject_facts(cursor, work, session.session_id, judgement)
    if session.moved is not None and take_place(work, session, catalogue):
        work.judged_again.add(session_stream(session.session_id))
        return judge_and_refuse(cursor, work, session, catalogue, clock)
    return judgement


def _reject_facts(cursor: Cursor[TupleRow], work: Work, session_id: str, judgement: Judgement) -> None:
    """Dead-letter the facts that a judgement refused, and count them as such; take back those that fit after all."""
    if not judgement.decisions:
        return
    _readmit(cursor, [decision for decision in judgement.decisions if isinstance(decision, FactReadmitted)])
    rejected = [decision for decision in judgement.decisions if isinstance(decision, FactRejected)]
    if not rejected:
        return
    facts = {(fact.source, fact.id): fact for fact in _facts(cursor, work, session_id)}
    letters = [_letter(facts[each.source, each.id], session_id, each) for each in rejected]
    for new_id in quarantine.add(cursor, letters):
        work.send_deadletter(session_id, new_id)
    moved = len(rejected)
    positions.count(cursor, {_RECOUNTED: Tally(accepted=-moved, dead_lettered=moved)})


def _readmit(cursor: Cursor[TupleRow], readmitted: Sequence[FactReadmitted]) -> None:
    """What was refused counts as accepted again, and its dead letter as settled."""
    if readmitted:
        letters = [_letter_id(each.source, each.id, CURRENCY_MISMATCH) for each in readmitted]
        quarantine.mark_replayed(cursor, letters)
        moved = len(readmitted)
        positions.count(cursor, {_RECOUNTED: Tally(accepted=moved, dead_lettered=-moved)})


def _letter_id(source: str, id_: str, code: str) -> UUID:
    return deadletter_id(f"{source}\0{id_}", code)


def _facts(cursor: Cursor[TupleRow], work: Work, session_id: str) -> list[RecordedFact]:
    stream_id = session_stream(session_id)
    stored: list[StoredEvent] = read_streams(cursor, [stream_id])[stream_id]
    stored += [event for event in work.events if event.stream_id == stream_id]
    found: list[Any] = [decode(event.topic, event.state) for event in stored]
    return [each for each in found if isinstance(each, RecordedFact)]


def _letter(fact: RecordedFact, session_id: str, rejected: FactRejected) -> DeadLetter:
    event = {
        "specversion": "1.0",
        "id": fact.id,
        "source": fact.source,
        "type": fact.type,
        "subject": session_id,
        "time": fact.time,
        "data": fact.data,
    }
    return DeadLetter(
        deadletter_id=_letter_id(fact.source, fact.id, rejected.code),
        topic="payments",
        partition=None,
        offset=None,
        key=session_id.encode(),
        headers=(),
        value=dump(event),
        code=rejected.code,
        path="data.amount.currency",
        sentence=rejected.sentence,
        source=fact.source,
        id=fact.id,
        type=fact.type,
    )
