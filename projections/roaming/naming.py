"""Which tariffs are named by connectors: one that some location named and none does any more is withdrawn."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import stream_of
from projections.roaming.published import all_versions
from projections.roaming.sendable import is_private, tariffs_of, what_it_lacks

LOCATION_PUBLISHED = "location.published"

_KNOWN = """
SELECT operator_id, location_id, tariff_id, until FROM roaming.named_tariff
WHERE (operator_id, location_id) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
"""
_TAKE = """
INSERT INTO roaming.named_tariff (operator_id, location_id, tariff_id, until) VALUES (%s, %s, %s, %s)
ON CONFLICT (operator_id, tariff_id, location_id) DO UPDATE SET until = excluded.until
"""
# Of those that were ever named: null for one that goes on to be, else when the last naming ends.
_UNTIL = """
SELECT operator_id, tariff_id, CASE WHEN count(*) = count(until) THEN max(until) END
FROM roaming.named_tariff
WHERE (operator_id, tariff_id) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
GROUP BY operator_id, tariff_id
"""


def take_names(cursor: Cursor[TupleRow], locations: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Note what locations, as (operator, id folded), name by all their versions; the tariffs that it changes for."""
    wanted = sorted(set(locations))
    if not wanted:
        return set()
    streams = {
        key: stream_of(LOCATION_PUBLISHED, {"operator_id": key[0], "location": {"id": key[1]}}) for key in wanted
    }
    now = {
        (operator_id, location_id, tariff_id): until
        for (operator_id, location_id), versions in all_versions(cursor, streams, (LOCATION_PUBLISHED,)).items()
        for tariff_id, until in _named_until(versions).items()
    }
    columns = ([operator_id for operator_id, _ in wanted], [id_ for _, id_ in wanted])
    known = {(row[0], row[1], row[2]): row[3] for row in cursor.execute(_KNOWN, columns)}
    changed = [key for key, until in now.items() if key not in known or known[key] != until]
    cursor.executemany(_TAKE, [(*key, now[key]) for key in changed])
    return {(operator_id, tariff_id) for operator_id, _, tariff_id in changed}


def named_until(
    cursor: Cursor[TupleRow], tariffs: Iterable[tuple[str, str]]
) -> Mapping[tuple[str, str], datetime | None]:
    """Of some tariffs, as (operator, id folded), those ever named, and when nothing does any more (None: never)."""
    wanted = sorted(set(tariffs))
    columns = ([operator_id for operator_id, _ in wanted], [id_ for _, id_ in wanted])
    return {(row[0], row[1]): row[2] for row in cursor.execute(_UNTIL, columns)}


def _named_until(versions: Sequence[tuple[datetime, Mapping[str, Any]]]) -> dict[str, datetime | None]:
    # One that cannot be sent changes nothing of what is seen; a private one names nothing.
    seen = [(start, data["location"]) for start, data in versions if what_it_lacks(data["location"]) is None]
    found: dict[str, datetime | None] = {}
    for place, (_, location) in enumerate(seen):
        ends = seen[place + 1][0] if place + 1 < len(seen) else None
        found |= dict.fromkeys(() if is_private(location) else tariffs_of(location), ends)
    return found
