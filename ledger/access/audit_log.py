"""The audit log: who read or did what, added to and never changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row
from psycopg.sql import SQL, Composed, Identifier, Placeholder

# Filters by field: equality, and for times also the ranges of `RANGES`.
EQUAL = ("request_id", "principal", "role", "method", "path", "status", "object")
RANGES = {"gte": SQL(">="), "gt": SQL(">"), "lte": SQL("<="), "lt": SQL("<")}
PATH_MAX = 500

_ADD = """
INSERT INTO access.audit_log (at, request_id, principal, role, method, path, status, object, edited_by)
SELECT unnest(%s::timestamptz[]), unnest(%s::text[]), unnest(%s::text[]), unnest(%s::text[]), unnest(%s::text[]),
    unnest(%s::text[]), unnest(%s::smallint[]), unnest(%s::text[]), unnest(%s::text[])
"""
# Newest first; the conditions are those of the filters.
_PAGE = SQL("""
SELECT id, at, request_id, principal, role, method, path, status, object, edited_by
FROM access.audit_log WHERE {conditions} ORDER BY id DESC LIMIT %(limit)s
""")


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that was asked: when, by whom, what, and how it ended; who put another text into what was refused."""

    at: datetime
    request_id: str
    principal: str | None
    role: str | None
    method: str
    path: str
    status: int
    object: str | None = None
    edited_by: str | None = None


@dataclass(frozen=True, slots=True)
class StoredRecord(Record):
    """A record with its number in the log."""

    id: int = 0


def add(cursor: Cursor[TupleRow], records: Sequence[Record]) -> None:
    """Add records, in their order, by one statement."""
    columns = [
        [record.at for record in records],
        [_clean(record.request_id) for record in records],
        [_clean(record.principal) for record in records],
        [record.role for record in records],
        [_clean(record.method) for record in records],
        [_clean(record.path) for record in records],
        [record.status for record in records],
        [_clean(record.object) for record in records],
        [_clean(record.edited_by) for record in records],
    ]
    cursor.execute(_ADD, columns)


def newest(
    cursor: Cursor[TupleRow],
    limit: int,
    *,
    before: int | None = None,
    equal: Mapping[str, object] | None = None,
    at: Mapping[str, datetime] | None = None,
) -> list[StoredRecord]:
    """Records by number, newest first, below the number `before`; `equal` by field of `EQUAL`, `at` by `RANGES`."""
    parameters: dict[str, object] = {"limit": limit, "before": before}
    conditions: list[SQL | Composed] = [SQL("id < %(before)s") if before is not None else SQL("true")]
    for name, value in (equal or {}).items():
        assert name in EQUAL
        conditions.append(SQL("{} = {}").format(Identifier(name), Placeholder(name)))
        parameters[name] = _clean(value) if isinstance(value, str) else value
    for name, moment in (at or {}).items():
        conditions.append(SQL("at {} {}").format(RANGES[name], Placeholder(f"at_{name}")))
        parameters[f"at_{name}"] = moment
    query = _PAGE.format(conditions=SQL(" AND ").join(conditions))
    with cursor.connection.cursor(row_factory=class_row(StoredRecord)) as rows:
        return rows.execute(query, parameters).fetchall()


def _clean(text: str | None) -> str | None:
    """Text as PostgreSQL keeps it: no NUL and no lone surrogate, and not without end."""
    if text is None:
        return None
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")[:PATH_MAX]
