"""CDRs that partners have answered: what can be read back, what people have sent again, how many there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

from domain.calendar import utc_text
from projections.roaming.deliveries import LEASE, waiting_to_be_told

# Accepted CDRs, newest answer first, behind one that was read before; party by party, as the index has their order.
_ACCEPTED = """
SELECT kept.partner, kept.object_id, kept.operator_id, kept.cdr_id, kept.answered_at, kept.location_url,
       CASE WHEN %(newer)s THEN coalesce(object.document_2_3_0, object.document) ELSE object.document END AS document
FROM (
    SELECT picked.* FROM roaming.recipient AS recipient
    CROSS JOIN LATERAL (
        SELECT * FROM roaming.delivery AS one
        WHERE one.partner = recipient.partner AND one.state = 'ACCEPTED' AND one.answered_at >= %(since)s
          AND one.answered_at <= coalesce(%(at)s::timestamptz, 'infinity')
          AND (%(at)s::timestamptz IS NULL
               OR (one.answered_at, one.partner, one.object_id, one.operator_id)
                   < (%(at)s, %(partner)s::text, %(object_id)s::text, %(operator_id)s::text))
        ORDER BY one.answered_at DESC, one.object_id DESC, one.operator_id DESC
        LIMIT %(limit)s
    ) AS picked
    WHERE recipient.connection = %(connection)s
    ORDER BY picked.answered_at DESC, picked.partner DESC, picked.object_id DESC, picked.operator_id DESC
    LIMIT %(limit)s
) AS kept
JOIN roaming.object ON (object.module, object.partner, object.operator_id, object.object_id)
    = ('cdrs', kept.partner, kept.operator_id, kept.object_id)
ORDER BY kept.answered_at DESC, kept.partner DESC, kept.object_id DESC, kept.operator_id DESC
"""
_READ_BACK = """
UPDATE roaming.delivery AS known SET read_back = true
FROM unnest(%s::text[], %s::text[], %s::text[]) AS read (partner, object_id, operator_id)
WHERE (known.partner, known.object_id, known.operator_id) = (read.partner, read.object_id, read.operator_id)
  AND known.read_back IS NOT TRUE
"""
_EVER_READ_BACK = """
SELECT EXISTS (
    SELECT FROM roaming.recipient AS recipient
    CROSS JOIN LATERAL (
        SELECT FROM roaming.delivery WHERE delivery.partner = recipient.partner AND delivery.read_back LIMIT 1
    ) AS any_of_it
    WHERE recipient.connection = %s
)
"""
# One that is on its way stays so, and an answer that the book does not know yet comes first.
_ORDER: LiteralString = """
WITH wanted AS (
    SELECT object.partner, object.object_id, object.operator_id, object.created,
           convert_from(object.document, 'UTF8')::jsonb AS cdr
    FROM roaming.object
    WHERE object.module = 'cdrs' AND object.last_updated >= %(since)s
      AND object.partner IN (SELECT partner FROM roaming.recipient WHERE connection = %(connection)s)
), lost AS (
    INSERT INTO roaming.delivery (partner, object_id, operator_id, session_id, cdr_id, created, orders, ordered_at)
    SELECT partner, object_id, operator_id, cdr ->> 'session_id', cdr ->> 'id', created, 1, clock_timestamp()
    FROM wanted
    ON CONFLICT DO NOTHING
    RETURNING partner
), again AS (
    UPDATE roaming.delivery AS known
    SET state = 'WAITING', orders = orders + 1, ordered_at = clock_timestamp(), attempts = 0, first_at = NULL,
        next_at = clock_timestamp(), answered_at = NULL, told = NULL, reason = NULL
    FROM wanted
    WHERE (known.partner, known.object_id, known.operator_id)
        = (wanted.partner, wanted.object_id, wanted.operator_id)
      AND (known.state = 'EXPIRED' OR known.told IS NOT NULL)
    RETURNING known.partner
), hurried AS (
    UPDATE roaming.delivery AS known SET next_at = clock_timestamp()
    FROM wanted
    WHERE (known.partner, known.object_id, known.operator_id)
        = (wanted.partner, wanted.object_id, wanted.operator_id)
      AND known.state = 'WAITING' AND known.next_at > clock_timestamp() + %(lease)s
    RETURNING known.partner
)
SELECT (SELECT count(*) FROM lost) + (SELECT count(*) FROM again), (SELECT count(*) FROM hurried),
       (SELECT count(*) FROM wanted), pg_notify('roaming_push', %(connection)s)
"""
_STATES = """
SELECT state, count(*) FROM roaming.delivery
WHERE partner = ANY (ARRAY(
    SELECT partner FROM roaming.recipient WHERE connection = %(connection)s UNION SELECT %(connection)s
))
GROUP BY state ORDER BY state
"""
_EXPIRED = """
SELECT 'cdrs', operator_id, cdr_id, partner, since, coalesce(reason, '') FROM roaming.delivery
WHERE state = 'EXPIRED' ORDER BY operator_id, created
"""
# Connections of which a check is due, of those that accepted anything more than an hour ago.
_TO_CHECK = """
SELECT DISTINCT recipient.connection FROM roaming.recipient AS recipient
CROSS JOIN LATERAL (
    SELECT FROM roaming.delivery
    WHERE delivery.partner = recipient.partner AND delivery.state = 'ACCEPTED'
      AND delivery.answered_at < clock_timestamp() - interval '1 hour'
    LIMIT 1
) AS any_of_it
WHERE NOT EXISTS (
    SELECT FROM roaming.gap_check
    WHERE gap_check.connection = recipient.connection AND gap_check.next_at > clock_timestamp()
)
"""
_BEGUN = """
INSERT INTO roaming.gap_check AS known (connection, next_at) VALUES (%s, clock_timestamp() + %s)
ON CONFLICT (connection) DO UPDATE SET next_at = excluded.next_at
"""
_CHECKED = """
UPDATE roaming.gap_check SET next_at = clock_timestamp() + %s, at = clock_timestamp(), said = %s WHERE connection = %s
"""
_LAST_CHECK = "SELECT at, said FROM roaming.gap_check WHERE connection = %s"


@dataclass(frozen=True, slots=True)
class AcceptedCdr:
    """A CDR that its partner accepted, where it said that it can be read, and the JSON of the partner's version."""

    partner: str
    object_id: str
    operator_id: str
    cdr_id: str
    answered_at: datetime
    location_url: str | None
    document: bytes


@dataclass(frozen=True, slots=True)
class Ordered:
    """How many CDRs are sent again, how many that waited are sent sooner, and how many there are of that time."""

    again: int
    sooner: int
    of: int


def accepted(
    cursor: Cursor[TupleRow],
    connection: str,
    since: datetime,
    limit: int,
    *,
    newer: bool,
    behind: AcceptedCdr | None = None,
) -> list[AcceptedCdr]:
    """CDRs that a connection accepted since a moment, newest first, from behind one that was read before."""
    given: dict[str, Any] = {"connection": connection, "since": since, "limit": limit, "newer": newer}
    given |= {"at": behind and behind.answered_at, "partner": behind and behind.partner}
    given |= {"object_id": behind and behind.object_id, "operator_id": behind and behind.operator_id}
    with cursor.connection.cursor(row_factory=class_row(AcceptedCdr)) as rows:
        return rows.execute(_ACCEPTED, given).fetchall()


def could_be_read_back(cursor: Cursor[TupleRow], cdrs: Sequence[AcceptedCdr]) -> None:
    """Note that these could be read back."""
    if cdrs:
        keys = sorted((each.partner, each.object_id, each.operator_id) for each in cdrs)
        cursor.execute(_READ_BACK, [list(column) for column in zip(*keys, strict=True)])


def ever_read_back(cursor: Cursor[TupleRow], connection: str) -> bool:
    """Whether any CDR could ever be read back from a connection."""
    return cursor.execute(_EVER_READ_BACK, (connection,)).fetchone() == (True,)


def order(cursor: Cursor[TupleRow], connection: str, since: datetime) -> Ordered:
    """Have the CDRs sent again that became visible since a moment, whatever was answered; wakes who pushes.

    Those whose answer the book does not know yet are left out, and tried by who asks again.
    """
    given = {"connection": connection, "since": since, "lease": LEASE}
    row = cursor.execute(_ORDER, given).fetchone()
    assert row is not None
    return Ordered(row[0], row[1], row[2])


def document(cursor: Cursor[TupleRow], connection: str) -> dict[str, Any]:
    """How many CDRs of a connection are in each state, and what was found when they were last read back."""
    rows = cursor.execute(_STATES, {"connection": connection}).fetchall()
    at, found = cursor.execute(_LAST_CHECK, (connection,)).fetchone() or (None, None)
    untold, oldest = waiting_to_be_told(cursor, connection)
    return {
        "deliveries": {str(state): int(number) for state, number in rows},
        "untold": untold,
        "untold_since": utc_text(oldest.replace(microsecond=0)) if oldest is not None else None,
        "checked_at": utc_text(at.replace(microsecond=0)) if at is not None else None,
        "found": found,
    }


def given_up(cursor: Cursor[TupleRow]) -> list[dict[str, Any]]:
    """CDRs that are tried no more, listed as what is withheld."""
    names = ("module", "operator_id", "object_id", "partner", "since", "reason")
    rows = cursor.execute(_EXPIRED).fetchall()
    return [dict(zip(names, (*first, utc_text(since), reason), strict=True)) for *first, since, reason in rows]


def to_check(cursor: Cursor[TupleRow]) -> list[str]:
    """The connections of which CDRs are to be read back by now."""
    return [connection for (connection,) in cursor.execute(_TO_CHECK)]


def last_check(cursor: Cursor[TupleRow], connection: str) -> datetime | None:
    """When a check was last finished."""
    row = cursor.execute(_LAST_CHECK, (connection,)).fetchone()
    return row[0] if row is not None else None


def check_begun(cursor: Cursor[TupleRow], connection: str, again: timedelta) -> None:
    """A check has begun; one that comes to no end is made again after a while."""
    cursor.execute(_BEGUN, (connection, again))


def checked(cursor: Cursor[TupleRow], connection: str, said: str, again: timedelta) -> None:
    """Keep what a check found, in words, and when the next one is due."""
    cursor.execute(_CHECKED, (again, said, connection))
