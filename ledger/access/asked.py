"""Requests that act once: what was answered to an Idempotency-Key, for a week and a day."""

from dataclasses import dataclass

from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.errors import AskedOtherwise

KEPT_DAYS = 8
_PRUNED_AT_ONCE = 1_000

# Takes the key: whoever asks at the same time under the same one waits here for the end of this transaction.
_TAKE = """
INSERT INTO access.asked (principal, key, sha256, status, body) VALUES (%s, %s, %s, 0, '')
ON CONFLICT (principal, key) DO NOTHING
"""
_BEFORE = "SELECT sha256, status, location, body FROM access.asked WHERE principal = %s AND key = %s"
_ANSWER = "UPDATE access.asked SET status = %s, location = %s, body = %s WHERE principal = %s AND key = %s"
_PRUNE = """
DELETE FROM access.asked WHERE (principal, key) IN (
    SELECT principal, key FROM access.asked WHERE at < clock_timestamp() - make_interval(days => %s)
    ORDER BY at LIMIT %s FOR UPDATE SKIP LOCKED
)
"""


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, by which key, and the SHA-256 of what is asked."""

    principal: str
    key: str
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it is kept: without secrets."""

    status: int
    location: str | None
    body: bytes


def take(cursor: Cursor[TupleRow], asking: Asking) -> Answer | None:
    """None where it is asked for the first time, to be done and answered in this transaction; else what was answered.

    Raises AskedOtherwise where something else was asked under the key.
    """
    cursor.execute(_PRUNE, (KEPT_DAYS, _PRUNED_AT_ONCE))
    if cursor.execute(_TAKE, (asking.principal, asking.key, asking.sha256)).rowcount:
        return None
    row = cursor.execute(_BEFORE, (asking.principal, asking.key)).fetchone()
    assert row is not None
    if bytes(row[0]) != asking.sha256:
        raise AskedOtherwise(f"something else was asked under {asking.key!r} before")
    return Answer(row[1], row[2], bytes(row[3]))


def note(cursor: Cursor[TupleRow], asking: Asking, answer: Answer) -> None:
    """Keep the answer to what was taken in this transaction."""
    cursor.execute(_ANSWER, (answer.status, answer.location, answer.body, asking.principal, asking.key))
