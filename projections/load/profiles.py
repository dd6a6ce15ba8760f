"""Who gets what at a site and why, now and by every command, as the service that steers sites wrote it.

Currents are whole tenths of an ampere per phase.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

_SITE = """
SELECT operator_id, location_id, measured_at, measured_w, measured_a FROM load.site
WHERE operator_id = %s AND location_key = %s
"""
_CARS = """
SELECT session_id, evse_uid, started_at, limit_a, phases, why, valid_from, answer, drawn_a, drawn_at, may_draw_a
FROM load.car WHERE operator_id = %s AND location_key = %s ORDER BY session_id
"""
_PROFILES = """
SELECT session_id, valid_from, operator_id, location_key, evse_uid, command_id, limit_a, phases, valid_to, why,
       answer, answered_at
FROM load.profile
WHERE operator_id = %(operator_id)s AND location_key = %(location_key)s
  AND (%(session_id)s::text IS NULL OR session_id = %(session_id)s)
  AND (%(since)s::timestamptz IS NULL OR valid_from >= %(since)s)
  AND (%(before)s::timestamptz IS NULL OR valid_from < %(before)s)
  AND (%(after_at)s::timestamptz IS NULL OR (valid_from, session_id) < (%(after_at)s, %(after_session)s))
ORDER BY valid_from DESC, session_id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class CarNow:
    """A session that is not over: what it was told last, and what came of it.

    `why` is `MAXIMUM`, `SATISFIED`, `PAUSED` or `LIMITED:CIRCUIT`; `answer` is `ACCEPTED`, `REJECTED`,
    `NOT_SUPPORTED`, `TIMEOUT`, or `WAITING` where there is none. `drawn_a` is what it drew by its last reading,
    `may_draw_a` the most that it is counted at. All that it was told is None before it was told anything.
    """

    session_id: str
    evse_uid: str
    started_at: datetime
    limit_a: int | None
    phases: int | None
    why: str | None
    valid_from: datetime | None
    answer: str | None
    drawn_a: int | None
    drawn_at: datetime | None
    may_draw_a: int | None


@dataclass(frozen=True, slots=True)
class SiteNow:
    """A site: what its meter read last, in W and by phase, and its cars. Without a meter that is None."""

    operator_id: str
    location_id: str
    measured_at: datetime | None
    measured_w: int | None
    measured_a: Sequence[int] | None
    cars: Sequence[CarNow] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """A command as it was told, and its answer, if there is one."""

    session_id: str
    valid_from: datetime
    operator_id: str
    location_key: str
    evse_uid: str
    command_id: str
    limit_a: int
    phases: int
    valid_to: datetime
    why: str
    answer: str | None
    answered_at: datetime | None


class ProfileFilter(NamedTuple):
    """Which commands: of a site, of one of its sessions, of a span of time."""

    operator_id: str
    location_id: str
    session_id: str | None = None
    since: datetime | None = None
    before: datetime | None = None


def site_now(cursor: Cursor[TupleRow], operator_id: str, location_id: str) -> SiteNow | None:
    """A site and who gets what there; None where nobody charged and nothing was limited or measured yet."""
    key = (operator_id, location_id.casefold())
    row = cursor.execute(_SITE, key).fetchone()
    if row is None:
        return None
    with cursor.connection.cursor(row_factory=class_row(CarNow)) as rows:
        cars = rows.execute(_CARS, key).fetchall()
    operator, location, measured_at, measured_w, measured_a = row
    return SiteNow(operator, location, measured_at, measured_w, measured_a, cars)


def profiles(
    cursor: Cursor[TupleRow], wanted: ProfileFilter, limit: int | None = None, after: Sequence[Any] | None = None
) -> list[Profile]:
    """Commands of a filter, the newest first, behind a key of (valid from, session)."""
    after_at, after_session = after or (None, None)
    names: dict[str, Any] = wanted._asdict() | {"after_at": after_at, "after_session": after_session, "limit": limit}
    names["location_key"] = wanted.location_id.casefold()
    with cursor.connection.cursor(row_factory=class_row(Profile)) as rows:
        return rows.execute(_PROFILES, names).fetchall()
