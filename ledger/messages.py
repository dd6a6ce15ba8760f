"""Deduplication keys: which (source, id) was accepted before, and with which content."""

from collections.abc import Mapping
from hashlib import blake2b
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

# Inserted in sorted order, so that two consumers with messages in common wait for each other and never deadlock.
_REMEMBER = """
INSERT INTO intake.message (key, digest)
SELECT key, digest FROM unnest(%s::uuid[], %s::uuid[]) AS new (key, digest) ORDER BY key
ON CONFLICT (key) DO NOTHING
RETURNING key
"""
_KNOWN = "SELECT key, digest FROM intake.message WHERE key = ANY(%s)"


def message_key(source: str, id_: str) -> UUID:
    """The 16-byte key of a (source, id) pair."""
    return UUID(bytes=blake2b(f"{source}\0{id_}".encode(), digest_size=16).digest())


def remember(cursor: Cursor[TupleRow], digests: Mapping[UUID, UUID]) -> dict[UUID, UUID]:
    """Remember new keys; of those that were known before, the digest that stands."""
    if not digests:
        return {}
    keys = sorted(digests)
    rows = cursor.execute(_REMEMBER, (keys, [digests[key] for key in keys])).fetchall()
    new = {row[0] for row in rows}
    known = [key for key in keys if key not in new]
    return dict(cursor.execute(_KNOWN, (known,)).fetchall()) if known else {}
