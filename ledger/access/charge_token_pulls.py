"""Which partner's list of tokens is to be pulled next, and by whom: one process at a time has one partner's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

# Who has taken one says so again with each page; who does not is gone, and another may take it.
LEASE = timedelta(minutes=2)
EVERY = timedelta(days=1)
_AGAIN_MIN, _AGAIN_MAX = timedelta(minutes=1), timedelta(hours=1)

# A partner that has connected is due at once, one that does not answer after a while.
_DUE = """
SELECT partner.party FROM access.ocpi_partner AS partner
LEFT JOIN access.charge_token_pull AS pull ON pull.connection = partner.party
WHERE partner.state = 'CONNECTED'
  AND (pull.connection IS NULL OR (pull.next_at <= clock_timestamp() AND coalesce(pull.until, '-infinity') < now()))
ORDER BY pull.next_at NULLS FIRST LIMIT %s
"""
_TAKE = """
INSERT INTO access.charge_token_pull AS pull (connection, next_at, until, begun_at)
SELECT party, clock_timestamp(), clock_timestamp() + %(lease)s, clock_timestamp() FROM access.ocpi_partner
WHERE party = %(connection)s AND state = 'CONNECTED'
ON CONFLICT (connection) DO UPDATE
SET until = excluded.until, begun_at = excluded.begun_at, seen = 0, refused = 0
WHERE coalesce(pull.until, '-infinity') < clock_timestamp() AND (%(at_once)s OR pull.next_at <= clock_timestamp())
"""
_GO_ON = """
UPDATE access.charge_token_pull SET until = clock_timestamp() + %s, seen = %s, refused = %s
WHERE connection = %s
"""
_DONE = """
UPDATE access.charge_token_pull
SET until = NULL, done_at = clock_timestamp(), next_at = clock_timestamp() + %s, failures = 0, reason = %s
WHERE connection = %s
"""
_FAILED = """
UPDATE access.charge_token_pull
SET until = NULL, failures = failures + 1, reason = %(reason)s,
    next_at = clock_timestamp() + least(%(min)s * power(2, least(failures, 20)), %(max)s) * (0.75 + random() / 2)
WHERE connection = %(connection)s
"""
_GIVE_BACK = "UPDATE access.charge_token_pull SET until = NULL WHERE connection = ANY(%s)"
_FIND = """
SELECT connection, next_at, begun_at, done_at, coalesce(until, '-infinity') > now() AS under_way,
    seen, refused, reason
FROM access.charge_token_pull WHERE connection = %s
"""


@dataclass(frozen=True, slots=True)
class Pull:
    """How far a partner's list is: `seen` and `refused` tokens of the last time, and why it ended early."""

    connection: str
    next_at: datetime
    begun_at: datetime | None
    done_at: datetime | None
    under_way: bool
    seen: int
    refused: int
    reason: str | None


def due(cursor: Cursor[TupleRow], limit: int) -> list[str]:
    """Partners whose list is to be pulled now and that nobody is at."""
    return [str(party) for (party,) in cursor.execute(_DUE, (limit,)).fetchall()]


def take(cursor: Cursor[TupleRow], connection: str, *, at_once: bool = False) -> bool:
    """Whether a list is ours to pull from here on; `at_once` where it is not due, too."""
    given = {"connection": connection, "lease": LEASE, "at_once": at_once}
    return cursor.execute(_TAKE, given).rowcount == 1


def go_on(cursor: Cursor[TupleRow], connection: str, seen: int, refused: int) -> None:
    """Another page is kept."""
    cursor.execute(_GO_ON, (LEASE, seen, refused, connection))


def done(cursor: Cursor[TupleRow], connection: str, reason: str | None = None) -> None:
    """The whole list is kept, or there is none, for a `reason`: again in a day."""
    cursor.execute(_DONE, (EVERY, reason, connection))


def failed(cursor: Cursor[TupleRow], connection: str, reason: str) -> None:
    """It ended early: again after a minute, twice as long after each failure, an hour at most."""
    given = {"connection": connection, "reason": reason, "min": _AGAIN_MIN, "max": _AGAIN_MAX}
    cursor.execute(_FAILED, given)


def give_back(cursor: Cursor[TupleRow], connections: Sequence[str]) -> None:
    """Lists that were ours and are not pulled any more: whoever is next begins them anew."""
    cursor.execute(_GIVE_BACK, (list(connections),))


def find(cursor: Cursor[TupleRow], connection: str) -> Pull | None:
    """How far a partner's list is; None where it was never begun."""
    with cursor.connection.cursor(row_factory=class_row(Pull)) as rows:
        return rows.execute(_FIND, (connection,)).fetchone()
