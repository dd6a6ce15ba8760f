"""EVSEs with when they were in service, in which zone their days are, and what power is published for them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import zone
from domain.exact import Exact, exact
from domain.network.spans import Span, united, without

# EVSEs that were heard, each with the zone of its site's days and the powers that are published there.
_EVSES = """
SELECT place.operator_id, place.location_key, place.evse_key, place.location_id, place.evse_uid, place.first_us,
       zones.time_zone
FROM projection.evse_places AS place
LEFT JOIN projection.site_zones AS zones USING (operator_id, location_key)
WHERE (%(operator_id)s::text IS NULL OR place.operator_id = %(operator_id)s)
  AND (%(location_key)s::text IS NULL OR place.location_key = %(location_key)s)
  AND (%(evse_key)s::text IS NULL OR place.evse_key = %(evse_key)s)
  AND place.first_us < %(until)s
ORDER BY place.operator_id, place.location_id, place.evse_uid, place.location_key, place.evse_key
"""
# Where no site has a zone yet, days are those of the operator.
_SITES = """
SELECT operator_id, location_key, time_zone, powers::text FROM projection.sites
WHERE %(operator_id)s::text IS NULL OR operator_id = %(operator_id)s
"""
# From when on EVSEs were in another state than before: those that were out of service ever.
_OUT = """
SELECT operator_id, evse_key, at_us, source, id, state = 'OUT_OF_SERVICE'
FROM projection.evse_statuses
WHERE turns AND (operator_id, evse_key) IN (
    SELECT operator_id, evse_key FROM projection.evse_statuses
    WHERE turns AND state = 'OUT_OF_SERVICE'
      AND (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
      AND (%(evse_key)s::text IS NULL OR evse_key = %(evse_key)s)
)
ORDER BY operator_id, evse_key, at_us, source, id
"""


class Served(NamedTuple):
    """An EVSE; `rated_w` is the most that a connector of it gives as published last, None where none is published.

    `key` is its operator, and its location's id and its own without case.
    """

    key: tuple[str, str, str]
    location_id: str
    evse_uid: str
    time_zone: ZoneInfo
    rated_w: Exact | None
    in_service: Sequence[Span]


def served(
    cursor: Cursor[TupleRow], operator_id: str | None, location_id: str | None, evse_uid: str | None, until: int
) -> list[Served]:
    """The EVSEs that are asked for (None: all), in order, with when they were in service up to `until`.

    That is from the first message of any kind on, without PLANNED and REMOVED. Days are those of the site's zone, of
    the operator's where none is published for the site, else UTC's.
    """
    question = {
        "operator_id": operator_id,
        "location_key": location_id.casefold() if location_id is not None else None,
        "evse_key": evse_uid.casefold() if evse_uid is not None else None,
        "until": until,
    }
    evses = cursor.execute(_EVSES, question).fetchall()
    if not evses:
        return []
    zones, powers = _sites(cursor, question)
    out = _out_of_service(cursor, question, until)
    found = []
    for operator, location_key, evse_key, location, uid, first_us, zone_name in evses:
        name = zone_name or zones.get((operator, location_key)) or zones.get((operator, "")) or "UTC"
        in_service = without([(first_us, until)], out.get((operator, evse_key), ()))
        rated_w = powers.get((operator, location_key, evse_key))
        found.append(Served((operator, location_key, evse_key), location, uid, zone(name), rated_w, in_service))
    return found


def _sites(
    cursor: Cursor[TupleRow], question: Mapping[str, Any]
) -> tuple[dict[tuple[str, str], str], dict[tuple[str, str, str], Exact]]:
    """Zones of sites (of operators under ''), and the greatest power of each EVSE as published last."""
    zones: dict[tuple[str, str], str] = {}
    powers: dict[tuple[str, str, str], Exact] = {}
    for operator_id, location_key, time_zone, timeline in cursor.execute(_SITES, question):
        if time_zone:
            zones[operator_id, location_key] = time_zone
        versions = orjson.loads(timeline)
        for uid, _, power_w in versions[-1][1] if versions else ():
            key = (operator_id, location_key, uid)
            powers[key] = max(powers.get(key, 0), exact(power_w))
    return zones, powers


def _out_of_service(
    cursor: Cursor[TupleRow], question: Mapping[str, Any], until: int
) -> dict[tuple[str, str], list[Span]]:
    """When EVSEs were PLANNED or REMOVED; of statuses at one moment the last by (source, id) rules."""
    spans: dict[tuple[str, str], list[Span]] = defaultdict(list)
    since: dict[tuple[str, str], int | None] = {}
    for operator_id, evse_key, at_us, _, _, is_out in cursor.execute(_OUT, question):
        key = (operator_id, evse_key)
        begun = since.get(key)
        if is_out and begun is None:
            since[key] = at_us
        elif not is_out and begun is not None:
            spans[key].append((begun, min(at_us, until)))
            since[key] = None
    for key, begun in since.items():
        if begun is not None and begun < until:
            spans[key].append((begun, until))
    return {key: united(of_key) for key, of_key in spans.items()}
