"""What people decided: a row each, whether it counts, and why not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import MESSAGE_TYPES
from domain.book.refusals import DecisionCounts, DecisionRefused
from domain.payout.events import ApprovalCounted, ApprovalLapsed
from ledger.arrays import array
from ledger.events.codec import read_body
from projections.movements import EventSet

DECISIONS_TOPIC = "decisions"
TAKEN, REFUSED = "TAKEN", "REFUSED"
_REFUSED, _COUNTS = DecisionRefused.__name__, DecisionCounts.__name__
_COUNTED, _LAPSED = ApprovalCounted.__name__, ApprovalLapsed.__name__

# The field that says when a decision acts, the first that there is; and the one that names what it is about.
_AT = ("at", "approved_at", "rejected_at", "proposed_at", "ordered_at", "filed_at", "paid_at")
_SUBJECT = (
    *(
        "payout_id",
        "adjustment_id",
        "write_off_id",
        "hold_id",
        "finding_id",
        "period",
        "sweep_id",
        "return_id",
        "entry_reference",
        "operator_id",
    ),
)

# A set of decisions. A message is stored once, so that a row which is there is of the same one.
_PUT = """
INSERT INTO projection.decision_row (generation, source, id, type, subject, operator_id, decided_by, acts_at,
    content_hash, reason, state, sentence, owner, note, position)
SELECT %s, told.*
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[],
            %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[]) AS told
ON CONFLICT (generation, source, id) DO NOTHING
"""
# What became of decisions that are known.
_JUDGE = """
UPDATE projection.decision_row AS kept
SET state = judged.state, sentence = judged.sentence
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS judged (source, id, state, sentence)
WHERE kept.generation = %s AND (kept.source, kept.id) = (judged.source, judged.id)
"""
# Which approvals stand, and which lapsed.
_LAPSE = """
UPDATE projection.decision_row AS kept
SET lapsed = said.lapsed
FROM unnest(%s::text[], %s::text[], %s::bool[]) AS said (source, id, lapsed)
WHERE kept.generation = %s AND (kept.source, kept.id) = (said.source, said.id)
"""
_SELECT = """
SELECT source, id, type, subject, operator_id, decided_by, acts_at, content_hash, reason, state, sentence, owner,
       note, position, lapsed
FROM projection.decisions
"""
_ONE = f"{_SELECT} WHERE source = %s AND id = %s"
_ABOUT = f"{_SELECT} WHERE subject = ANY(%s) AND type = ANY(%s) ORDER BY acts_at, source, id"
_OF_OPERATOR = f"{_SELECT} WHERE operator_id = %s AND type = ANY(%s) ORDER BY acts_at, source, id"
# Whether all payouts are stopped now: what acted last says so.
_SWITCH = """
SELECT type, decided_by, acts_at, reason FROM projection.decisions
WHERE subject = 'payouts' AND type IN ('payouts.stopped', 'payouts.resumed') AND state = 'TAKEN'
  AND acts_at <= clock_timestamp()
ORDER BY acts_at DESC, source DESC, id DESC LIMIT 1
"""


class Decision(NamedTuple):
    """A decision as it was told, and whether it is TAKEN or REFUSED, with the sentence why."""

    source: str
    id: str
    type: str
    subject: str
    operator_id: str | None
    decided_by: str
    acts_at: Any
    content_hash: str | None
    reason: str | None
    state: str
    sentence: str | None
    owner: str | None
    note: str | None
    position: int
    lapsed: bool


class Stopped(NamedTuple):
    """That all payouts are stopped: by whom, since when, and why."""

    by: str
    at: datetime
    reason: str | None


def payouts_stopped(cursor: Cursor[TupleRow]) -> Stopped | None:
    """Who stopped all payouts; None where they go on."""
    row = cursor.execute(_SWITCH).fetchone()
    return None if row is None or row[0] != "payouts.stopped" else Stopped(*row[1:])


def decision_types() -> frozenset[str]:
    """The types of messages by which people decide."""
    return frozenset(type_ for type_, row in MESSAGE_TYPES.items() if row.topic.name == DECISIONS_TOPIC)


def find_decision(cursor: Cursor[TupleRow], source: str, id_: str) -> Decision | None:
    """What was told by a message, and what became of it."""
    row = cursor.execute(_ONE, (source, id_)).fetchone()
    return Decision(*row) if row else None


def decisions_about(cursor: Cursor[TupleRow], subjects: Sequence[str], types: Sequence[str]) -> list[Decision]:
    """Decisions of these types about these things, in the order in which they act."""
    return [Decision(*row) for row in cursor.execute(_ABOUT, (list(subjects), list(types)))]


def decisions_of_operator(cursor: Cursor[TupleRow], operator_id: str, types: Sequence[str]) -> list[Decision]:
    """Decisions of these types that name an operator, in the order in which they act."""
    return [Decision(*row) for row in cursor.execute(_OF_OPERATOR, (operator_id, list(types)))]


@dataclass(frozen=True, slots=True)
class Decisions:
    """Keeps what was decided, by message, and whether it counts."""

    topics: frozenset[str] = decision_types() | {_REFUSED, _COUNTS, _COUNTED, _LAPSED}
    table: str = "decision_row"

    def apply(self, cursor: Cursor[TupleRow], generation: int, events: Sequence[tuple[str, bytes]]) -> None:
        """Put what the set tells, and what it says of decisions that count for nothing, or do after all."""
        places = events.places if isinstance(events, EventSet) else ()
        positions = [place.position for place in places] or [0] * len(events)
        told: dict[tuple[str, str], tuple[Any, ...]] = {}
        judged: dict[tuple[str, str], tuple[str, str | None]] = {}
        lapsed: dict[tuple[str, str], bool] = {}
        for (topic, state), position in zip(events, positions, strict=True):
            body = read_body(topic, state)
            key = (body["source"], body["id"])
            if topic in (_COUNTED, _LAPSED):
                lapsed[key] = topic == _LAPSED
            elif topic in (_REFUSED, _COUNTS):
                judged[key] = (REFUSED, body.get("sentence")) if topic == _REFUSED else (TAKEN, None)
            else:
                told[key] = (*_row(topic, body["data"]), position)
        if told:
            keys = sorted(told)
            columns = zip(*((*key, *told[key]) for key in keys), strict=True)
            cursor.execute(_PUT, (generation, *[array(list(column)) for column in columns]))
        if judged:
            keys = sorted(judged)
            columns = zip(*((*key, *judged[key]) for key in keys), strict=True)
            cursor.execute(_JUDGE, (*[array(list(column)) for column in columns], generation))
        if lapsed:
            keys = sorted(lapsed)
            columns = zip(*((*key, lapsed[key]) for key in keys), strict=True)
            cursor.execute(_LAPSE, (*[array(list(column)) for column in columns], generation))


def _row(type_: str, data: Mapping[str, Any]) -> tuple[Any, ...]:
    at = next(data[name] for name in _AT if data.get(name))
    subject = next((str(data[name]) for name in _SUBJECT if data.get(name)), "payouts")
    by, reason = data.get("by") or "", data.get("reason")
    rest = (data.get("content_hash"), reason, TAKEN, None, data.get("owner"), data.get("note"))
    return type_, subject, data.get("operator_id"), by, at, *rest
