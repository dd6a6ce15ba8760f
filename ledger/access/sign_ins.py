"""Sign-ins that fail: ten of one name within a quarter of an hour, and no more are tried."""

from hashlib import sha256

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.people import folded_name
from ledger.locks import Lock, hold

FAILURES_MAX = 10
WINDOW_S = 15 * 60

# How many there were, and in how many seconds the oldest of the last so many is out of the window.
_RECENT = """
SELECT count(*), coalesce(extract(epoch FROM min(at) + make_interval(secs => %(window_s)s) - clock_timestamp()), 0)
FROM (
    SELECT at FROM access.sign_in_failure
    WHERE name_sha256 = %(name)s AND at > clock_timestamp() - make_interval(secs => %(window_s)s)
    ORDER BY at DESC LIMIT %(max)s
) AS recent
"""
_ADD = "INSERT INTO access.sign_in_failure (name_sha256) VALUES (%s)"
_CLEAR = "DELETE FROM access.sign_in_failure WHERE name_sha256 = %s"
_PRUNE = """
DELETE FROM access.sign_in_failure WHERE at < clock_timestamp() - make_interval(secs => %s)
"""


def attempt(cursor: Cursor[TupleRow], name: str) -> float | None:
    """Count a try as failed before it is made; the seconds to wait, where there were too many already.

    To be committed before the password is looked at: so no number of tries at once gets past the limit.
    """
    key = _digest(name)
    # Those who try stand in one row, however many come at once.
    hold(cursor, Lock.SIGN_IN)
    cursor.execute(_PRUNE, (WINDOW_S,))
    count, wait_s = cursor.execute(_RECENT, {"name": key, "window_s": WINDOW_S, "max": FAILURES_MAX}).fetchone() or (
        0,
        0,
    )
    if count >= FAILURES_MAX:
        return max(1.0, float(wait_s))
    cursor.execute(_ADD, (key,))
    return None


def succeeded(cursor: Cursor[TupleRow], name: str) -> None:
    """Who gave the right password begins anew."""
    cursor.execute(_CLEAR, (_digest(name),))


def _digest(name: str) -> bytes:
    return sha256(folded_name(name).encode("utf-8", "surrogatepass")).digest()
