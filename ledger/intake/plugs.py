"""Sessions at their plugs: where each stands among the others, and what is wrong with it beside those before it.

Every change is written by whoever holds the lock for appending events, and sees all that was committed before: of two
sessions at one plug that are taken in at once, the second to be written finds the first. What is found is kept here
until the session's stream has been told, in a transaction that may lock the session.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.findings import FindingKind
from domain.exact import exact
from domain.money import plain
from domain.session.plug import Overlap, Reach, Stay, beside
from domain.values import value
from ledger.arrays import array, columns

# A place among the sessions of a plug: its start and its id.
Place: TypeAlias = tuple[datetime, str]

# New rows. Most of them stand after one session that was over, and before one that began later, or are alone at their
# plug; the others are given back, and looked at with those around them.
_ADD = """
WITH new AS MATERIALIZED (
    SELECT * FROM unnest(%s::text[], %s::uuid[], %s::timestamptz[], %s::timestamptz[], %s::numeric[], %s::numeric[],
        %s::boolean[]) AS new (session_id, plug, started_at, ended_at, start_wh, stop_wh, counts)
), added AS (
    INSERT INTO intake.plug_session (session_id, plug, started_at, ended_at, start_wh, stop_wh, counts)
    SELECT * FROM new
)
SELECT session_id FROM new
LEFT JOIN LATERAL (
    SELECT CASE WHEN counts OR reach_at IS NOT NULL THEN coalesce(reach_at, ended_at) END AS until,
           CASE WHEN counts OR reach_at IS NOT NULL THEN coalesce(reach_wh, stop_wh) END AS register_wh
    FROM intake.plug_session AS old
    WHERE old.plug = new.plug AND (old.started_at, old.session_id) < (new.started_at, new.session_id)
    ORDER BY old.started_at DESC, old.session_id DESC LIMIT 1
) AS before ON true
LEFT JOIN LATERAL (
    SELECT started_at, start_wh, found FROM intake.plug_session AS old
    WHERE old.plug = new.plug AND (old.started_at, old.session_id) > (new.started_at, new.session_id)
    ORDER BY old.started_at, old.session_id LIMIT 1
) AS after ON true
WHERE before.until > new.started_at OR before.register_wh > new.start_wh
   OR NOT new.counts OR new.ended_at > after.started_at OR new.stop_wh > after.start_wh OR after.found IS NOT NULL
"""
_COLUMNS = (
    "session_id, plug, started_at, ended_at, start_wh, stop_wh, counts, reach_at, reach_wh, reach_id, found, told"
)
_READ = f"SELECT {_COLUMNS} FROM intake.plug_session WHERE session_id = ANY(%s::text[])"  # noqa: S608
_REMOVE = "DELETE FROM intake.plug_session WHERE session_id = ANY(%s::text[])"
# What was known of it stays known where it moves to another place.
_PUT_BACK = """
INSERT INTO intake.plug_session (session_id, plug, started_at, ended_at, start_wh, stop_wh, counts, told)
SELECT * FROM unnest(%s::text[], %s::uuid[], %s::timestamptz[], %s::timestamptz[], %s::numeric[], %s::numeric[],
    %s::boolean[], %s::text[])
"""
# At each plug the session before a place, and so many from there on.
_AROUND = f"""
SELECT {_COLUMNS}
FROM unnest(%s::uuid[], %s::timestamptz[], %s::text[]) AS place (at_plug, since, since_id), LATERAL (
    (SELECT {_COLUMNS} FROM intake.plug_session
     WHERE plug = at_plug AND (started_at, session_id) < (since, since_id)
     ORDER BY started_at DESC, session_id DESC LIMIT 1)
    UNION ALL
    (SELECT {_COLUMNS} FROM intake.plug_session
     WHERE plug = at_plug AND (started_at, session_id) >= (since, since_id)
     ORDER BY started_at, session_id LIMIT %s)
) AS around
ORDER BY plug, started_at, session_id
"""  # noqa: S608
_CHANGE = """
UPDATE intake.plug_session AS stay
SET reach_at = new.reach_at, reach_wh = new.reach_wh, reach_id = new.reach_id, found = new.found
FROM unnest(%s::text[], %s::timestamptz[], %s::numeric[], %s::text[], %s::text[])
    AS new (session_id, reach_at, reach_wh, reach_id, found)
WHERE stay.session_id = new.session_id
"""
_UNTOLD = """
SELECT head.session_id FROM intake.session_head AS head JOIN intake.plug_session AS stay USING (session_id)
WHERE stay.found IS DISTINCT FROM stay.told AND head.fault IS NULL
ORDER BY head.session_id LIMIT %s FOR UPDATE OF head
"""
_FOUND = "SELECT session_id, found FROM intake.plug_session WHERE session_id = ANY(%s::text[])"
_UNTOLD_AMONG = f"{_FOUND} AND found IS DISTINCT FROM told"
_TELL = """
UPDATE intake.plug_session AS stay SET told = new.told
FROM unnest(%s::text[], %s::text[]) AS new (session_id, told)
WHERE stay.session_id = new.session_id
"""
# So many sessions of a plug are read at once; nearly always the first of them ends the look.
_AT_ONCE = 8


@value
class Arrival:
    """Where a session stands now, None for nowhere.

    `told` is what its stream knows of others at its plug; with `is_first` it never stood anywhere.
    """

    session_id: str
    stay: Stay | None
    told: Overlap | None
    is_first: bool


class _Kept(NamedTuple):
    """A row as it is kept."""

    session_id: str
    plug: UUID
    started_at: datetime
    ended_at: datetime
    start_wh: Decimal
    stop_wh: Decimal
    counts: bool
    reach_at: datetime | None
    reach_wh: Decimal | None
    reach_id: str | None
    found: str | None
    told: str | None

    @property
    def place(self) -> Place:
        return (self.started_at, self.session_id)

    @property
    def stay(self) -> Stay:
        registers = exact(str(self.start_wh)), exact(str(self.stop_wh))
        return Stay(self.plug, self.started_at, self.ended_at, *registers, self.counts)

    @property
    def reach(self) -> Reach | None:
        if self.reach_at is None or self.reach_id is None:
            return Reach(self.ended_at, exact(str(self.stop_wh)), self.session_id) if self.counts else None
        return Reach(self.reach_at, exact(str(self.reach_wh)), self.reach_id)


@dataclass(slots=True)
class _Span:
    """The places at one plug between which something changed."""

    first: Place
    last: Place

    def take_in(self, place: Place) -> None:
        self.first, self.last = min(self.first, place), max(self.last, place)


def arrive(cursor: Cursor[TupleRow], arrivals: Sequence[Arrival]) -> bool:
    """Give sessions their places, with the lock for appending held.

    Whether the stream of any is to be told something, be it of those or of others beside them.
    """
    changed: dict[UUID, _Span] = {}
    _add(cursor, [each for each in arrivals if each.is_first], changed)
    _move(cursor, [each for each in arrivals if not each.is_first], changed)
    to_tell = False
    while changed:
        changed, some = _look_along(cursor, changed)
        to_tell |= some
    return to_tell


def untold_sessions(cursor: Cursor[TupleRow], limit: int, *, wait: bool = False) -> list[str]:
    """Sessions whose streams are to be told what is wrong with them, or no longer is; locked.

    Those that another transaction has locked are left to it, or waited for in the order of their ids.
    """
    held = "" if wait else " SKIP LOCKED"
    return [row[0] for row in cursor.execute(_UNTOLD + held, (limit,))]


def overlaps_of(cursor: Cursor[TupleRow], session_ids: Iterable[str]) -> dict[str, Overlap | None]:
    """What is wrong with sessions that have a place, beside those before them."""
    rows = cursor.execute(_FOUND, (array(list(session_ids)),)).fetchall()
    return {session_id: _overlap(found) for session_id, found in rows}


def untold_among(cursor: Cursor[TupleRow], session_ids: Iterable[str]) -> dict[str, Overlap | None]:
    """What the streams of sessions, of these, are to be told: what is wrong with them, or no longer is."""
    rows = cursor.execute(_UNTOLD_AMONG, (array(list(session_ids)),)).fetchall()
    return {session_id: _overlap(found) for session_id, found in rows}


def note_told(cursor: Cursor[TupleRow], told: Mapping[str, Overlap | None]) -> None:
    """Keep what the streams of sessions have been told, with the lock for appending held."""
    if told:
        cursor.execute(_TELL, columns([(session_id, _text(overlap)) for session_id, overlap in told.items()]))


def _text(overlap: Overlap | None) -> str | None:
    return f"{overlap.kind} {overlap.other_id}" if overlap else None


def _overlap(text: str | None) -> Overlap | None:
    kind, _, other_id = (text or "").partition(" ")
    return Overlap(FindingKind(kind), other_id) if kind else None


def _row(session_id: str, stay: Stay) -> tuple[Any, ...]:
    registers = plain(stay.start_wh), plain(stay.stop_wh)
    return (session_id, stay.plug, stay.started_at, stay.ended_at, *registers, stay.counts)


def _touch(changed: dict[UUID, _Span], plug: UUID, place: Place) -> None:
    changed.setdefault(plug, _Span(place, place)).take_in(place)


def _add(cursor: Cursor[TupleRow], arrivals: Sequence[Arrival], changed: dict[UUID, _Span]) -> None:
    """Sessions that never stood anywhere; the query does not see them beside each other, so such are looked at."""
    stays = {each.session_id: each.stay for each in arrivals if each.stay is not None}
    if not stays:
        return
    at_plug: dict[UUID, list[str]] = defaultdict(list)
    for session_id, stay in stays.items():
        at_plug[stay.plug].append(session_id)
    rows = [_row(session_id, stay) for session_id, stay in stays.items()]
    to_look_at = [session_id for (session_id,) in cursor.execute(_ADD, columns(rows), prepare=True).fetchall()]
    together = chain.from_iterable(ids for ids in at_plug.values() if len(ids) > 1)
    for session_id in chain(to_look_at, together):
        stay = stays[session_id]
        _touch(changed, stay.plug, (stay.started_at, session_id))


def _move(cursor: Cursor[TupleRow], arrivals: Sequence[Arrival], changed: dict[UUID, _Span]) -> None:
    """Sessions that may stand somewhere already."""
    if not arrivals:
        return
    ids = array([each.session_id for each in arrivals])
    known = {row[0]: _Kept(*row).stay for row in cursor.execute(_READ, (ids,)).fetchall()}
    moved = [each for each in arrivals if known.get(each.session_id) != each.stay]
    gone = [each.session_id for each in moved if each.session_id in known]
    if gone:
        cursor.execute(_REMOVE, (array(gone),))
    rows = [(*_row(each.session_id, each.stay), _text(each.told)) for each in moved if each.stay is not None]
    if rows:
        cursor.execute(_PUT_BACK, columns(rows))
    for each in moved:
        for stay in (known.get(each.session_id), each.stay):
            if stay is not None:
                _touch(changed, stay.plug, (stay.started_at, each.session_id))


def _look_along(cursor: Cursor[TupleRow], changed: Mapping[UUID, _Span]) -> tuple[dict[UUID, _Span], bool]:
    """Look at the sessions of each plug from the first change on, until nothing differs from what is known.

    Where to go on, and whether the stream of any of them is to be told something.
    """
    places = [(plug, *span.first) for plug, span in changed.items()]
    at_plug: dict[UUID, list[_Kept]] = defaultdict(list)
    for row in cursor.execute(_AROUND, (*columns(places), _AT_ONCE)).fetchall():
        at_plug[row[1]].append(_Kept(*row))
    left: dict[UUID, _Span] = {}
    new: list[tuple[Any, ...]] = []
    to_tell = False
    for plug, span in changed.items():
        looked_at, ends_here = _look(at_plug[plug], span)
        to_tell |= any(found != kept.told for kept, _, found in looked_at)
        new += [_changed(*each) for each in looked_at if (each[1], each[2]) != (each[0].reach, each[0].found)]
        if not ends_here:
            last = looked_at[-1][0].place
            left[plug] = _Span(last, max(span.last, last))
    if new:
        cursor.execute(_CHANGE, columns(new))
    return left, to_tell


def _look(rows: Sequence[_Kept], span: _Span) -> tuple[list[tuple[_Kept, Reach | None, str | None]], bool]:
    """The sessions of a plug from the first change on, how far each reaches and what is wrong with it.

    Behind the last change it ends with the first that reaches as far as it did; whether it ended.
    """
    before: Reach | None = None
    looked_at: list[tuple[_Kept, Reach | None, str | None]] = []
    for kept in rows:
        if kept.place < span.first:
            before = kept.reach
            continue
        overlap, before = beside(before, kept.session_id, kept.stay)
        looked_at.append((kept, before, _text(overlap)))
        if kept.place > span.last and before == kept.reach:
            return looked_at, True
    return looked_at, len(looked_at) < _AT_ONCE


def _changed(kept: _Kept, reach: Reach | None, found: str | None) -> tuple[Any, ...]:
    if reach is None or reach.session_id == kept.session_id:
        return (kept.session_id, None, None, None, found)
    return (kept.session_id, reach.until, plain(reach.stop_wh), reach.session_id, found)
