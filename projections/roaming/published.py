"""What was published of some things, by their streams: the version in effect now, and when another one will be."""

import json
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import stream_of
from domain.calendar import instant
from domain.catalogue.versions import Version, Versions
from ledger.events.codec import UPCASTS

K = TypeVar("K", bound=Hashable)

_STREAMS = """
SELECT originator_id, topic, state FROM event_store.stored_events
WHERE originator_id = ANY(%s) AND topic = ANY(%s)
ORDER BY originator_id, originator_version
"""


@dataclass(frozen=True, slots=True)
class InEffect:
    """Data of a version as it was published; `starts` is when it takes effect, `next_at` when another one does.

    `earlier` are those that were in effect before it, oldest first.
    """

    data: Mapping[str, Any]
    starts: datetime
    next_at: datetime | None
    earlier: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Owner:
    """An operator as the owner of its objects."""

    country_code: str
    party_id: str
    time_zone: str


def in_effect(
    cursor: Cursor[TupleRow], streams: Mapping[K, UUID], topics: Iterable[str], now: datetime
) -> dict[K, InEffect]:
    """The version of each thing that is in effect now; before the first one that one, since no other is known."""
    return {key: _at(found, now) for key, found in _versions(cursor, streams, topics).items()}


def all_versions(
    cursor: Cursor[TupleRow], streams: Mapping[K, UUID], topics: Iterable[str]
) -> dict[K, list[tuple[datetime, Mapping[str, Any]]]]:
    """All versions of each thing, each with the moment from which it is in effect, in their order."""
    return {
        key: [(start, version.value) for start, version in found.timeline]
        for key, found in _versions(cursor, streams, topics).items()
    }


def _versions(
    cursor: Cursor[TupleRow], streams: Mapping[K, UUID], topics: Iterable[str]
) -> dict[K, Versions[Mapping[str, Any]]]:
    keys: dict[UUID, K] = {stream: key for key, stream in streams.items()}
    versions: dict[K, Versions[Mapping[str, Any]]] = {}
    for stream, topic, state in cursor.execute(_STREAMS, (list(keys), list(topics))):
        body = read_fact(topic, state)
        data, time = body["data"], instant(body["time"])
        starts = instant(data["effective_from"]) if "effective_from" in data else time
        version = Version(time, body["source"], body["id"], starts, data)
        versions.setdefault(keys[stream], Versions()).add(version)
    return versions


def owners(cursor: Cursor[TupleRow], operator_ids: Iterable[str], now: datetime) -> dict[str, Owner]:
    """The operators that are registered, by id."""
    streams = {each: stream_of("operator.registered", {"operator_id": each}) for each in set(operator_ids)}
    found = in_effect(cursor, streams, ("operator.registered", "operator.changed"), now)
    return {
        operator_id: Owner(each.data["country_code"], each.data["party_id"], each.data["time_zone"])
        for operator_id, each in found.items()
    }


def read_fact(topic: str, state: bytes) -> dict[str, Any]:
    """A stored fact in today's form, its numbers to the last digit."""
    found: dict[str, Any] = json.loads(state, parse_float=Decimal)
    return UPCASTS[topic](found) if topic in UPCASTS else found


def _at(versions: Versions[Mapping[str, Any]], now: datetime) -> InEffect:
    timeline = versions.timeline
    started = [place for place, (start, _) in enumerate(timeline) if start <= now]
    place = started[-1] if started else 0
    start, version = timeline[place]
    following = timeline[place + 1][0] if place + 1 < len(timeline) else None
    # One that is still to come is shown already, and is the same when it starts.
    return InEffect(version.value, start, following, tuple(each.value for _, each in timeline[:place]))
