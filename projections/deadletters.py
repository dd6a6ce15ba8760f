"""Dead letters as documents: what was refused and why; as lines of a file without where it stood or when."""

from base64 import b64decode, b64encode
from codecs import getincrementaldecoder
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow, tuple_row

from domain.calendar import utc_text

# A record up to this size is given whole; of a larger one this much, with its size and checksum.
WHOLE_MAX_BYTES = 65_536
EXCERPT_BYTES = 4_096
_ROWS_PER_FETCH = 100

# What is told of a refused record; large values stay in the database.
_TOLD: LiteralString = """
deadletter_id, topic, code, path, sentence, event_source, event_id, event_type,
replayed_at IS NOT NULL, octet_length(record_value),
substring(record_value FROM 1 FOR CASE WHEN octet_length(record_value) <= %(whole)s THEN %(whole)s
                                       ELSE %(excerpt)s END),
CASE WHEN octet_length(record_value) > %(whole)s THEN encode(sha256(record_value), 'hex') END
"""
# Where it stood and when, and what it was told with.
_PLACE: LiteralString = "partition, record_offset, recorded_at, replayed_at, record_key, record_headers"
_LIMITS = {"whole": WHOLE_MAX_BYTES, "excerpt": EXCERPT_BYTES}

# All of them in the order of their ids, which come from what they hold.
_DEAD_LETTERS: LiteralString = f"SELECT {_TOLD} FROM intake.deadletter ORDER BY deadletter_id"  # noqa: S608

# The newest first, behind one of them where it is given.
_NEWEST: LiteralString = f"""
SELECT {_TOLD}, {_PLACE} FROM intake.deadletter
WHERE (%(code)s::text IS NULL OR code = %(code)s)
  AND (%(topic)s::text IS NULL OR topic = %(topic)s)
  AND (%(event_type)s::text IS NULL OR event_type = %(event_type)s)
  AND (%(event_id)s::text IS NULL OR event_id = %(event_id)s)
  AND (%(replayed)s::boolean IS NULL OR (replayed_at IS NOT NULL) = %(replayed)s)
  AND (%(at)s::timestamptz IS NULL OR (recorded_at, deadletter_id) < (%(at)s, %(id)s::uuid))
ORDER BY recorded_at DESC, deadletter_id DESC
"""  # noqa: S608
_ONE: LiteralString = f"SELECT {_TOLD}, {_PLACE} FROM intake.deadletter WHERE deadletter_id = %(id)s"  # noqa: S608
# The bytes of one, as they came.
_RECORD = "SELECT record_value FROM intake.deadletter WHERE deadletter_id = %s"
# How many there are of each code, and how many of them were not sent again.
_BY_CODE = """
SELECT code, count(*), count(*) FILTER (WHERE replayed_at IS NULL)
FROM intake.deadletter
GROUP BY code
ORDER BY code
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which dead letters; None stands for all."""

    code: str | None = None
    topic: str | None = None
    event_type: str | None = None
    event_id: str | None = None
    replayed: bool | None = None


def deadletter_lines(cursor: Cursor[TupleRow]) -> Iterator[bytes]:
    """One line a dead letter, through a server-side cursor on the cursor's connection, inside its transaction."""
    with cursor.connection.cursor("dead_letters", row_factory=tuple_row) as rows:
        rows.itersize = _ROWS_PER_FETCH
        for row in rows.execute(_DEAD_LETTERS, _LIMITS, binary=True):
            yield orjson.dumps(_told(row), option=orjson.OPT_APPEND_NEWLINE)


def newest_letters(
    cursor: Cursor[TupleRow], wanted: Wanted, behind: tuple[datetime, UUID] | None, limit: int
) -> list[dict[str, Any]]:
    """So many documents of `deadletter_document`, behind one that was recorded then under that id."""
    at, id_ = behind or (None, None)
    sought = _LIMITS | asdict(wanted) | {"at": at, "id": id_, "limit": limit}
    return [_whole(row) for row in cursor.execute(f"{_NEWEST} LIMIT %(limit)s", sought, binary=True)]


def all_letters(cursor: Cursor[TupleRow], wanted: Wanted) -> Iterator[dict[str, Any]]:
    """All of them as `newest_letters` gives them, through a server-side cursor of the same transaction."""
    with cursor.connection.cursor("letters", row_factory=tuple_row) as rows:
        rows.itersize = _ROWS_PER_FETCH
        sought = _LIMITS | asdict(wanted) | {"at": None, "id": None}
        yield from map(_whole, rows.execute(_NEWEST, sought, binary=True))


def one_letter(cursor: Cursor[TupleRow], id_: UUID) -> dict[str, Any] | None:
    """What its line in the file says of a dead letter, and where and when it came, its key and its headers."""
    row = cursor.execute(_ONE, _LIMITS | {"id": id_}, binary=True).fetchone()
    if row is None:
        return None
    *_, key, headers = row
    told = [{"name": name, **_shown(b64decode(value))} for name, value in headers]
    return _whole(row) | {"key": None if key is None else _shown(key), "headers": told}


def record_bytes(cursor: Cursor[TupleRow], id_: UUID) -> bytes | None:
    """The refused record as it came; None where there is none of that id, or nothing was kept."""
    row = cursor.execute(_RECORD, (id_,)).fetchone()
    return None if row is None or row[0] is None else bytes(row[0])


def letters_by_code(cursor: Cursor[TupleRow]) -> list[dict[str, Any]]:
    """`code`, how many `letters` there are of it, and how many are still `waiting` to be sent again."""
    return [
        {"code": code, "letters": letters, "waiting": waiting} for code, letters, waiting in cursor.execute(_BY_CODE)
    ]


def _told(row: TupleRow) -> dict[str, Any]:
    id_, topic, code, path, sentence, source, event_id, type_, replayed, length, value, sha256, *_ = row
    return {
        "deadletter_id": str(id_),
        "topic": topic,
        "code": code,
        "path": path,
        "sentence": sentence,
        "event_source": source,
        "event_id": event_id,
        "event_type": type_,
        "replayed": replayed,
        "record": None if value is None else record_text(value, length, sha256),
    }


def _whole(row: TupleRow) -> dict[str, Any]:
    partition, offset, recorded_at, replayed_at = row[12:16]
    return _told(row) | {
        "partition": partition,
        "offset": offset,
        "recorded_at": utc_text(recorded_at),
        "replayed_at": utc_text(replayed_at) if replayed_at else None,
    }


def _shown(value: bytes) -> dict[str, str]:
    try:
        return {"text": value.decode()}
    except UnicodeDecodeError:
        return {"base64": b64encode(value).decode()}


def record_text(value: bytes, length: int, sha256: str | None) -> dict[str, Any]:
    """A raw record, or the beginning of one of `length` bytes, as `text` where it is UTF-8, else as `base64`."""
    try:
        # An excerpt may end in the middle of a character, which is left off.
        shown = {"text": getincrementaldecoder("utf-8")().decode(value, final=len(value) == length)}
    except UnicodeDecodeError:
        shown = {"base64": b64encode(value).decode()}
    return shown if len(value) == length else {"bytes": length, "sha256": sha256, "excerpt": shown}
