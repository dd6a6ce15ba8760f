"""CDRs on their way to who pays them: what is due, what became of each attempt, and which answers the book is told.

A row is written with its object, in one transaction. An attempt is written down before it begins, so that whoever
goes on after a crash knows that an answer may have been lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, LiteralString

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

# Of a CDR that nobody answers it is listed, and tried no more, so long after its first attempt.
TRIED_FOR = timedelta(days=7)
# For so long nobody else begins what is on its way: longer than a POST takes, and a read-back by two ways.
LEASE = timedelta(seconds=32)


class DeliveryState(StrEnum):
    """Where a CDR stands: on its way, answered by 1000 or 2xxx, or given up."""

    WAITING = "WAITING"
    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    EXPIRED = "EXPIRED"


_AWAIT = """
INSERT INTO roaming.delivery (partner, object_id, operator_id, session_id, cdr_id, created)
SELECT partner, object_id, operator_id, session_id, cdr_id, created
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
    AS made (partner, operator_id, object_id, session_id, cdr_id)
JOIN roaming.object USING (partner, operator_id, object_id)
WHERE module = 'cdrs'
ORDER BY created
ON CONFLICT DO NOTHING
"""
_WAKE = """
SELECT pg_notify('roaming_push', connection)
FROM (SELECT DISTINCT connection FROM roaming.recipient WHERE partner = ANY(%s)) AS concerned
"""
# Of each session the first that waits, whatever is behind it: a credit CDR before what takes the place of its CDR.
_FIRST_OF_SESSION: LiteralString = """
waiting.state = 'WAITING' AND NOT EXISTS (
    SELECT FROM roaming.delivery AS earlier
    WHERE earlier.state = 'WAITING'
      AND (earlier.partner, earlier.operator_id, earlier.session_id)
        = (waiting.partner, waiting.operator_id, waiting.session_id)
      AND earlier.created < waiting.created
)
"""
# Party by party, since the index has the order of one.
_BEGIN: LiteralString = f"""
WITH due AS (
    SELECT picked.* FROM roaming.recipient AS recipient
    CROSS JOIN LATERAL (
        SELECT waiting.partner, waiting.object_id, waiting.operator_id, waiting.next_at, waiting.created,
               CASE WHEN %(newer)s THEN coalesce(object.document_2_3_0, object.document)
                    ELSE object.document END AS document
        FROM roaming.delivery AS waiting
        JOIN roaming.object ON (object.module, object.partner, object.operator_id, object.object_id)
            = ('cdrs', waiting.partner, waiting.operator_id, waiting.object_id)
        WHERE waiting.partner = recipient.partner AND waiting.next_at <= clock_timestamp() AND {_FIRST_OF_SESSION}
        ORDER BY waiting.next_at, waiting.created
        LIMIT %(limit)s
        FOR UPDATE OF waiting SKIP LOCKED
    ) AS picked
    WHERE recipient.connection = %(connection)s
    ORDER BY picked.next_at, picked.created
    LIMIT %(limit)s
)
UPDATE roaming.delivery AS taken
SET attempts = attempts + 1, first_at = coalesce(first_at, clock_timestamp()), next_at = clock_timestamp() + %(lease)s
FROM due
WHERE (taken.partner, taken.object_id, taken.operator_id) = (due.partner, due.object_id, due.operator_id)
RETURNING taken.partner, taken.object_id, taken.operator_id, taken.created, taken.attempts, taken.orders,
    taken.first_at, taken.accepted_at, taken.location_url, due.document
"""  # noqa: S608 - conditions of ours
# Whatever became of it meanwhile by another way, as by an answer in a file, stays.
_WRITE = """
UPDATE roaming.delivery AS known
SET state = came.state, reason = came.reason, location_url = coalesce(came.location_url, known.location_url),
    read_back = CASE WHEN known.read_back THEN true ELSE coalesce(came.read_back, known.read_back) END,
    next_at = CASE WHEN came.state = 'WAITING' THEN clock_timestamp() + came.pause ELSE known.next_at END,
    answered_at = CASE WHEN came.state IN ('ACCEPTED', 'REFUSED') THEN clock_timestamp() END,
    accepted_at = CASE came.state WHEN 'ACCEPTED' THEN coalesce(known.accepted_at, clock_timestamp())
                                  WHEN 'REFUSED' THEN NULL ELSE known.accepted_at END,
    told = CASE WHEN came.state = 'ACCEPTED' AND known.accepted_at IS NOT NULL THEN clock_timestamp() END
FROM unnest(%s::text[], %s::text[], %s::text[], %s::int[], %s::text[], %s::text[], %s::text[], %s::bool[],
            %s::interval[])
    AS came (partner, object_id, operator_id, orders, state, reason, location_url, read_back, pause)
WHERE (known.partner, known.object_id, known.operator_id, known.orders)
    = (came.partner, came.object_id, came.operator_id, came.orders) AND known.state = 'WAITING'
"""
_NEXT_AT: LiteralString = f"""
SELECT min(first.next_at) FROM roaming.recipient AS recipient
CROSS JOIN LATERAL (
    SELECT waiting.next_at FROM roaming.delivery AS waiting
    WHERE waiting.partner = recipient.partner AND {_FIRST_OF_SESSION}
    ORDER BY waiting.next_at LIMIT 1
) AS first
WHERE recipient.connection = %(connection)s
"""  # noqa: S608 - conditions of ours
# Whether CDRs and their answers were followed up to a position: before, one that was answered may still wait.
_FOLLOWED = "SELECT min(position) >= %s FROM roaming.position WHERE module IN ('answers', 'cdrs')"
_UNTOLD = """
SELECT partner, object_id, operator_id, cdr_id, state, orders, answered_at, reason FROM roaming.delivery
WHERE told IS NULL AND answered_at <= clock_timestamp() - %s
ORDER BY answered_at, partner, object_id, operator_id
LIMIT %s
"""
_WAITING_TO_BE_TOLD = """
SELECT count(*), min(answered_at) FROM roaming.delivery
WHERE told IS NULL AND answered_at IS NOT NULL AND (%(connection)s::text IS NULL OR partner = %(connection)s
    OR partner IN (SELECT partner FROM roaming.recipient WHERE connection = %(connection)s))
"""
_TOLD = """
UPDATE roaming.delivery AS known
SET told = clock_timestamp(), told_partition = at.partition, told_offset = at.record_offset
FROM unnest(%s::text[], %s::text[], %s::text[], %s::int[], %s::text[], %s::int[], %s::bigint[])
    AS at (partner, object_id, operator_id, orders, state, partition, record_offset)
WHERE (known.partner, known.object_id, known.operator_id, known.orders, known.state)
    = (at.partner, at.object_id, at.operator_id, at.orders, at.state)
"""
# What the book knows already: of one that people had sent again only what was said since. A rejection weighs less.
_ANSWERED = """
UPDATE roaming.delivery AS known
SET state = CASE WHEN said.accepted THEN 'ACCEPTED' ELSE 'REFUSED' END,
    answered_at = coalesce(known.answered_at, clock_timestamp()), reason = said.reason,
    accepted_at = CASE WHEN said.accepted THEN coalesce(known.accepted_at, clock_timestamp()) END,
    told = coalesce(known.told, clock_timestamp())
FROM unnest(%s::text[], %s::text[], %s::bool[], %s::text[], %s::timestamptz[])
    AS said (partner, object_id, accepted, reason, at)
WHERE (known.partner, known.object_id) = (said.partner, said.object_id)
  AND (known.ordered_at IS NULL OR said.at >= known.ordered_at)
  AND (CASE WHEN said.accepted THEN known.state <> 'ACCEPTED' OR known.told IS NULL
            ELSE known.state IN ('WAITING', 'EXPIRED') OR (known.state = 'REFUSED' AND known.told IS NULL) END)
"""


@dataclass(frozen=True, slots=True)
class Due:
    """A CDR that is about to be sent; `attempts` counts this one, `document` is the JSON of the partner's version.

    `first_at` is when it was first tried since it was issued or ordered, `accepted_at` since when it stands accepted
    although it is sent again.
    """

    partner: str
    object_id: str
    operator_id: str
    created: int
    attempts: int
    orders: int
    first_at: datetime
    accepted_at: datetime | None
    location_url: str | None
    document: bytes

    @property
    def may_be_there(self) -> bool:
        """Whether the partner may have taken it before: an answer was lost, or it is sent again by order."""
        return self.attempts > 1 or self.orders > 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt; `pause` is how long one that still waits is left alone, `reason` in words.

    `location_url` is absolute, None where there is none; `read_back` says whether the CDR could be read there.
    """

    of: Due
    state: DeliveryState
    reason: str | None = None
    location_url: str | None = None
    read_back: bool | None = None
    pause: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of which the book is to be told; `orders` counts how often it was sent again by order before."""

    partner: str
    object_id: str
    operator_id: str
    cdr_id: str
    state: str
    orders: int
    answered_at: datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class Said:
    """What a stored event says of a CDR: its partner, whether it was accepted, why not, and when it was said."""

    partner: str
    object_id: str
    accepted: bool
    reason: str | None
    at: datetime


def await_answers(cursor: Cursor[TupleRow], cdrs: Sequence[tuple[str, str, str, str, str]]) -> None:
    """Let CDRs wait that became visible just now, and wake who pushes.

    They are partner, operator, folded id, session, and the id as it was issued.
    """
    if cdrs:
        cursor.execute(_AWAIT, [list(column) for column in zip(*cdrs, strict=True)])
        cursor.execute(_WAKE, (sorted({partner for partner, *_ in cdrs}),))


def begin(cursor: Cursor[TupleRow], connection: str, limit: int, *, newer: bool) -> list[Due]:
    """What a connection may be sent now, at most one of each session, in order; each with its attempt written down.

    `newer` asks for documents of OCPI 2.3.0. Nobody else begins them within LEASE.
    """
    given = {"connection": connection, "limit": limit, "newer": newer, "lease": LEASE}
    with cursor.connection.cursor(row_factory=class_row(Due)) as rows:
        return sorted(rows.execute(_BEGIN, given).fetchall(), key=lambda due: due.created)


def write(cursor: Cursor[TupleRow], outcomes: Sequence[Outcome]) -> None:
    """Write down what came of attempts."""
    if not outcomes:
        return
    # In one order, as all writers take their locks.
    inner = sorted(outcomes, key=lambda each: (each.of.partner, each.of.object_id, each.of.operator_id))
    of = [each.of for each in inner]
    columns: list[list[Any]] = [
        [each.partner for each in of],
        [each.object_id for each in of],
        [each.operator_id for each in of],
        [each.orders for each in of],
        [each.state.value for each in inner],
        [each.reason for each in inner],
        [each.location_url for each in inner],
        [each.read_back for each in inner],
        [each.pause for each in inner],
    ]
    cursor.execute(_WRITE, columns)


def next_at(cursor: Cursor[TupleRow], connection: str) -> datetime | None:
    """When anything of a connection is due next, which may be now; None where nothing waits."""
    row = cursor.execute(_NEXT_AT, {"connection": connection}).fetchone()
    return row[0] if row is not None else None


def is_followed(cursor: Cursor[TupleRow], position: int) -> bool:
    """Whether the events up to a position were followed, with all answers that are among them."""
    return cursor.execute(_FOLLOWED, (position,)).fetchone() == (True,)


def untold(cursor: Cursor[TupleRow], limit: int, older: timedelta = timedelta(0)) -> list[Answer]:
    """Answers of which the book is not known to be told, in their order; `older` leaves out newer ones."""
    with cursor.connection.cursor(row_factory=class_row(Answer)) as rows:
        return rows.execute(_UNTOLD, (older, limit)).fetchall()


def waiting_to_be_told(cursor: Cursor[TupleRow], connection: str | None = None) -> tuple[int, datetime | None]:
    """How many answers the book is not known to be told of, and since when; of one connection or all."""
    row = cursor.execute(_WAITING_TO_BE_TOLD, {"connection": connection}).fetchone()
    assert row is not None
    return row[0], row[1]


def told(cursor: Cursor[TupleRow], answers: Sequence[tuple[Answer, int, int]]) -> None:
    """Note that the brokers have these answers, at a partition and an offset each."""
    if not answers:
        return
    inner = sorted(answers, key=lambda each: (each[0].partner, each[0].object_id, each[0].operator_id))
    columns: list[list[Any]] = [
        [each.partner for each, _, _ in inner],
        [each.object_id for each, _, _ in inner],
        [each.operator_id for each, _, _ in inner],
        [each.orders for each, _, _ in inner],
        [each.state for each, _, _ in inner],
        [partition for _, partition, _ in inner],
        [offset for _, _, offset in inner],
    ]
    cursor.execute(_TOLD, columns)


def learn(cursor: Cursor[TupleRow], said: Sequence[Said]) -> None:
    """Note answers that the book knows, however they came to it; of one CDR an acceptance outweighs rejections."""
    known: dict[tuple[str, str], Said] = {}
    for each in said:
        before = known.get((each.partner, each.object_id))
        if before is None or each.accepted or not before.accepted:
            known[each.partner, each.object_id] = each
    if known:
        inner = [known[key] for key in sorted(known)]
        columns: list[list[Any]] = [
            [each.partner for each in inner],
            [each.object_id for each in inner],
            [each.accepted for each in inner],
            [each.reason for each in inner],
            [each.at for each in inner],
        ]
        cursor.execute(_ANSWERED, columns)
