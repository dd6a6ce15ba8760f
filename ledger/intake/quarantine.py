"""Quarantine: records that were refused, kept whole, listed, and sent again after a fix."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from psycopg import Cursor
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

_ADD = """
INSERT INTO intake.deadletter (deadletter_id, topic, partition, record_offset, record_key, record_headers,
                               record_value, code, path, sentence, event_source, event_id, event_type)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (deadletter_id) DO UPDATE SET replayed_at = NULL WHERE deadletter.replayed_at IS NOT NULL
RETURNING xmax = 0
"""
_COLUMNS = """
deadletter_id, topic, partition, record_offset, record_key, record_headers, record_value, code, path, sentence,
event_source, event_id, event_type, recorded_at, replayed_at
"""
# Without the records themselves, which may be a megabyte each.
_LISTED_COLUMNS = _COLUMNS.replace("record_value", "NULL::bytea")
_LISTED = f"""
SELECT {_LISTED_COLUMNS} FROM intake.deadletter
WHERE (%(all)s OR replayed_at IS NULL) AND (%(code)s::text IS NULL OR code = %(code)s)
"""  # noqa: S608 (the columns are a constant)
# Those of one transaction have one time: of a partition they follow one another as they were read.
_OLDEST = f"{_LISTED} ORDER BY recorded_at, topic, partition, record_offset, deadletter_id LIMIT %(limit)s"
_NEWEST = (
    f"{_LISTED} ORDER BY recorded_at DESC, topic DESC, partition DESC, record_offset DESC, deadletter_id DESC "
    "LIMIT %(limit)s"
)
_SHOW = f"SELECT {_COLUMNS} FROM intake.deadletter WHERE deadletter_id::text LIKE %s || '%%'"  # noqa: S608
_WHY_REFUSED = """
SELECT sentence FROM intake.deadletter
WHERE event_source = %s AND event_id = %s AND replayed_at IS NULL ORDER BY recorded_at DESC LIMIT 1
"""
_MARK_REPLAYED = """
UPDATE intake.deadletter SET replayed_at = CASE WHEN %s THEN clock_timestamp() END WHERE deadletter_id = ANY(%s)
"""

# By who answers over HTTP, whose login may add none otherwise.
_REFUSE_QUESTION = "SELECT access.refuse_question(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A refused record: where it came from, why it was refused, and its bytes."""

    deadletter_id: UUID
    topic: str
    partition: int | None
    offset: int | None
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    value: bytes | None
    code: str
    path: str
    sentence: str
    source: str | None = None
    id: str | None = None
    type: str | None = None
    recorded_at: datetime | None = None
    replayed_at: datetime | None = None


def deadletter_id(identity: str, digest: str) -> UUID:
    """The id of a dead letter: the same record refused again is the same dead letter."""
    return uuid5(NAMESPACE_URL, f"wattledger:deadletter:{identity}:{digest}")


def add(cursor: Cursor[TupleRow], letters: Sequence[DeadLetter]) -> set[UUID]:
    """Keep dead letters; the ids of those that are new. One that is refused again is no longer replayed."""
    new = set()
    for letter in sorted(letters, key=lambda each: each.deadletter_id):
        inserted = cursor.execute(_ADD, _row(letter)).fetchone()
        if inserted is not None and inserted[0]:
            new.add(letter.deadletter_id)
    return new


def refuse_question(cursor: Cursor[TupleRow], letter: DeadLetter) -> bool:
    """Keep a question of a gateway that is none, and have it told; whether it is new. As the door's role."""
    id_, _, *rest = _row(letter)
    return cursor.execute(_REFUSE_QUESTION, (id_, *rest)).fetchone() == (True,)


def _row(letter: DeadLetter) -> tuple[Any, ...]:
    return (
        letter.deadletter_id,
        letter.topic,
        letter.partition,
        letter.offset,
        letter.key,
        Jsonb([[_storable(name), b64encode(value).decode()] for name, value in letter.headers]),
        letter.value,
        letter.code,
        letter.path,
        letter.sentence,
        letter.source,
        letter.id,
        letter.type,
    )


def _storable(name: str) -> str:
    """The name of a header; NUL, which Kafka allows there and no JSON of PostgreSQL holds, is written out."""
    return name.replace("\x00", r"\x00")


def oldest(cursor: Cursor[TupleRow], *, code: str | None = None, limit: int = 1_000) -> list[DeadLetter]:
    """The first dead letters not replayed yet, as they were refused, without their records: `show` has those."""
    rows = cursor.execute(_OLDEST, {"all": False, "code": code, "limit": limit}).fetchall()
    return [_letter(row) for row in rows]


def newest(
    cursor: Cursor[TupleRow], *, code: str | None = None, include_replayed: bool = False, limit: int = 1_000
) -> list[DeadLetter]:
    """The last dead letters, in the order in which they were refused, without their records."""
    rows = cursor.execute(_NEWEST, {"all": include_replayed, "code": code, "limit": limit}).fetchall()
    return [_letter(row) for row in reversed(rows)]


def show(cursor: Cursor[TupleRow], id_prefix: str) -> list[DeadLetter]:
    """The dead letters whose id begins like this."""
    return [_letter(row) for row in cursor.execute(_SHOW, (id_prefix.lower(),)).fetchall()]


def why_refused(cursor: Cursor[TupleRow], source: str, id_: str) -> str | None:
    """The sentence by which a message was refused last; None where it was not, or was sent again since."""
    row = cursor.execute(_WHY_REFUSED, (source, id_)).fetchone()
    return None if row is None else str(row[0])


def mark_replayed(cursor: Cursor[TupleRow], ids: Sequence[UUID], *, replayed: bool = True) -> None:
    """Note that dead letters were sent again, or were not after all."""
    cursor.execute(_MARK_REPLAYED, (replayed, list(ids)))


def _letter(row: TupleRow) -> DeadLetter:
    headers = tuple((name, b64decode(value)) for name, value in row[5])
    return DeadLetter(*row[:5], headers, *row[6:])  # type: ignore[call-arg]  # the columns are the fields in order
