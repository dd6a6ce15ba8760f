"""Which EVSEs were heard at which site, and when first: by statuses, heartbeats and messages of their sessions."""

from collections.abc import Iterable
from typing import TypeAlias

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.network.session_use import UseFacts
from ledger.arrays import columns
from projections.network.batch import Batch
from projections.network.kept_facts import moment

STATUS, HEARTBEAT = "charging.charger.status_changed", "charging.charger.heartbeat"

# Ids as they were told.
_Told: TypeAlias = tuple[str, str, str]

_HEAR = """
INSERT INTO projection.evse_place_row AS kept
    (generation, operator_id, location_key, evse_key, location_id, evse_uid, first_us)
SELECT %s, new.*
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[])
    AS new (operator_id, location_key, evse_key, location_id, evse_uid, first_us)
ON CONFLICT (generation, operator_id, location_key, evse_key) DO UPDATE
SET location_id = least(kept.location_id, excluded.location_id), evse_uid = least(kept.evse_uid, excluded.evse_uid),
    first_us = least(kept.first_us, excluded.first_us)
WHERE excluded.first_us < kept.first_us OR excluded.location_id < kept.location_id
   OR excluded.evse_uid < kept.evse_uid
"""


def hear_evses(cursor: Cursor[TupleRow], generation: int, batch: Batch) -> None:
    """Keep the first message of each EVSE that a set has messages of."""
    first: dict[_Told, int] = {}
    for event in batch.of(STATUS, HEARTBEAT):
        data = event.body["data"]
        _note(first, (data["operator_id"], data["location_id"], data["evse_uid"]), moment(data["at"]))
    for change in batch.changes:
        facts = change.facts
        if facts.starts:
            earliest = min(_moments(facts))
            for start in facts.starts:
                _note(first, (start.operator_id, start.location_id, start.evse_uid), earliest)
    rows: dict[_Told, tuple[str, str, int]] = {}
    for (operator_id, location_id, evse_uid), at in first.items():
        key = (operator_id, location_id.casefold(), evse_uid.casefold())
        known = rows.get(key, (location_id, evse_uid, at))
        rows[key] = (min(known[0], location_id), min(known[1], evse_uid), min(known[2], at))
    if rows:
        cursor.execute(_HEAR, (generation, *columns([(*key, *rows[key]) for key in sorted(rows)])))


def _note(first: dict[_Told, int], told: _Told, at: int) -> None:
    known = first.get(told)
    if known is None or at < known:
        first[told] = at


def _moments(facts: UseFacts) -> Iterable[int]:
    """When each message of a session's charger was: corrections and reviews are none of its messages."""
    told = [at for at, _ in facts.readings]
    for of_kind in (facts.starts, facts.ends, facts.states):
        told += [each.at for each in of_kind]
    return told
