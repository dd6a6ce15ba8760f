"""The facts of partners' sessions, kept while they run: what comes of one reading needs no look at all others."""

from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.session.decisions import OrphanClosed, OverlapNoted, SessionAssessed
from domain.session.facts import FACT_PARSERS, parse_fact
from domain.session.session import Session, session_stream
from ledger.events.codec import decode, read_body
from projections.feed import Piece

_BEGINS = frozenset({"charging.session.started", "charging.reservation.expired"})
_FACTS = frozenset(type_ for type_ in FACT_PARSERS if type_.startswith("charging."))
_ASSESSED = SessionAssessed.__name__
_DECIDED = frozenset({OrphanClosed.__name__, OverlapNoted.__name__})
# What a session is told by, and what says that it was judged again.
TOPICS = _FACTS | _DECIDED | {_ASSESSED}

# So many sessions are remembered, and so many of their facts kept: the least recently used leave first.
SESSIONS_MAX, FACTS_MAX = 50_000, 400_000

_STARTS = """
SELECT originator_id, topic, state FROM event_store.stored_events WHERE originator_id = ANY(%s) AND topic = ANY(%s)
"""
# Outcomes are long, and only how many there are is of use.
_STREAMS = """
SELECT originator_id, originator_version, topic, CASE WHEN topic <> %s THEN state END
FROM event_store.stored_events WHERE originator_id = ANY(%s) AND topic = ANY(%s)
ORDER BY originator_id, originator_version
"""


@dataclass(slots=True)
class Followed:
    """A session as its stream tells it up to `version`; without `session` where that is to be read again, if needed.

    `is_partners` where any start of it names a token; others are no concern of partners. `is_new` while something was
    told of it from which nothing was made yet, and `revision` is of the catalogue by which it was made last.
    """

    version: int
    is_partners: bool = False
    session: Session | None = None
    facts: int = 0
    is_new: bool = True
    revision: int = -1

    def learn(self, topic: str, state: bytes, version: int) -> None:
        """Take in what is stored at a version, which is later than all before."""
        self.version = version
        if topic in _FACTS:
            body = read_body(topic, state)
            if self.session is None:
                self.session = Session(body["data"]["session_id"])
            self.session.learn(parse_fact(topic, body["data"], body["source"], body["id"]))
            self.facts += 1
            self.is_new = True
        elif topic != _ASSESSED and self.session is not None:
            self.session.evolve(decode(topic, state))
            self.is_new = True


class SessionFacts:
    """Follows the streams of partners' sessions; of what others pay for it remembers only that it is no concern."""

    def __init__(self, sessions_max: int = SESSIONS_MAX, facts_max: int = FACTS_MAX) -> None:
        self._known: OrderedDict[UUID, Followed] = OrderedDict()
        self._sessions_max, self._facts_max = sessions_max, facts_max
        self._facts = 0
        self._reached = 0

    def follow(self, cursor: Cursor[TupleRow], piece: Piece) -> list[Followed]:
        """The partners' sessions that a piece says something new of; events of other topics are passed over."""
        if piece.after != self._reached:
            # Somebody else took what lies between, or all is made anew: what is known may lack something.
            self._known.clear()
            self._facts = 0
        self._reached = piece.position
        touched: dict[UUID, None] = {}
        cold: dict[UUID, int] = {}
        for (topic, state), place in zip(piece.events, piece.places, strict=True):
            if topic not in TOPICS:
                continue
            known = self._known.get(place.stream_id)
            if place.stream_id in cold or known is None:
                cold[place.stream_id] = place.version
            elif place.version <= known.version:
                continue
            elif known.session is not None:
                before = known.facts
                known.learn(topic, state, place.version)
                self._facts += known.facts - before
                touched[place.stream_id] = None
            elif known.is_partners or topic in _BEGINS:
                cold[place.stream_id] = place.version
        self._load(cursor, cold)
        touched |= {stream: None for stream in cold if self._known[stream].is_partners}
        return self._used(touched)

    def of(self, cursor: Cursor[TupleRow], session_ids: Collection[str]) -> list[Followed]:
        """These sessions as they are stored by now, whatever is known of them."""
        streams = {session_stream(each): None for each in session_ids}
        self._load(cursor, dict.fromkeys(streams, 0))
        return self._used(streams)

    def let_go(self, sessions: Iterable[Followed]) -> None:
        """Keep the facts of these no longer, nor more than there may be: what is needed again is read again."""
        for each in sessions:
            self._forget(each)
        while len(self._known) > self._sessions_max:
            self._forget(self._known.popitem(last=False)[1])
        if self._facts > self._facts_max:
            for each in self._known.values():
                self._forget(each)
                if self._facts <= self._facts_max:
                    break

    def _forget(self, each: Followed) -> None:
        self._facts -= each.facts
        each.session, each.facts = None, 0

    def _used(self, streams: Iterable[UUID]) -> list[Followed]:
        for stream in streams:
            self._known.move_to_end(stream)
        return [self._known[stream] for stream in streams]

    def _load(self, cursor: Cursor[TupleRow], cold: dict[UUID, int]) -> None:
        """Read these streams to their end, of those that name no token nothing but that."""
        if not cold:
            return
        named = {
            stream
            for stream, topic, state in cursor.execute(_STARTS, (list(cold), list(_BEGINS)))
            if read_body(topic, state)["data"].get("token")
        }
        for stream, version in cold.items():
            if (before := self._known.get(stream)) is not None:
                self._forget(before)
            self._known[stream] = Followed(version, is_partners=stream in named)
        if not named:
            return
        for stream, version, topic, state in cursor.execute(
            _STREAMS, (_ASSESSED, list(named), list(TOPICS)), binary=True
        ):
            self._known[stream].learn(topic, state, version)
        self._facts += sum(self._known[stream].facts for stream in named)
