"""Locations for partners (OCPI 2.2.1, mod_locations): each EVSE with its newest status, and the reader's tariffs."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import stream_of
from domain.calendar import instant
from projections.roaming import tariffs
from projections.roaming.location_versions import location_2_2_1
from projections.roaming.objects import EVERYBODY, Key, Made, Seen, Withheld, known_keys
from projections.roaming.published import InEffect, Owner, in_effect, owners, read_fact
from projections.roaming.sendable import is_private, made_private, removed, what_it_lacks
from projections.roaming.silence import HEARTBEAT, Evse, hear_heartbeats, hear_statuses, silences

MODULE = "locations"
PUBLISHED, STATUS = "location.published", "charging.charger.status_changed"
UNKNOWN = "UNKNOWN"
# What an EVSE is that nobody is to come to; whether it is heard does not matter.
_NOT_THERE = frozenset({"PLANNED", "REMOVED"})
_PARTS = ("evses", "connectors")
# The newest by when it came about; of two at one moment the one that sorts last, in whatever order they come.
_TAKE_STATUS = """
INSERT INTO roaming.evse_status AS known (operator_id, evse_uid, status, at, source, id)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (operator_id, evse_uid) DO UPDATE
SET status = excluded.status, at = excluded.at, source = excluded.source, id = excluded.id
WHERE (excluded.at, excluded.source, excluded.id) > (known.at, known.source, known.id)
"""
_STATUSES_OF = """
SELECT operator_id, evse_uid, status FROM roaming.evse_status
WHERE (operator_id, evse_uid) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
"""
# Whoever saw a location as its own goes on to, also when there is no tariff for it alone any more.
_OWN = """
SELECT operator_id, object_id, partner FROM roaming.object
WHERE module = 'locations' AND partner <> ''
  AND (operator_id, object_id) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
"""
_VISIBLE = """
SELECT partner, operator_id, object_id, coalesce(document_2_3_0, document) FROM roaming.object
WHERE module = 'locations' AND (operator_id, object_id) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
"""
# Which tariffs of these operators there are, and for whom.
_TARIFFS = """
SELECT operator_id, partner, object_id FROM roaming.object WHERE module = 'tariffs' AND operator_id = ANY(%s)
"""


class LocationObjects:
    """Locations as published and in effect now: for everybody, and for each partner with tariffs of its own.

    The status of an EVSE is the newest that was told; UNKNOWN while it is silent, which the clock alone finds out.
    """

    module = MODULE
    topics = frozenset({PUBLISHED, STATUS, HEARTBEAT, tariffs.PUBLISHED, *tariffs.OPERATOR_TOPICS})

    def touched(self, cursor: Cursor[TupleRow], events: Sequence[tuple[str, bytes]]) -> set[Key]:
        """The locations that some events are about; of an operator or a tariff all of the operator's."""
        found: set[Key] = set()
        changed: set[str] = set()
        statuses: list[tuple[Any, ...]] = []
        beats: list[Mapping[str, Any]] = []
        for topic, state in events:
            body = read_fact(topic, state)
            data = body["data"]
            if topic == PUBLISHED:
                found.add((EVERYBODY, data["operator_id"], str(data["location"]["id"]).casefold()))
            elif topic == STATUS:
                evse = (data["operator_id"], str(data["evse_uid"]).casefold())
                statuses.append((*evse, data["status"], instant(data["at"]), body["source"], body["id"]))
                found.add((EVERYBODY, data["operator_id"], str(data["location_id"]).casefold()))
            elif topic == HEARTBEAT:
                beats.append(data)
            else:
                changed.add(data["operator_id"])
        if statuses:
            cursor.executemany(_TAKE_STATUS, statuses)
        found |= _heard_again(cursor, beats, statuses)
        # Whoever sees them, they are made for all at once.
        return found | {(EVERYBODY, operator_id, id_) for _, operator_id, id_ in known_keys(cursor, MODULE, changed)}

    def make(self, cursor: Cursor[TupleRow], keys: Iterable[Key], now: datetime) -> Made:
        """These locations as they are now."""
        streams = {key: stream_of(PUBLISHED, {"operator_id": key[1], "location": {"id": key[2]}}) for key in keys}
        operator_ids = sorted({operator_id for _, operator_id, _ in streams})
        published = in_effect(cursor, streams, (PUBLISHED,), now)
        parties = owners(cursor, operator_ids, now)
        statuses = _statuses(cursor, published)
        silent, looks = silences(cursor, _evses_of(published), now)
        statuses |= {evse: UNKNOWN for evse in silent if statuses.get(evse) not in _NOT_THERE}
        owns: dict[tuple[str, ...], set[str]] = defaultdict(set)
        visible: dict[str, dict[str, set[str]]] = defaultdict(dict)
        for operator_id, partner, tariff_id in cursor.execute(_TARIFFS, (operator_ids,)):
            visible[operator_id].setdefault(partner, set()).add(tariff_id)
        private = [key[1:] for key, found in published.items() if is_private(found.data["location"])]
        for operator_id, object_id, partner in cursor.execute(_OWN, _columns(key[1:] for key in published)):
            owns[operator_id, object_id].add(partner)
        made = Made(seen=_made_private(cursor, private))
        for key, found in published.items():
            if found.next_at is not None:
                made.due.append((found.next_at, key))
            watched = [looks[evse] for evse in _evses_of({key: found}) if evse in looks]
            if watched:
                made.due.append((min(watched), key))
            owner, reason = parties.get(key[1]), _why_withheld(found.data["location"])
            if owner is None or reason is not None:
                made.withheld.append(Withheld(key, reason or f"operator {key[1]} is not registered yet"))
            whole = _whole(found, owner, key[1], statuses) if owner is not None else None
            if whole is None:
                continue
            tariffs_of = visible[key[1]]
            for partner in sorted({EVERYBODY, *tariffs_of, *owns[key[1:]]}):
                document = _with_tariffs(whole, tariffs_of.get(EVERYBODY, set()) | tariffs_of.get(partner, set()))
                made.seen.append(_seen(partner, key[1], key[2], document))
        return made


def _made_private(cursor: Cursor[TupleRow], private: Sequence[tuple[str, str]]) -> list[Seen]:
    """Private locations that were seen before: who saw one is told that its EVSEs are removed, and nothing new."""
    found = cursor.execute(_VISIBLE, _columns(private)).fetchall() if private else []
    return [
        _seen(partner, operator_id, id_, made_private(json.loads(document, parse_float=Decimal)))
        for partner, operator_id, id_, document in found
    ]


def _seen(partner: str, operator_id: str, id_: str, newest: Mapping[str, Any]) -> Seen:
    older = location_2_2_1(newest)
    return Seen(partner, operator_id, id_, older, None if older == newest else newest, _PARTS)


def _columns(locations: Iterable[tuple[str, ...]]) -> tuple[list[str], list[str]]:
    found = list(locations)
    return [operator_id for operator_id, _ in found], [object_id for _, object_id in found]


def _heard_again(
    cursor: Cursor[TupleRow], beats: Sequence[Mapping[str, Any]], statuses: Sequence[tuple[Any, ...]]
) -> set[Key]:
    """Take in signs of life; the locations of EVSEs that are heard by a heartbeat for the first time, or again."""
    signs: dict[Evse, datetime] = {}
    for operator_id, uid, _, at, *_ in statuses:
        signs[operator_id, uid] = max(at, signs.get((operator_id, uid), at))
    again = hear_heartbeats(cursor, beats)
    hear_statuses(cursor, signs)
    places = {(each["operator_id"], str(each["evse_uid"]).casefold()): each["location_id"] for each in beats}
    return {(EVERYBODY, evse[0], str(places[evse]).casefold()) for evse in again}


def _evses_of(published: Mapping[Key, InEffect]) -> set[Evse]:
    """The EVSEs of locations as published, those that only earlier versions had among them."""
    versions = ((key, each) for key, found in published.items() for each in (found.data, *found.earlier))
    return {(key[1], uid) for key, data in versions for uid in _uids(data["location"])}


def _statuses(cursor: Cursor[TupleRow], published: Mapping[Key, InEffect]) -> dict[tuple[str, str], str]:
    wanted = _evses_of(published)
    columns = ([operator_id for operator_id, _ in wanted], [uid for _, uid in wanted])
    return {(operator_id, uid): status for operator_id, uid, status in cursor.execute(_STATUSES_OF, columns)}


def _uids(location: Mapping[str, Any]) -> list[str]:
    return [str(evse["uid"]).casefold() for evse in location.get("evses") or ()]


def _why_withheld(location: Mapping[str, Any]) -> str | None:
    return "it is private: publish is false" if is_private(location) else what_it_lacks(location)


def _whole(
    found: InEffect, owner: Owner, operator_id: str, statuses: Mapping[tuple[str, str], str]
) -> dict[str, Any] | None:
    """The newest version that can be sent, with live statuses, and with the EVSEs that only earlier ones had.

    None where there is none, or where the location is private now.
    """
    if is_private(found.data["location"]):
        return None
    versions = [each["location"] for each in (*found.earlier, found.data)]
    sendable = [each for each in versions if _why_withheld(each) is None]
    if not sendable:
        return None
    *earlier, location = sendable
    whole = _said(location) | {"country_code": owner.country_code, "party_id": owner.party_id}
    whole.setdefault("time_zone", owner.time_zone)
    evses = {str(evse["uid"]).casefold(): evse for evse in location.get("evses") or ()}
    live = [_evse(evse, statuses.get((operator_id, uid))) for uid, evse in evses.items()]
    then = {str(evse["uid"]).casefold(): evse for each in earlier for evse in each.get("evses") or ()}
    gone = [removed(_evse(evse, None)) for uid, evse in then.items() if uid not in evses]
    return whole | ({"evses": live + gone} if live or gone else {})


def _evse(evse: Mapping[str, Any], status: str | None) -> dict[str, Any]:
    found = _said(evse) | {"status": status or evse.get("status") or UNKNOWN}
    return found | {"connectors": [_said(connector) for connector in evse["connectors"]]}


def _with_tariffs(location: Mapping[str, Any], visible: set[str]) -> dict[str, Any]:
    """The location with those tariffs only that its reader can have."""
    if not location.get("evses"):
        return dict(location)
    evses = [
        {**evse, "connectors": [_connector(each, visible) for each in evse["connectors"]]}
        for evse in location["evses"]
    ]
    return {**location, "evses": evses}


def _connector(connector: Mapping[str, Any], visible: set[str]) -> dict[str, Any]:
    found = dict(connector)
    named = [each for each in found.pop("tariff_ids", None) or () if str(each).casefold() in visible]
    return found | ({"tariff_ids": named} if named else {})


def _said(part: Mapping[str, Any]) -> dict[str, Any]:
    """A part without fields that say nothing: optional ones are left out and never null."""
    return {name: value for name, value in part.items() if value is not None}
