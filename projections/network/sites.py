"""Sites as published: where they are on the clock, and which power their connectors can give from when on."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import instant
from domain.catalogue.parties import Location
from domain.catalogue.versions import Version, Versions
from domain.exact import Exact, exact
from domain.network.moments import microsecond_of, moment_of
from domain.network.session_use import UseFacts
from domain.network.spread import Moment
from ledger.arrays import columns as arrays
from projections.network.batch import Batch, NetworkEvent

PUBLISHED, REGISTERED, CHANGED = "location.published", "operator.registered", "operator.changed"
# A site by its operator and its id in lower case; an operator's own contract stands under ''.
Site: TypeAlias = tuple[str, str]
# [EVSE uid, connector id, W] of each connector whose power was published, in order; exact numbers as texts.
Connectors: TypeAlias = list[list[str]]
Timeline: TypeAlias = list[tuple[Moment, Connectors]]

_ADD_VERSIONS = """
INSERT INTO projection.site_version_row (generation, operator_id, location_key, time, source, id, effective_from,
    location_id, time_zone, powers)
SELECT %s, sent.* FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::timestamptz[],
                              %s::text[], %s::text[], %s::json[]) AS sent
ON CONFLICT DO NOTHING
"""
_VERSIONS = """
SELECT kept.operator_id, kept.location_key, time, source, id, effective_from, location_id, time_zone, powers::text
FROM projection.site_version_row AS kept
JOIN unnest(%s::text[], %s::text[]) AS asked (operator_id, location_key) USING (operator_id, location_key)
WHERE generation = %s
"""
_KNOWN = """
SELECT kept.operator_id, kept.location_key, powers::text, location_id
FROM projection.site_row AS kept
JOIN unnest(%s::text[], %s::text[]) AS asked (operator_id, location_key) USING (operator_id, location_key)
WHERE generation = %s
"""
_PUT = """
INSERT INTO projection.site_row (generation, operator_id, location_key, location_id, time_zone, powers)
SELECT %s, sent.* FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::json[]) AS sent
ON CONFLICT (generation, operator_id, location_key) DO UPDATE
SET location_id = excluded.location_id, time_zone = excluded.time_zone, powers = excluded.powers
"""
# Sites that sessions name; of two spellings that nobody published the one that sorts first.
_TELL = """
INSERT INTO projection.site_row AS known (generation, operator_id, location_key, location_id, powers)
SELECT %s, sent.*, '[]' FROM unnest(%s::text[], %s::text[], %s::text[]) AS sent
ON CONFLICT (generation, operator_id, location_key) DO UPDATE SET location_id = excluded.location_id
WHERE known.powers::text = '[]' AND known.location_id > excluded.location_id
"""
# Sessions there that may be judged otherwise by what connectors give from some moment on.
_CONCERNED = """
SELECT session_id FROM projection.session_use_row AS kept
JOIN unnest(%s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[])
    AS asked (operator_id, location_key, since, before) USING (operator_id, location_key)
WHERE generation = %s AND started_at >= since AND started_at < before
"""


@dataclass(frozen=True, slots=True)
class Sites:
    """Keeps all versions of sites and operators, and of each site what follows from all of them."""

    topics: frozenset[str] = frozenset({PUBLISHED, REGISTERED, CHANGED})
    tables: tuple[str, ...] = ("site_row", "site_version_row")

    def apply(self, cursor: Cursor[TupleRow], generation: int, batch: Batch) -> None:
        """Add the versions of a set, and note for the parts behind where connectors give another power by them."""
        rows = [_version_row(event) for event in batch.of(PUBLISHED, REGISTERED, CHANGED)]
        if not rows:
            return
        sites = sorted({(row[0], row[1]) for row in rows})
        asked = (*arrays(sites), generation)
        before = {(row[0], row[1]): _timeline(row[2]) for row in cursor.execute(_KNOWN, asked).fetchall()}
        cursor.execute(_ADD_VERSIONS, (generation, *arrays(rows)))
        found: dict[Site, list[TupleRow]] = {}
        for row in cursor.execute(_VERSIONS, asked).fetchall():
            found.setdefault((row[0], row[1]), []).append(row)
        made = []
        for site in sites:
            timeline, last = _in_effect(found[site])
            made.append((*site, last[6], last[7], orjson.dumps(timeline).decode()))
            span = _differ(before.get(site, []), timeline)
            if span is not None:
                batch.sites[site] = span
        cursor.execute(_PUT, (generation, *arrays(made)))


def _version_row(event: NetworkEvent) -> tuple[Any, ...]:
    """A version as its row has it, but for the generation."""
    data, time = event.body["data"], instant(event.body["time"])
    starts = instant(data["effective_from"]) if "effective_from" in data else time
    whose = (time, event.body["source"], event.body["id"], starts)
    if event.topic != PUBLISHED:
        return (data["operator_id"], "", *whose, "", data.get("time_zone"), "[]")
    location = Location(data["location"])
    location_id = str(data["location"]["id"])
    powers = sorted([*key, str(power_w)] for key, power_w in location.connector_power_w.items())
    zone = data["location"].get("time_zone")
    return (data["operator_id"], location_id.casefold(), *whose, location_id, zone, orjson.dumps(powers).decode())


def _in_effect(rows: Sequence[TupleRow]) -> tuple[Timeline, TupleRow]:
    """From when on which powers are given, by all versions of a site, and the row of the one published last."""
    versions: Versions[TupleRow] = Versions()
    for row in rows:
        versions.add(Version(row[2], row[3], row[4], row[5], row))
    timeline: Timeline = []
    for starts, version in versions.timeline:
        powers = orjson.loads(version.value[8])
        if timeline and timeline[-1][0] == microsecond_of(starts):
            timeline.pop()
        if not timeline or timeline[-1][1] != powers:
            timeline.append((microsecond_of(starts), powers))
    last = versions.latest()
    assert last is not None
    return timeline, last


def _timeline(text: str) -> Timeline:
    return [(at, powers) for at, powers in orjson.loads(text)]


def _differ(before: Timeline, after: Timeline) -> tuple[datetime, datetime | None] | None:
    """From when to when (None: without an end) two timelines differ; None where they do not."""
    moments = sorted({at for at, _ in before} | {at for at, _ in after})
    differing = [index for index, at in enumerate(moments) if _at(before, at) != _at(after, at)]
    if not differing:
        return None
    last = differing[-1] + 1
    return moment_of(moments[differing[0]]), moment_of(moments[last]) if last < len(moments) else None


def _at(timeline: Timeline, moment: Moment) -> Connectors:
    place = bisect_right(timeline, moment, key=lambda each: each[0])
    return timeline[place - 1][1] if place else []


def rejudged(
    cursor: Cursor[TupleRow], generation: int, sites: Mapping[Site, tuple[datetime, datetime | None]]
) -> list[str]:
    """The sessions that began while these sites are now known to have given another power than was known before."""
    if not sites:
        return []
    rows = [
        (*site, since.isoformat(), before.isoformat() if before else "infinity")
        for site, (since, before) in sites.items()
    ]
    return [session_id for (session_id,) in cursor.execute(_CONCERNED, (*arrays(rows), generation)).fetchall()]


class Powers:
    """What connectors of some sites can give, from when on."""

    def __init__(self, timelines: Mapping[Site, Timeline]) -> None:
        self._sites = {
            site: [(at, {(uid, id_): exact(power_w) for uid, id_, power_w in powers}) for at, powers in timeline]
            for site, timeline in timelines.items()
        }

    def of(self, facts: UseFacts) -> Exact | None:
        """The most that a session's connector can give, in W, as published for the session's start, if it was."""
        start = min(facts.starts, default=None)
        if start is None:
            return None
        timeline = self._sites.get((start.operator_id, start.location_id.casefold()), [])
        place = bisect_right(timeline, start.at, key=lambda each: each[0])
        if not place:
            return None
        connector = (start.evse_uid.casefold(), start.connector_id.casefold())
        return timeline[place - 1][1].get(connector)


def powers_of(cursor: Cursor[TupleRow], generation: int, sessions: Iterable[UseFacts]) -> Powers:
    """What the connectors of these sessions can give; sites that nobody knew are kept as they are told."""
    told: dict[Site, str] = {}
    for facts in sessions:
        for start in facts.starts:
            site = (start.operator_id, start.location_id.casefold())
            told[site] = min(told.get(site, start.location_id), start.location_id)
    if not told:
        return Powers({})
    rows = cursor.execute(_KNOWN, (*arrays(sorted(told)), generation)).fetchall()
    known = {(row[0], row[1]): row[3] for row in rows}
    new = [(*site, told[site]) for site in sorted(told) if site not in known or known[site] > told[site]]
    if new:
        cursor.execute(_TELL, (generation, *arrays(new)))
    return Powers({(operator_id, key): _timeline(powers) for operator_id, key, powers, _ in rows})
