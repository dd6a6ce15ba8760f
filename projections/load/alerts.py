"""Limits of circuits that were missed, and quarter hours that came near the peak of their month.

A limit is missed from the first of two readings above it on, until a reading that is not. A peak is near where a
quarter hour is foreseen to come to 95 percent of the highest of its month (UTC); told once a quarter hour.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, NamedTuple

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

LIMIT_MISSED, PEAK_NEAR = "load.limit_missed", "load.peak_near"

_COLUMNS: LiteralString = "seq, kind, operator_id, location_id, subject, from_at, to_at, data"
_CHANGED: LiteralString = f"SELECT {_COLUMNS} FROM load.alert WHERE seq > %s ORDER BY seq LIMIT %s"  # noqa: S608
_LISTED: LiteralString = f"""
SELECT {_COLUMNS} FROM load.alert
WHERE (%(operator_id)s::text IS NULL OR operator_id = %(operator_id)s)
  AND (%(location_key)s::text IS NULL OR location_key = %(location_key)s)
  AND (%(kind)s::text IS NULL OR kind = %(kind)s)
  AND (%(is_open)s::boolean IS NULL OR (to_at IS NULL) = %(is_open)s)
  AND (%(since)s::timestamptz IS NULL OR from_at >= %(since)s OR to_at IS NULL OR to_at > %(since)s)
  AND (%(before)s::timestamptz IS NULL OR from_at < %(before)s)
  AND (%(after_at)s::timestamptz IS NULL OR (from_at, seq) < (%(after_at)s, %(after_seq)s))
ORDER BY from_at DESC, seq DESC LIMIT %(limit)s
"""  # noqa: S608 (a constant)


@dataclass(frozen=True, slots=True)
class Alert:
    """A cause that began at `from_at` and is over at `to_at`, if it is.

    `seq` is another one after each change of the row. `subject` is the circuit. `data` of a missed limit:
    `circuit_id`, `over_a` (tenths of an ampere) and `over_w`, the most that it was missed by; of a peak:
    `foreseen_w`, `peak_w`.
    """

    seq: int
    kind: str
    operator_id: str
    location_id: str
    subject: str
    from_at: datetime
    to_at: datetime | None
    data: Mapping[str, Any]


class AlertFilter(NamedTuple):
    """Which alerts: of an operator, a site, a kind, open ones, those that touch a span of time."""

    operator_id: str | None = None
    location_id: str | None = None
    kind: str | None = None
    is_open: bool | None = None
    since: datetime | None = None
    before: datetime | None = None


def changed_since(cursor: Cursor[TupleRow], seq: int, limit: int = 1_000) -> list[Alert]:
    """Alerts that began, changed or ended behind a `seq`, in its order.

    A change that commits later may have a lower `seq` than one that was read: who follows looks a little back.
    """
    with cursor.connection.cursor(row_factory=class_row(Alert)) as rows:
        return rows.execute(_CHANGED, (seq, limit)).fetchall()


def alerts(
    cursor: Cursor[TupleRow], wanted: AlertFilter, limit: int | None = None, after: Sequence[Any] | None = None
) -> list[Alert]:
    """Alerts of a filter, the newest first, behind a key of (from, seq)."""
    after_at, after_seq = after or (None, None)
    key = wanted.location_id.casefold() if wanted.location_id is not None else None
    names: dict[str, Any] = wanted._asdict() | {"location_key": key, "after_at": after_at, "after_seq": after_seq}
    with cursor.connection.cursor(row_factory=class_row(Alert)) as rows:
        return rows.execute(_LISTED, names | {"limit": limit}).fetchall()
