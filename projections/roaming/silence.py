"""Which EVSEs are silent for partners: more than three intervals of their heartbeats without a sign of life."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import instant
from domain.network.contacts import INTERVALS_MAX
from domain.network.moments import moment_of
from ledger.arrays import array, columns

HEARTBEAT = "charging.charger.heartbeat"
# An operator, and the uid of an EVSE without case.
Evse: TypeAlias = tuple[str, str]
Looks: TypeAlias = dict[Evse, datetime]

# A set of heartbeats, one an EVSE: those heard for the first time, and those that were told to be silent.
_HEAR = """
INSERT INTO roaming.evse_contact AS known (operator_id, evse_uid, last_at, beat_at, interval_s)
SELECT operator_id, evse_uid, at, at, interval_s
FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::int[]) AS beat (operator_id, evse_uid, at, interval_s)
ON CONFLICT (operator_id, evse_uid) DO UPDATE
SET last_at = greatest(known.last_at, excluded.last_at),
    interval_s = CASE
        WHEN (excluded.beat_at, excluded.interval_s) > (known.beat_at, known.interval_s) THEN excluded.interval_s
        ELSE known.interval_s
    END,
    beat_at = greatest(known.beat_at, excluded.beat_at)
RETURNING operator_id, evse_uid, told_silent OR xmax = 0
"""
# Another sign of life of those that are watched: a status.
_HEAR_OTHER = """
UPDATE roaming.evse_contact AS known SET last_at = greatest(known.last_at, sign.at)
FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS sign (operator_id, evse_uid, at)
WHERE (known.operator_id, known.evse_uid) = (sign.operator_id, sign.evse_uid) AND sign.at > known.last_at
"""
# Messages of sessions are signs of life, too: as far as the network's read model has followed them.
_WATCHED = """
SELECT contact.operator_id, contact.evse_uid, contact.last_at, contact.interval_s, contact.told_silent, evse.last_us
FROM roaming.evse_contact AS contact
LEFT JOIN projection.evses AS evse ON (evse.operator_id, evse.evse_key) = (contact.operator_id, contact.evse_uid)
WHERE (contact.operator_id, contact.evse_uid) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
"""
_TOLD = """
UPDATE roaming.evse_contact AS known SET told_silent = NOT known.told_silent
FROM unnest(%s::text[], %s::text[]) AS changed (operator_id, evse_uid)
WHERE (known.operator_id, known.evse_uid) = (changed.operator_id, changed.evse_uid)
"""


def hear_heartbeats(cursor: Cursor[TupleRow], beats: Iterable[Mapping[str, Any]]) -> set[Evse]:
    """Take in the data of heartbeats; the EVSEs whose location is to be looked at for them."""
    newest: dict[Evse, tuple[datetime, int]] = {}
    for data in beats:
        evse = (data["operator_id"], str(data["evse_uid"]).casefold())
        beat = (instant(data["at"]), int(data["interval_s"]))
        newest[evse] = max(newest.get(evse, beat), beat)
    if not newest:
        return set()
    rows = [(*evse, *newest[evse]) for evse in sorted(newest)]
    found = cursor.execute(_HEAR, columns(rows)).fetchall()
    return {(operator_id, uid) for operator_id, uid, is_news in found if is_news}


def hear_statuses(cursor: Cursor[TupleRow], signs: Mapping[Evse, datetime]) -> None:
    """Take in when statuses of EVSEs were told last."""
    if signs:
        cursor.execute(_HEAR_OTHER, columns([(*evse, signs[evse]) for evse in sorted(signs)]))


def silences(
    cursor: Cursor[TupleRow], evses: Collection[Evse], now: datetime
) -> tuple[set[Evse], dict[Evse, datetime]]:
    """Those of these EVSEs that are silent by now, and when the clock is to look again at each that is watched.

    One that is silent is looked at every interval, since messages of its sessions are heard of by nobody here. What
    is found is kept as told.
    """
    silent: set[Evse] = set()
    looks: Looks = {}
    changed: list[Evse] = []
    asked = (array([operator_id for operator_id, _ in evses]), array([uid for _, uid in evses]))
    for operator_id, uid, last_at, interval_s, told_silent, last_us in cursor.execute(_WATCHED, asked):
        evse = (operator_id, uid)
        last = last_at if last_us is None else max(last_at, moment_of(last_us))
        until = last + INTERVALS_MAX * timedelta(seconds=interval_s)
        if now > until:
            silent.add(evse)
        looks[evse] = now + timedelta(seconds=interval_s) if evse in silent else until + timedelta(microseconds=1)
        if (evse in silent) != told_silent:
            changed.append(evse)
    if changed:
        cursor.execute(_TOLD, columns(sorted(changed)))
    return silent, looks
