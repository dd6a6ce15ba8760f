"""EVSEs as their messages tell of them: statuses, signs of life, explanations of outages.

What comes in order is added at the end, by what an EVSE's row says of all before; only what comes late looks at its
neighbours. Nothing that is stored is read as a whole.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.network.contacts import Before, Contact
from domain.network.session_use import UseFacts
from domain.network.states import Told
from ledger.arrays import columns
from projections.network.batch import Batch
from projections.network.evse_contacts import add_contacts
from projections.network.evse_statuses import add_statuses
from projections.network.kept_facts import ENDED, METERED, STARTED, STATE_CHANGED, moment

STATUS = "charging.charger.status_changed"
HEARTBEAT = "charging.charger.heartbeat"
EXPLAINED = "charging.charger.outage_explained"

# What a charger says of its sessions, and when it says that it was.
_SAID_AT = {STARTED: "started_at", METERED: "read_at", STATE_CHANGED: "at", ENDED: "ended_at"}

# EVSEs of a set as they stand.
_KNOWN = """
SELECT kept.operator_id, kept.evse_key, kept.evse_uid, kept.location_id, kept.located_us, kept.first_us, kept.status,
       kept.status_us, kept.status_source, kept.status_id, kept.last_us, kept.interval_s, kept.numbered_us,
       kept.number
FROM unnest(%s::text[], %s::text[]) AS named (operator_id, evse_key)
JOIN projection.evse_row AS kept
  ON (kept.generation, kept.operator_id, kept.evse_key) = (%s, named.operator_id, named.evse_key)
"""
_PUT = """
INSERT INTO projection.evse_row AS kept (
    generation, operator_id, evse_key, evse_uid, location_id, location_key, located_us, first_us, status, status_us,
    status_source, status_id, last_us, interval_s, numbered_us, number)
SELECT %s, * FROM unnest(
    %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[],
    %s::text[], %s::text[], %s::bigint[], %s::int[], %s::bigint[], %s::bigint[])
ON CONFLICT (generation, operator_id, evse_key) DO UPDATE
SET (evse_uid, location_id, location_key, located_us, first_us, status, status_us, status_source, status_id, last_us,
     interval_s, numbered_us, number)
  = (excluded.evse_uid, excluded.location_id, excluded.location_key, excluded.located_us, excluded.first_us,
     excluded.status, excluded.status_us, excluded.status_source, excluded.status_id, excluded.last_us,
     excluded.interval_s, excluded.numbered_us, excluded.number)
"""
_EXPLAIN = """
INSERT INTO projection.evse_explanation_row (
    generation, operator_id, evse_key, begin_us, end_us, source, id, cause, evidence)
SELECT %s, * FROM unnest(
    %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[])
ON CONFLICT DO NOTHING
"""

# An operator and the uid of an EVSE in small letters.
Key = tuple[str, str]


@dataclass(slots=True)
class Evse:
    """An EVSE as its row has it; `after` is what its signs of life so far say to those that follow."""

    evse_uid: str
    located: tuple[int, str]
    first_us: int
    newest: Told | None = None
    after: Before = field(default_factory=Before)

    def name(self, evse_uid: str, location_id: str, at: int) -> None:
        """Take what a message calls it and its location: of locations the one of the last message."""
        self.evse_uid = min(self.evse_uid, evse_uid)
        self.located = max(self.located, (at, location_id))
        self.first_us = min(self.first_us, at)


@dataclass(slots=True)
class Heard:
    """What a set of events says of one EVSE."""

    names: list[tuple[str, str, int]] = field(default_factory=list)
    statuses: list[tuple[Told, str | None]] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)


class Evses:
    """Keeps a row an EVSE, its statuses, its signs of life by day, and why it was down."""

    topics: frozenset[str] = frozenset({STATUS, HEARTBEAT, EXPLAINED})
    tables: tuple[str, ...] = ("evse_row", "evse_status_row", "evse_contact_row", "evse_explanation_row")

    def apply(self, cursor: Cursor[TupleRow], generation: int, batch: Batch) -> None:
        """Add what a set says, in any order; messages of sessions are signs of life of the session's EVSE."""
        heard: defaultdict[Key, Heard] = defaultdict(Heard)
        for topic in (STATUS, HEARTBEAT):
            for event in batch.of(topic):
                _hear(heard, topic, event.body)
        _hear_sessions(heard, batch)
        explained = sorted(_explanation(event.body) for event in batch.of(EXPLAINED))
        if explained:
            cursor.execute(_EXPLAIN, (generation, *columns(explained)))
        if heard:
            _keep(cursor, generation, heard)


def _hear(heard: Mapping[Key, Heard], topic: str, body: Mapping[str, Any]) -> None:
    data = body["data"]
    at = moment(data["at"])
    evse = heard[data["operator_id"], data["evse_uid"].casefold()]
    evse.names.append((data["evse_uid"], data["location_id"], at))
    if topic == STATUS:
        told = Told(at, body["source"], body["id"], data["status"])
        evse.statuses.append((told, data.get("error_code")))
        evse.contacts.append((at, 0, 0))
    else:
        number = data.get("seq")
        evse.contacts.append((at, data["interval_s"], 0 if number is None else number + 1))


def _hear_sessions(heard: Mapping[Key, Heard], batch: Batch) -> None:
    """Signs of life by the messages of sessions, each at the EVSE of every start that was told of its session.

    A start brings all that was told of its session before; without one nobody knows whose EVSE it was. What people or
    a back office say of a session later, a correction or a review, is no sign of life.
    """
    begun = {event.body["data"]["session_id"] for event in batch.of(STARTED)}
    new: defaultdict[str, set[int]] = defaultdict(set)
    for topic, field_ in _SAID_AT.items():
        for event in batch.of(topic):
            data = event.body["data"]
            if data["session_id"] not in begun:
                new[data["session_id"]].add(moment(data[field_]))
    for change in batch.changes:
        facts = change.facts
        times = moments_of(facts) if facts.session_id in begun else new.get(facts.session_id, ())
        for start in facts.starts if times else ():
            evse = heard[start.operator_id, start.evse_uid.casefold()]
            evse.names.append((start.evse_uid, start.location_id, min(times)))
            evse.names.append((start.evse_uid, start.location_id, max(times)))
            evse.contacts += [(at, 0, 0) for at in times]


def moments_of(facts: UseFacts) -> set[int]:
    """When a charger said something of a session."""
    told = {each.at for each in facts.starts} | {each.at for each in facts.ends} | {each.at for each in facts.states}
    return told | {at for at, _ in facts.readings}


def _explanation(body: Mapping[str, Any]) -> tuple[Any, ...]:
    data = body["data"]
    begin, end = (moment(data[each]) for each in ("from", "to"))
    key = data["operator_id"], data["evse_uid"].casefold()
    return (*key, begin, end, body["source"], body["id"], data["cause"], data.get("evidence"))


def _keep(cursor: Cursor[TupleRow], generation: int, heard: Mapping[Key, Heard]) -> None:
    keys = sorted(heard)
    known: dict[Key, Evse] = {}
    for row in cursor.execute(_KNOWN, (*columns(keys), generation), binary=True):
        operator_id, key, evse_uid, location_id, located_us, first_us, *status, last, interval, numbered, number = row
        newest = Told(status[1], status[2], status[3], status[0]) if status[0] is not None else None
        after = Before(last, interval, numbered, number)
        known[operator_id, key] = Evse(evse_uid, (located_us, location_id), first_us, newest, after)
    evses = {key: known.get(key) or _new(heard[key]) for key in keys}
    for key, evse in evses.items():
        for named in heard[key].names:
            evse.name(*named)
    newest_of = {key: evse.newest for key, evse in evses.items()}
    told = {key: each.statuses for key, each in heard.items() if each.statuses}
    for key, last_told in add_statuses(cursor, generation, newest_of, told).items():
        evses[key].newest = last_told
    after_of = {key: evse.after for key, evse in evses.items()}
    for key, after in add_contacts(
        cursor, generation, after_of, {k: each.contacts for k, each in heard.items()}
    ).items():
        evses[key].after = after
    cursor.execute(_PUT, (generation, *columns(_row(key, evse) for key, evse in evses.items())))


def _new(heard: Heard) -> Evse:
    evse_uid, location_id, at = heard.names[0]
    return Evse(evse_uid, (at, location_id), at)


def _row(key: Key, evse: Evse) -> tuple[Any, ...]:
    at, location_id = evse.located
    newest = evse.newest
    status = (None, None, None, None) if newest is None else (newest.status, newest.at, newest.source, newest.id)
    return (*key, evse.evse_uid, location_id, location_id.casefold(), at, evse.first_us, *status, *evse.after)
