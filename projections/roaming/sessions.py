"""Sessions for the partner whose token it is (OCPI 2.2.1, mod_sessions): as they run, and as their CDRs have them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.catalogue.catalogue import POWER_MAX_KW
from domain.catalogue.parties import partner_key
from domain.cdr.session import object_id
from domain.session.session_objects import SessionObject, Told, told_of
from ledger.events.codec import dump, read_body
from ledger.intake.catalogue import KnownCatalogue
from projections.feed import Piece
from projections.roaming import session_facts
from projections.roaming.objects import Made, Seen, Withheld
from projections.roaming.session_facts import Followed, SessionFacts

MODULE = "sessions"
# What may change sessions that run; the engine judges those that are over again, and says so.
_OF_OPERATORS = frozenset({"operator.registered", "operator.changed", "tariff.published", "location.published"})
_PARTNER = "partner.registered"
_PERIODS = "charging_periods"
# Who followed before, or beside for a while, may have left starts that are still to come.
_LOOK_EACH = timedelta(minutes=1)
# Sessions that an operator's terms or the clock touch are made so many at a time, in order.
_AT_ONCE = 1_000

_RUNNING_OF = """
SELECT session_id FROM roaming.running_session WHERE operator_id = ANY(%s) OR partner = ANY(%s) ORDER BY session_id
"""
_DUE = """
SELECT session_id FROM roaming.running_session WHERE due_at <= %s ORDER BY due_at, session_id LIMIT %s
"""
_NEXT_DUE = "SELECT min(due_at) FROM roaming.running_session"
_RUNS = """
INSERT INTO roaming.running_session AS known (session_id, operator_id, partner, due_at)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[])
ON CONFLICT (session_id) DO UPDATE
SET operator_id = excluded.operator_id, partner = excluded.partner, due_at = excluded.due_at
WHERE (known.operator_id, known.partner) <> (excluded.operator_id, excluded.partner)
   OR known.due_at IS DISTINCT FROM excluded.due_at
"""
_OVER = "DELETE FROM roaming.running_session WHERE session_id = ANY(%s)"


class SessionObjects:
    """Sessions, for one thread that follows the event store."""

    module = MODULE
    topics = session_facts.TOPICS | _OF_OPERATORS | {_PARTNER}

    def __init__(self, power_max_kw: int = POWER_MAX_KW) -> None:
        self._facts = SessionFacts()
        self._catalogue = KnownCatalogue(power_max_kw)
        self._next_due: datetime | None = None
        self._looked_at: datetime | None = None

    def take(self, cursor: Cursor[TupleRow], piece: Piece, now: datetime) -> Made:
        """What comes of the sessions that a piece is about; it is to be told of pieces without events, too."""
        told = self._facts.follow(cursor, piece)
        beside = self._touched_by_terms(cursor, piece)
        if beside:
            known = {id(each) for each in told}
            told += [each for each in self._facts.of(cursor, beside) if id(each) not in known]
        return self._made(cursor, told, now)

    def is_due(self, now: datetime) -> bool:
        """Whether the clock may change anything."""
        if self._looked_at is None or now - self._looked_at >= _LOOK_EACH:
            return True
        return self._next_due is not None and self._next_due <= now

    def tick(self, cursor: Cursor[TupleRow], now: datetime) -> Made:
        """What comes of the sessions that begin by now."""
        self._looked_at = now
        due = [session_id for (session_id,) in cursor.execute(_DUE, (now, _AT_ONCE))]
        followed = self._facts.of(cursor, due)
        for each in followed:
            each.is_new = True
        made = self._made(cursor, followed, now)
        row = cursor.execute(_NEXT_DUE).fetchone()
        self._next_due = row[0] if row else None
        return made

    def _touched_by_terms(self, cursor: Cursor[TupleRow], piece: Piece) -> list[str]:
        operators, partners = set(), set()
        for topic, state in piece.events:
            if topic in _OF_OPERATORS:
                operators.add(read_body(topic, state)["data"]["operator_id"])
            elif topic == _PARTNER:
                data = read_body(topic, state)["data"]
                partners.add(partner_key(data["country_code"], data["party_id"]))
        if not operators and not partners:
            return []
        return [session_id for (session_id,) in cursor.execute(_RUNNING_OF, (list(operators), list(partners)))]

    def _made(self, cursor: Cursor[TupleRow], followed: Sequence[Followed], now: datetime) -> Made:
        if not followed:
            return Made()
        # Behind the sessions: of a judgement that was read, the catalogue that it rests on is read as well.
        self._catalogue.read(cursor)
        catalogue = self._catalogue.catalogue
        made, running, over, at_rest = Made(), [], [], []
        for each in followed:
            session = each.session
            if session is None or not (each.is_new or each.revision != catalogue.revision):
                continue
            overlap = session.overlap.kind if session.overlap else None
            told = told_of(session.session_id, session.meter, catalogue, now, session.closed_at, overlap)
            each.is_new, each.revision = False, catalogue.revision
            _add(made, session.session_id, told)
            start = session.meter.first_start()
            if told.runs and start is not None:
                running.append((session.session_id, start.operator_id, start.partner or "", told.due_at))
            else:
                over.append(session.session_id)
                at_rest.append(each)
        self._keep(cursor, running, over)
        self._facts.let_go(at_rest)
        return made

    def _keep(self, cursor: Cursor[TupleRow], running: Sequence[tuple[Any, ...]], over: Sequence[str]) -> None:
        if running:
            cursor.execute(_RUNS, [list(column) for column in zip(*running, strict=True)])
            due = [each[3] for each in running if each[3] is not None]
            self._next_due = min([*due, *([self._next_due] if self._next_due else [])], default=None)
        if over:
            cursor.execute(_OVER, (list(over),))


def _add(made: Made, session_id: str, told: Told) -> None:
    id_ = object_id(session_id)
    made.seen.extend(_seen(each, id_) for each in told.objects)
    made.withheld.extend(
        Withheld((each.partner, each.operator_id, id_.casefold()), each.reason) for each in told.withheld
    )


def _seen(each: SessionObject, id_: str) -> Seen:
    older, newer = dict(each.document), dict(each.document_2_3_0)
    if _PERIODS in older:
        # They are most of a document, the same in both, and are written once.
        older[_PERIODS] = newer[_PERIODS] = orjson.Fragment(dump(older[_PERIODS]))
    return Seen(each.partner, each.operator_id, id_, older, newer)
