"""Sessions of browsers: by the SHA-256 of a cookie, for 12 hours, and 30 minutes without a request."""

import logging
from dataclasses import dataclass
from datetime import datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.access import people
from ledger.access.duties import Duty
from ledger.access.seals import PERSON_COLUMNS, SealedPerson, seals_of

_log = logging.getLogger(__name__)

LIFETIME_S = 12 * 3600
IDLE_S = 30 * 60

_START = "INSERT INTO access.session (cookie_sha256, person, created_at, seal) VALUES (%s, %s, %s, %s)"
_NOW = "SELECT clock_timestamp()"
# One that is alive, with what its person is by now; and whether it was last seen a minute ago or before.
_ALIVE = f"""
SELECT {PERSON_COLUMNS.replace("seal", "person.seal")}, session.created_at, session.seal,
    last_seen_at < clock_timestamp() - interval '1 minute',
    extract(epoch FROM least(
        session.created_at + make_interval(secs => %(lifetime_s)s), last_seen_at + make_interval(secs => %(idle_s)s)
    ) - clock_timestamp())::float8 AS left_s
FROM access.session JOIN access.person ON person.name = session.person
WHERE cookie_sha256 = %(cookie)s AND ended_at IS NULL AND disabled_at IS NULL
    AND session.created_at > clock_timestamp() - make_interval(secs => %(lifetime_s)s)
    AND last_seen_at > clock_timestamp() - make_interval(secs => %(idle_s)s)
"""  # noqa: S608 - columns of ours
_SEEN = "UPDATE access.session SET last_seen_at = clock_timestamp() WHERE cookie_sha256 = %s"
_END = """
UPDATE access.session SET ended_at = clock_timestamp() WHERE cookie_sha256 = %s AND ended_at IS NULL
"""
# What cannot come alive again.
_PRUNE = "DELETE FROM access.session WHERE created_at < clock_timestamp() - interval '7 days'"


@dataclass(frozen=True, slots=True)
class LiveSession:
    """Whose session it is, and for how many seconds at most unless something comes."""

    name: str
    role: Duty
    operators: tuple[str, ...]
    left_s: float


def start(cursor: Cursor[TupleRow], cookie_sha256: bytes, person: str) -> None:
    """A new session of a person; those of a week ago are forgotten."""
    cursor.execute(_PRUNE)
    now: datetime = (cursor.execute(_NOW).fetchone() or ())[0]
    cursor.execute(_START, (cookie_sha256, person, now, seals_of(cursor).of_session(cookie_sha256, person, now)))


def alive(cursor: Cursor[TupleRow], cookie_sha256: bytes) -> LiveSession | None:
    """The session of a cookie, if it has neither ended nor been idle too long; it has been seen by that.

    That is written once a minute at most, so that a session ends after 29 to 30 minutes without a request.
    """
    row = cursor.execute(_ALIVE, {"cookie": cookie_sha256, "lifetime_s": LIFETIME_S, "idle_s": IDLE_S}).fetchone()
    if row is None:
        return None
    *said, created_at, seal, is_stale, left_s = row
    person = SealedPerson(*said)
    if not people.is_believed(cursor, person):
        return None
    if not seals_of(cursor).believes_session(cookie_sha256, person.name, created_at, seal):
        _log.warning("a session of user %r lets nobody in: it was not sealed as it stands", person.name)
        return None
    if is_stale:
        cursor.execute(_SEEN, (cookie_sha256,))
    return LiveSession(person.name, Duty(person.role), tuple(person.operators), left_s)


def end(cursor: Cursor[TupleRow], cookie_sha256: bytes) -> None:
    """The session of a cookie ends now."""
    cursor.execute(_END, (cookie_sha256,))
