"""What goes on, as it is kept: brought in step with what was seen, and what of it is to be told now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from domain.notice.causes import APART, Began, Cause, Ended, escalate, look, observe
from domain.notice.subscription import Severity
from projections.notices.seen import Key, Seen

_KNOWN = """
SELECT operator_id, type, cause, is_open, since, told_since, told_at, untold, severity, position, data
FROM access.notice_cause
JOIN unnest(%s::text[], %s::text[], %s::text[]) AS named (operator_id, type, cause) USING (operator_id, type, cause)
"""
# Beginnings that were held back, and may be told now.
_HELD = """
SELECT operator_id, type, cause, is_open, since, told_since, told_at, untold, severity, position, data
FROM access.notice_cause WHERE is_open AND told_since IS NULL AND told_at <= %s ORDER BY told_at LIMIT %s
"""
_OPEN = """
SELECT operator_id, cause FROM access.notice_cause
WHERE type = %s AND is_open AND operator_id = ANY (%s)
"""
_OWNERS = "SELECT DISTINCT operator_id FROM access.notice_cause WHERE type = %s AND is_open"
_PUT = """
INSERT INTO access.notice_cause (
    operator_id, type, cause, is_open, since, told_since, told_at, untold, severity, position, data)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (operator_id, type, cause) DO UPDATE SET
    is_open = excluded.is_open, since = excluded.since, told_since = excluded.told_since, told_at = excluded.told_at,
    untold = excluded.untold, severity = excluded.severity, position = excluded.position, data = excluded.data
"""
# What is over, and may be told again at once should it begin again, is as if it had never been.
_FORGET = """
DELETE FROM access.notice_cause WHERE (operator_id, type, cause) IN (
    SELECT operator_id, type, cause FROM access.notice_cause
    WHERE NOT is_open AND (told_at IS NULL OR told_at <= %s) LIMIT %s
)
"""
# What was foreseen to go on until a moment that has come.
_PASSED = """
SELECT operator_id, type, cause, data->>'until' FROM access.notice_cause
WHERE is_open AND type = ANY (%s) AND (data->>'until')::timestamptz <= %s
"""
_AT_ONCE = 1_000


@dataclass(slots=True)
class KeptCause:
    """A cause with what is told of it: the urgency, data and position of what was seen when it began."""

    cause: Cause
    severity: Severity
    position: int | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Telling:
    """That a cause began or is over is to be told."""

    key: Key
    told: Began | Ended
    severity: Severity
    position: int | None
    data: Mapping[str, Any]


@dataclass(slots=True)
class _Changed:
    known: dict[Key, KeptCause]
    changed: dict[Key, KeptCause] = field(default_factory=dict)
    tellings: list[Telling] = field(default_factory=list)

    def see(self, seen: Seen, now: datetime) -> None:
        kept = self.known.get(seen.key)
        step = observe(kept.cause if kept else None, seen.at, now, is_open=bool(seen.is_open))
        if step is None:
            if kept is not None and seen.is_open:
                self._go_on(seen, kept, now)
            return
        if seen.is_open or kept is None:
            kept = KeptCause(step.cause, seen.urgency, seen.position, seen.data)
        else:
            kept = KeptCause(step.cause, kept.severity, kept.position, {**kept.data, **seen.data})
        self.keep(seen.key, kept, step.told)

    def _go_on(self, seen: Seen, kept: KeptCause, now: datetime) -> None:
        """The same goes on: more urgent than before, or with more that is known of it."""
        if seen.urgency is not kept.severity and seen.urgency.reaches(kept.severity):
            step = escalate(kept.cause, seen.at, now)
            self.keep(seen.key, KeptCause(step.cause, seen.urgency, seen.position, seen.data), step.told)
        elif seen.data != kept.data:
            self.keep(seen.key, replace(kept, data=seen.data), None)

    def keep(self, key: Key, kept: KeptCause, told: Began | Ended | None) -> None:
        self.known[key] = self.changed[key] = kept
        if told is not None:
            self.tellings.append(Telling(key, told, kept.severity, kept.position, kept.data))


def bring_in_step(cursor: Cursor[TupleRow], seen: Sequence[Seen], now: datetime) -> list[Telling]:
    """Keep how causes stand by what was seen, in its order; what of it is to be told now. In the door's role."""
    keys = list(dict.fromkeys(each.key for each in seen))
    if not keys:
        return []
    changed = _Changed(_read(cursor.execute(_KNOWN, [list(column) for column in zip(*keys, strict=True)])))
    for each in seen:
        changed.see(each, now)
    _write(cursor, changed.changed)
    return changed.tellings


def held_back(cursor: Cursor[TupleRow], now: datetime) -> list[Telling]:
    """Beginnings that were held back because the same was told within the hour, and go on: told now."""
    changed = _Changed(_read(cursor.execute(_HELD, (now - APART, _AT_ONCE))))
    for key, kept in list(changed.known.items()):
        step = look(kept.cause, now)
        changed.keep(key, KeptCause(step.cause, kept.severity, kept.position, kept.data), step.told)
    _write(cursor, changed.changed)
    return changed.tellings


def open_causes(cursor: Cursor[TupleRow], type_: str, operators: Sequence[str]) -> set[Key]:
    """What of a type goes on at these operators."""
    rows = cursor.execute(_OPEN, (type_, list(operators))).fetchall()
    return {Key(operator_id, type_, cause) for operator_id, cause in rows}


def owners_of_open(cursor: Cursor[TupleRow], type_: str) -> set[str]:
    """Operators at which something of a type goes on as far as is known, whether or not they still hear of it."""
    return {row[0] for row in cursor.execute(_OWNERS, (type_,)).fetchall()}


def passed(cursor: Cursor[TupleRow], types: Sequence[str], now: datetime) -> list[Seen]:
    """That causes of these types are over, of which it was said until when they go on (`until` of their data)."""
    rows = cursor.execute(_PASSED, (list(types), now)).fetchall()
    return [Seen(Key(*key), datetime.fromisoformat(until), {}, is_open=False) for *key, until in rows]


def forget(cursor: Cursor[TupleRow], now: datetime) -> None:
    """Forget causes that are over and of which nothing more follows."""
    cursor.execute(_FORGET, (now - APART, _AT_ONCE))


def _read(rows: Iterable[TupleRow]) -> dict[Key, KeptCause]:
    return {Key(*row[:3]): KeptCause(Cause(*row[3:8]), Severity(row[8]), row[9], row[10]) for row in rows}


def _write(cursor: Cursor[TupleRow], changed: Mapping[Key, KeptCause]) -> None:
    rows = [
        (
            *(*key, kept.cause.is_open, kept.cause.since, kept.cause.told_since, kept.cause.told_at),
            *(kept.cause.untold, kept.severity.value, kept.position, Jsonb(dict(kept.data))),
        )
        for key, kept in changed.items()
    ]
    if rows:
        cursor.executemany(_PUT, rows)
