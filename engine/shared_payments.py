"""A payment may pay several sessions: what each has to know of the others, so that all read its settlement alike."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import CAPTURED_ELSEWHERE, LINE_STANDING, PAYMENT
from domain.fact import RecordedFact
from domain.session.session import session_stream
from ledger.events.codec import decode
from ledger.events.store import read_streams

CAPTURED, LINE = "payment.captured", "payment.settled.item"
_OF_PAYMENTS = frozenset({CAPTURED, CAPTURED_ELSEWHERE, LINE, LINE_STANDING})

# Session, reference of the payment: what the session has of it.
FactsOfPayments: TypeAlias = Mapping[tuple[str, str], Sequence[RecordedFact]]


def facts_of_payments(cursor: Cursor[TupleRow], session_ids: Sequence[str]) -> FactsOfPayments:
    """What sessions have of each of their payments, as it was stored."""
    found: dict[tuple[str, str], list[RecordedFact]] = defaultdict(list)
    session_of = {session_stream(session_id): session_id for session_id in session_ids}
    for stream_id, events in read_streams(cursor, list(session_of)).items():
        for event in events:
            if event.topic in _OF_PAYMENTS:
                fact: RecordedFact = decode(event.topic, event.state)
                found[session_of[stream_id], PAYMENT.of(fact.data)].append(fact)
    return found


def news_for(session_id: str, of_payment: Sequence[str], ref: str, facts: FactsOfPayments) -> Iterator[RecordedFact]:
    """What a session does not know of a payment and another of its sessions does: captures there, and lines."""
    known = {(fact.type, fact.source, fact.id) for fact in facts.get((session_id, ref), ())}
    for other in of_payment:
        if other == session_id:
            continue
        for fact in facts.get((other, ref), ()):
            if fact.type == CAPTURED_ELSEWHERE:
                continue
            news = fact._replace(type=CAPTURED_ELSEWHERE) if fact.type == CAPTURED else fact
            key = (news.type, news.source, news.id)
            if key not in known:
                known.add(key)
                yield news
