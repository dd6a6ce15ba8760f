"""Uptime of EVSEs in any window, from the rows that say when each was in which state, silent, and explained."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import zone
from domain.network.contacts import Silence
from domain.network.moments import microsecond_of
from domain.network.states import Stretch, Told, history
from domain.network.uptime import Explanation, Life, Uptime, uptime
from ledger.arrays import array
from projections.network.asked import Asked
from projections.network.contact_days import DAY_US

Key: TypeAlias = tuple[str, str]

# EVSEs that are asked for, with the zone of their site, or of their operator where the site has none.
_EVSES = """
SELECT evse.operator_id, evse.evse_key, evse.evse_uid, evse.location_id, evse.first_us, evse.status, evse.last_us,
       evse.interval_s, coalesce(site.time_zone, operator.time_zone, 'UTC')
FROM projection.evses AS evse
LEFT JOIN projection.sites AS site
  ON (site.operator_id, site.location_key) = (evse.operator_id, evse.location_key)
LEFT JOIN projection.sites AS operator ON (operator.operator_id, operator.location_key) = (evse.operator_id, '')
WHERE (%(operator_id)s::text IS NULL OR evse.operator_id = %(operator_id)s)
  AND (%(location_key)s::text IS NULL OR evse.location_key = %(location_key)s)
  AND (%(evse_key)s::text IS NULL OR evse.evse_key = %(evse_key)s)
  AND evse.first_us < %(until)s
ORDER BY evse.operator_id, evse.location_id, evse.evse_uid, evse.evse_key
"""
# Of each EVSE the status that rules at the beginning of its window, and where another state begins within it.
_STATUSES = """
SELECT named.operator_id, named.evse_key, status.at_us, status.source, status.id, status.status, status.error_code
FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[]) AS named (operator_id, evse_key, begin_us, end_us)
CROSS JOIN LATERAL (
    (
        SELECT at_us, source, id, status, error_code FROM projection.evse_statuses AS told
        WHERE told.operator_id = named.operator_id AND told.evse_key = named.evse_key AND told.turns
          AND told.at_us <= named.begin_us
        ORDER BY at_us DESC, source DESC, id DESC LIMIT 1
    ) UNION ALL (
        SELECT at_us, source, id, status, error_code FROM projection.evse_statuses AS told
        WHERE told.operator_id = named.operator_id AND told.evse_key = named.evse_key AND told.turns
          AND told.at_us > named.begin_us AND told.at_us < named.end_us
    )
) AS status
"""
# Silences that meet each window: those that ended in its days, and the next one after them.
_SILENCES = """
SELECT named.operator_id, named.evse_key, quiet.silences
FROM unnest(%s::text[], %s::text[], %s::int[], %s::int[]) AS named (operator_id, evse_key, first_day, last_day)
CROSS JOIN LATERAL (
    (
        SELECT silences FROM projection.evse_contacts AS contact
        WHERE contact.operator_id = named.operator_id AND contact.evse_key = named.evse_key
          AND (silences <> '{}' OR missing <> '{}') AND silences <> '{}'
          AND day BETWEEN named.first_day AND named.last_day
    ) UNION ALL (
        SELECT silences FROM projection.evse_contacts AS contact
        WHERE contact.operator_id = named.operator_id AND contact.evse_key = named.evse_key
          AND (silences <> '{}' OR missing <> '{}') AND silences <> '{}'
          AND day > named.last_day
        ORDER BY day LIMIT 1
    )
) AS quiet
"""
_EXPLANATIONS = """
SELECT named.operator_id, named.evse_key, told.begin_us, told.end_us, told.cause, told.evidence
FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[]) AS named (operator_id, evse_key, begin_us, end_us)
JOIN projection.evse_explanations AS told
  ON (told.operator_id, told.evse_key) = (named.operator_id, named.evse_key)
 AND told.begin_us < named.end_us AND told.end_us > named.begin_us
"""


class Said(NamedTuple):
    """A status as it was told, and the error with it."""

    status: str
    error_code: str | None


class EvseUptime(NamedTuple):
    """An EVSE, its figures in the window that was asked for, and what was known of it.

    `status` is the newest that was told.
    """

    operator_id: str
    location_id: str
    evse_uid: str
    time_zone: ZoneInfo
    status: str | None
    life: Life
    uptime: Uptime
    said: Sequence[tuple[int, Said]]

    def status_at(self, at: int) -> Said | None:
        """The status with which the state began that an EVSE was in at a moment of its window; None before any."""
        place = bisect_right(self.said, at, key=lambda each: each[0])
        return self.said[place - 1][1] if place else None


@dataclass(slots=True)
class _Known:
    """What the rows say of one EVSE that is of concern in its window [begin, end)."""

    row: TupleRow
    begin: int
    end: int
    told: list[tuple[Told, str | None]] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)
    explanations: list[Explanation] = field(default_factory=list)

    def life(self, until: int) -> Life:
        first, last, interval_s = self.row[4], self.row[6], self.row[7]
        statuses: Sequence[Stretch] = history((told for told, _ in self.told), min(until, self.end))
        return Life(first, until, statuses, self.silences, last, interval_s, self.explanations)


def uptimes(cursor: Cursor[TupleRow], asked: Asked, until: datetime, evse_uid: str | None = None) -> list[EvseUptime]:
    """The uptime of each EVSE that is asked for and was heard before `until`, by operator, location and uid.

    In a window that begins with its first message and ends with what is known where nothing else is asked for.

    `until` is the horizon: what is known goes up to there. Those whose window has not begun by then are left out.
    """
    horizon = microsecond_of(until)
    known = _evses(cursor, asked, evse_uid, horizon)
    if not known:
        return []
    _fill(cursor, known)
    found = []
    for each in known.values():
        operator_id, _, uid, location_id, _, status, _, _, zone_name = each.row
        life = each.life(horizon)
        figures = uptime(life, each.begin, each.end)
        said = [(told.at, Said(told.status, error_code)) for told, error_code in sorted(each.told)]
        found.append(EvseUptime(operator_id, location_id, uid, zone(zone_name), status, life, figures, said))
    return found


def _evses(cursor: Cursor[TupleRow], asked: Asked, evse_uid: str | None, horizon: int) -> dict[Key, _Known]:
    question: Mapping[str, Any] = {
        "operator_id": asked.operator_id,
        "location_key": asked.location_id.casefold() if asked.location_id is not None else None,
        "evse_key": evse_uid.casefold() if evse_uid is not None else None,
        "until": horizon,
    }
    found: dict[Key, _Known] = {}
    for row in cursor.execute(_EVSES, question, binary=True):
        time_zone = zone(row[8])
        since, before = asked.begin(time_zone), asked.before(time_zone)
        begin = row[4] if since is None else max(row[4], microsecond_of(since))
        end = horizon if before is None else min(horizon, microsecond_of(before))
        if begin < end:
            found[row[0], row[1]] = _Known(row, begin, end)
    return found


def _fill(cursor: Cursor[TupleRow], known: Mapping[Key, _Known]) -> None:
    operators, keys = (array([key[part] for key in known]) for part in range(2))
    begins, ends = array([each.begin for each in known.values()]), array([each.end for each in known.values()])
    window = (operators, keys, begins, ends)
    for operator_id, key, *status, error_code in cursor.execute(_STATUSES, window, binary=True):
        known[operator_id, key].told.append((Told(*status), error_code))
    days = (array([edge // DAY_US for edge in edges]) for edges in _edges(known))
    for operator_id, key, silences in cursor.execute(_SILENCES, (operators, keys, *days), binary=True):
        known[operator_id, key].silences += [Silence(*silences[at : at + 3]) for at in range(0, len(silences), 3)]
    for operator_id, key, *explanation in cursor.execute(_EXPLANATIONS, window, binary=True):
        known[operator_id, key].explanations.append(Explanation(*explanation))


def _edges(known: Mapping[Key, _Known]) -> tuple[list[int], list[int]]:
    return [each.begin for each in known.values()], [each.end for each in known.values()]
