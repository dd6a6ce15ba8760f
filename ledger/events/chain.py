"""The chain over stored events (docs/chain.md): the hash of what is appended, and the head, which leaves."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.copy_rows import COPY_HEADER, COPY_TRAILER

# The last row, with the hash of the first one, which names the store.
_HEAD = """
SELECT (SELECT encode(hash, 'hex') FROM event_store.chain WHERE number = 0),
       number, last_position, total, recorded_at, encode(hash, 'hex')
FROM event_store.chain ORDER BY number DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Head:
    """The last row of the chain: who holds it can tell that nothing before it was changed or taken away since.

    `store` is the hash of the first row, `position` the position of the last event, `events` how many there are;
    hashes in hex.
    """

    store: str
    number: int
    position: int
    events: int
    recorded_at: datetime
    hash: str


def events_hash(rows: bytes) -> str:
    """The SHA-256 in hex of events one behind the other, as `ledger.copy_rows.event_rows` makes them for COPY."""
    return hashlib.sha256(memoryview(rows)[len(COPY_HEADER) : -len(COPY_TRAILER)]).hexdigest()


def current_head(cursor: Cursor[TupleRow]) -> Head | None:
    """The head as this transaction sees it; None in a store whose chain has no row any more."""
    row = cursor.execute(_HEAD).fetchone()
    return None if row is None else Head(*row)
