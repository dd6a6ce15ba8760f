"""How sites and cars whose load is steered are kept: whose they are, how far logs were read, what they came to."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any, NamedTuple

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.arrays import columns

# A new owner raises the epoch, so that the writes of the old one are refused from here on.
_CLAIM = """
INSERT INTO load.position AS known (partition, epoch)
SELECT partition, 1 FROM unnest(%s::int[]) AS claimed (partition) ORDER BY partition
ON CONFLICT (partition) DO UPDATE SET epoch = known.epoch + 1
RETURNING partition, epoch, offsets::text
"""
# How many partitions sites are spread over stays as it was when the first owner came.
_LAY_OUT = """
INSERT INTO load.position (partition, epoch) SELECT number, 0 FROM generate_series(0, %s - 1) AS number
WHERE NOT EXISTS (SELECT FROM load.position)
ON CONFLICT DO NOTHING
"""
_COUNT = "SELECT count(*)::int FROM load.position"
_LOCK = "SELECT partition, epoch FROM load.position WHERE partition = ANY(%s) ORDER BY partition FOR UPDATE"
_ADVANCE = """
UPDATE load.position AS known SET offsets = sent.offsets
FROM unnest(%s::int[], %s::jsonb[]) AS sent (partition, offsets) WHERE known.partition = sent.partition
"""
_SITES = """
SELECT operator_id, location_key, location_id, partition, state::text, unsent::text FROM load.site
WHERE partition = ANY(%s)
"""
_CARS = """
SELECT operator_id, location_key, car.state::text FROM load.car JOIN load.site USING (operator_id, location_key)
WHERE partition = ANY(%s)
"""
_PUT_SITES = """
INSERT INTO load.site AS known (operator_id, location_key, location_id, partition, measured_at, measured_w,
    measured_a, state, unsent)
SELECT operator_id, location_key, location_id, partition, measured_at, measured_w, measured_a::int[], state, unsent
FROM unnest(%s::text[], %s::text[], %s::text[], %s::int[], %s::timestamptz[], %s::int[], %s::text[], %s::jsonb[],
            %s::jsonb[])
    AS sent (operator_id, location_key, location_id, partition, measured_at, measured_w, measured_a, state, unsent)
ORDER BY operator_id, location_key
ON CONFLICT (operator_id, location_key) DO UPDATE SET (location_id, partition, measured_at, measured_w, measured_a,
    state, unsent) = (excluded.location_id, excluded.partition, excluded.measured_at, excluded.measured_w,
    excluded.measured_a, excluded.state, excluded.unsent)
"""
_PUT_CARS = """
INSERT INTO load.car AS known (operator_id, location_key, session_id, evse_uid, started_at, limit_a, phases, why,
    valid_from, answer, drawn_a, drawn_at, may_draw_a, state)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::int[], %s::int[],
    %s::text[], %s::timestamptz[], %s::text[], %s::int[], %s::timestamptz[], %s::int[], %s::jsonb[])
ORDER BY 1, 2, 3
ON CONFLICT (operator_id, location_key, session_id) DO UPDATE SET (limit_a, phases, why, valid_from, answer, drawn_a,
    drawn_at, may_draw_a, state) = (excluded.limit_a, excluded.phases, excluded.why, excluded.valid_from,
    excluded.answer, excluded.drawn_a, excluded.drawn_at, excluded.may_draw_a, excluded.state)
"""
_DROP_CARS = """
DELETE FROM load.car AS known USING unnest(%s::text[], %s::text[], %s::text[]) AS gone (operator_id, location_key,
    session_id)
WHERE (known.operator_id, known.location_key, known.session_id)
    = (gone.operator_id, gone.location_key, gone.session_id)
"""
_ADD_PROFILES = """
INSERT INTO load.profile (session_id, valid_from, operator_id, location_key, evse_uid, command_id, limit_a, phases,
    valid_to, why)
SELECT * FROM unnest(%s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[], %s::int[],
    %s::int[], %s::timestamptz[], %s::text[])
ORDER BY 1, 2
ON CONFLICT DO NOTHING
"""
_ANSWER = """
UPDATE load.profile AS known SET answer = sent.answer, answered_at = sent.answered_at
FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS sent (command_id, answer, answered_at)
WHERE known.command_id = sent.command_id
"""
# A row that changes is told again to who follows.
_PUT_ALERTS = """
INSERT INTO load.alert AS known (kind, operator_id, location_key, location_id, subject, from_at, to_at, data)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[],
    %s::jsonb[])
ORDER BY 1, 2, 3, 5, 6
ON CONFLICT (kind, operator_id, location_key, subject, from_at) DO UPDATE SET (to_at, data, seq)
    = (excluded.to_at, excluded.data, nextval('load.alert_seq'))
"""

# What connectors of sites can give, as published: [[from when on, [[EVSE uid, connector id, W], ...]], ...].
_POWERS = """
SELECT operator_id, location_key, powers::text FROM projection.sites
JOIN unnest(%s::text[], %s::text[]) AS asked (operator_id, location_key) USING (operator_id, location_key)
"""

SiteKey = tuple[str, str]


class StoredSite(NamedTuple):
    """A site as it is kept: `measured_a` is an array literal of tenths, `state` and `unsent` are JSON."""

    operator_id: str
    location_key: str
    location_id: str
    partition: int
    measured_at: datetime | None
    measured_w: int | None
    measured_a: str | None
    state: str
    unsent: str


class StoredCar(NamedTuple):
    """A session that is not over, as it is kept; currents in tenths of an ampere."""

    operator_id: str
    location_key: str
    session_id: str
    evse_uid: str
    started_at: datetime
    limit_a: int | None
    phases: int | None
    why: str | None
    valid_from: datetime | None
    answer: str | None
    drawn_a: int | None
    drawn_at: datetime | None
    may_draw_a: int | None
    state: str


class StoredProfile(NamedTuple):
    """A command as it was told; the limit in tenths of an ampere."""

    session_id: str
    valid_from: datetime
    operator_id: str
    location_key: str
    evse_uid: str
    command_id: str
    limit_a: int
    phases: int
    valid_to: datetime
    why: str


class StoredAnswer(NamedTuple):
    """What a charger answered to a command."""

    command_id: str
    answer: str
    answered_at: datetime


class StoredAlert(NamedTuple):
    """A limit that was missed, or a peak that was near; `data` is JSON."""

    kind: str
    operator_id: str
    location_key: str
    location_id: str
    subject: str
    from_at: datetime
    to_at: datetime | None
    data: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of the partitions that were claimed."""

    epochs: Mapping[int, int]
    offsets: Mapping[int, Mapping[str, int]]
    sites: Sequence[tuple[str, str, str, int, str, str]]
    cars: Sequence[tuple[str, str, str]]


def lay_out(cursor: Cursor[TupleRow], partitions: int) -> int:
    """How many partitions sites are spread over: so many, unless that was settled before."""
    cursor.execute(_LAY_OUT, (partitions,))
    row = cursor.execute(_COUNT).fetchone()
    assert row is not None
    return int(row[0])


def claim(cursor: Cursor[TupleRow], partitions: Collection[int]) -> Kept:
    """Become the owner of the sites of partitions of `sites`, and read what is kept of them."""
    asked = sorted(partitions)
    rows = cursor.execute(_CLAIM, (asked,)).fetchall()
    sites: Any = cursor.execute(_SITES, (asked,)).fetchall()
    cars: Any = cursor.execute(_CARS, (asked,)).fetchall()
    epochs = {partition: epoch for partition, epoch, _ in rows}
    return Kept(epochs, {partition: orjson.loads(offsets) for partition, _, offsets in rows}, sites, cars)


def published_powers(cursor: Cursor[TupleRow], sites: Collection[SiteKey]) -> dict[SiteKey, dict[str, str]]:
    """The most that EVSEs of sites can give by what was published last, in W as text, by EVSE uid in lower case."""
    if not sites:
        return {}
    found: dict[SiteKey, dict[str, str]] = {}
    for operator_id, key, powers in cursor.execute(_POWERS, columns(sorted(sites))).fetchall():
        timeline = orjson.loads(powers)
        last = timeline[-1][1] if timeline else ()
        strongest = sorted(last, key=lambda each: Fraction(each[2]))
        found[operator_id, key] = {uid: power_w for uid, _, power_w in strongest}
    return found


def lock(cursor: Cursor[TupleRow], epochs: Mapping[int, int]) -> bool:
    """Lock what is owned until the transaction ends; False where another became the owner of some of it."""
    return dict(cursor.execute(_LOCK, (sorted(epochs),)).fetchall()) == dict(epochs)


def advance(cursor: Cursor[TupleRow], offsets: Mapping[int, Mapping[str, int]]) -> None:
    """How far the logs are read for each partition that is locked."""
    _send(cursor, _ADVANCE, [(partition, orjson.dumps(each).decode()) for partition, each in offsets.items()])


def put_sites(cursor: Cursor[TupleRow], sites: Iterable[StoredSite]) -> None:
    """Keep sites."""
    _send(cursor, _PUT_SITES, [*sites])


def put_cars(cursor: Cursor[TupleRow], cars: Iterable[StoredCar]) -> None:
    """Keep cars."""
    _send(cursor, _PUT_CARS, [*cars])


def drop_cars(cursor: Cursor[TupleRow], cars: Collection[tuple[str, str, str]]) -> None:
    """Forget sessions that are over, by operator, location and session."""
    _send(cursor, _DROP_CARS, sorted(cars))


def add_profiles(cursor: Cursor[TupleRow], profiles: Sequence[StoredProfile]) -> None:
    """Keep commands that are about to be told."""
    _send(cursor, _ADD_PROFILES, profiles)


def note_answers(cursor: Cursor[TupleRow], answers: Sequence[StoredAnswer]) -> None:
    """Keep what chargers answered; of several answers to a command the last."""
    _send(cursor, _ANSWER, list({each.command_id: each for each in answers}.values()))


def put_alerts(cursor: Cursor[TupleRow], alerts: Iterable[StoredAlert]) -> None:
    """Keep alerts; those that are known already change."""
    last = {(each.kind, each.operator_id, each.location_key, each.subject, each.from_at): each for each in alerts}
    _send(cursor, _PUT_ALERTS, [*last.values()])


def _send(cursor: Cursor[TupleRow], statement: Any, rows: Sequence[Sequence[Any]]) -> None:
    if rows:
        cursor.execute(statement, columns(rows))
