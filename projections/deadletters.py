"""Dead letters as lines of JSON: what was refused and why, without where in a partition it stood or when."""

from base64 import b64encode
from codecs import getincrementaldecoder
from collections.abc import Iterator
from typing import Any

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow, tuple_row

# A record up to this size is given whole; of a larger one this much, with its size and checksum.
WHOLE_MAX_BYTES = 65_536
EXCERPT_BYTES = 4_096
_ROWS_PER_FETCH = 100

# Refused records in the order of their ids, which come from what they hold; large values stay in the database.
_DEAD_LETTERS = """
SELECT deadletter_id, topic, code, path, sentence, event_source, event_id, event_type,
       replayed_at IS NOT NULL, octet_length(record_value),
       substring(record_value FROM 1 FOR CASE WHEN octet_length(record_value) <= %(whole)s THEN %(whole)s
                                              ELSE %(excerpt)s END),
       CASE WHEN octet_length(record_value) > %(whole)s THEN encode(sha256(record_value), 'hex') END
FROM intake.deadletter
ORDER BY deadletter_id
"""


def deadletter_lines(cursor: Cursor[TupleRow]) -> Iterator[bytes]:
    """One line a dead letter, through a server-side cursor on the cursor's connection, inside its transaction."""
    limits = {"whole": WHOLE_MAX_BYTES, "excerpt": EXCERPT_BYTES}
    with cursor.connection.cursor("dead_letters", row_factory=tuple_row) as rows:
        rows.itersize = _ROWS_PER_FETCH
        for row in rows.execute(_DEAD_LETTERS, limits, binary=True):
            yield _line(row)


def _line(row: TupleRow) -> bytes:
    id_, topic, code, path, sentence, source, event_id, type_, replayed, length, value, sha256 = row
    document: dict[str, Any] = {
        "deadletter_id": id_,
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
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def record_text(value: bytes, length: int, sha256: str | None) -> dict[str, Any]:
    """A raw record, or the beginning of one of `length` bytes, as `text` where it is UTF-8, else as `base64`."""
    try:
        # An excerpt may end in the middle of a character, which is left off.
        shown = {"text": getincrementaldecoder("utf-8")().decode(value, final=len(value) == length)}
    except UnicodeDecodeError:
        shown = {"base64": b64encode(value).decode()}
    return shown if len(value) == length else {"bytes": length, "sha256": sha256, "excerpt": shown}
