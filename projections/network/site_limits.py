"""What sites may draw: every version that was told, and which of them are in force at a moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import instant, utc_text, zone
from domain.load.limits import Version, latest
from domain.load.messages import microseconds, version_of
from ledger.arrays import columns
from projections.network.asked import Site
from projections.network.batch import Batch, NetworkEvent

_SET = "site.limit_set"

# A set of versions, each once: it is named by its message.
_PUT = """
INSERT INTO projection.site_limit_row (generation, operator_id, location_key, source, id, location_id, told_at,
                                       effective_from, effective_to, mode, reason, step_a, circuits)
SELECT %s, told.*
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[],
            %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::json[]) AS told
ON CONFLICT DO NOTHING
"""
_VERSIONS: LiteralString = """
SELECT operator_id, location_key, told_at, source, id, effective_from, effective_to, reason, mode, step_a, circuits
FROM projection.site_limits
WHERE (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
  AND (%(location_key)s::text IS NULL OR location_key = %(location_key)s)
ORDER BY operator_id, location_key, effective_from, told_at, source, id
"""
# A site that was published, at which a session was, or of which a limit was told; by operator.
_SITES: LiteralString = """
WITH named AS (
    SELECT operator_id, location_key, location_id, time_zone, 0 AS rank FROM projection.sites
    UNION ALL
    SELECT operator_id, location_key, location_id, NULL, 1 FROM projection.site_limits
)
SELECT DISTINCT ON (named.operator_id) named.operator_id, named.location_key, named.location_id,
       coalesce(named.time_zone, operator.time_zone, 'UTC')
FROM named
LEFT JOIN projection.sites AS operator ON operator.operator_id = named.operator_id AND operator.location_key = ''
WHERE named.location_key = %(location_key)s AND named.location_key <> ''
  AND (%(operator_id)s::text IS NULL OR named.operator_id = %(operator_id)s)
ORDER BY named.operator_id, rank, named.location_id
"""


@dataclass(frozen=True, slots=True)
class ToldLimit:
    """A version of what a site may draw: when it was told, its data as it was, and the same as the rule has it."""

    told_at: datetime
    data: Mapping[str, Any]
    version: Version


@dataclass(frozen=True, slots=True)
class SiteLimits:
    """The part of `network` that keeps each version of what a site may draw."""

    topics: frozenset[str] = frozenset({_SET})
    tables: tuple[str, ...] = ("site_limit_row",)

    def apply(self, cursor: Cursor[TupleRow], generation: int, batch: Batch) -> None:
        """Put the versions of a set, in any order."""
        versions = {row[:4]: row for row in map(_row, batch.of(_SET))}
        if versions:
            cursor.execute(_PUT, (generation, *columns(versions[key] for key in sorted(versions))))


def _row(event: NetworkEvent) -> tuple[Any, ...]:
    body, data = event.body, event.body["data"]
    until, step_a = data.get("effective_to"), data.get("step_a")
    return (
        data["operator_id"],
        data["location_id"].casefold(),
        body["source"],
        body["id"],
        data["location_id"],
        datetime.fromisoformat(body["time"]),
        instant(data["effective_from"]),
        None if until is None else instant(until),
        data["mode"],
        data["reason"],
        None if step_a is None else str(step_a),
        orjson.dumps(data["circuits"]).decode(),
    )


def limits_told(
    cursor: Cursor[TupleRow], operator_id: str | None = None, location_key: str | None = None
) -> dict[tuple[str, str], list[ToldLimit]]:
    """Every version of the limits of sites, by operator and id of the site without case."""
    found: dict[tuple[str, str], list[ToldLimit]] = {}
    names = {"operator_id": operator_id, "location_key": location_key}
    for operator, key, *row in cursor.execute(_VERSIONS, names).fetchall():
        found.setdefault((operator, key), []).append(_told(*row))
    return found


def in_force(told: Sequence[ToldLimit], at: datetime) -> list[ToldLimit]:
    """Of each reason the limit that counts at a moment, by reason; all of them have to be kept."""
    counting = latest((each.version for each in told), microseconds(at))
    return [next(each for each in told if each.version is counting[reason]) for reason in sorted(counting)]


def sites_named(cursor: Cursor[TupleRow], location_id: str, operator_id: str | None = None) -> list[Site]:
    """The sites of that id, which each operator may have one of."""
    names = {"operator_id": operator_id, "location_key": location_id.casefold()}
    rows = cursor.execute(_SITES, names).fetchall()
    return [Site(operator, key, location_id, zone(name)) for operator, key, location_id, name in rows]


def _told(
    told_at: datetime, source: str, id_: str, effective_from: datetime, effective_to: datetime | None, *terms: Any
) -> ToldLimit:
    ends = {"effective_from": effective_from, "effective_to": effective_to}
    data = {name: None if at is None else utc_text(at) for name, at in ends.items()}
    data |= zip(("reason", "mode", "step_a", "circuits"), terms, strict=True)
    return ToldLimit(told_at, data, version_of(data, told_at, source, id_))
