"""Deduplication keys: which (source, id) was accepted before, and with which content.

Keys and digests are 16 bytes each, stored as uuid. They go over as the text of an array, written in one go: a dumper
called for each of the thousands of a batch took longer than the database.
"""

from collections.abc import Iterable, Mapping
from hashlib import blake2b

from psycopg import Cursor
from psycopg.rows import TupleRow

# Inserted in sorted order, so that two consumers with messages in common wait for each other and never deadlock.
_REMEMBER = """
INSERT INTO intake.message (key, digest)
SELECT key, digest FROM unnest(%s::uuid[], %s::uuid[]) AS new (key, digest) ORDER BY key
ON CONFLICT (key) DO NOTHING
RETURNING uuid_send(key)
"""
_KNOWN = "SELECT uuid_send(key), uuid_send(digest) FROM intake.message WHERE key = ANY(%s::uuid[])"


def message_key(source: str, id_: str) -> bytes:
    """The 16-byte key of a (source, id) pair."""
    return blake2b(f"{source}\0{id_}".encode(), digest_size=16).digest()


def remember(cursor: Cursor[TupleRow], digests: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Remember new keys; of those that were known before, the digest that stands."""
    if not digests:
        return {}
    keys = sorted(digests)
    parameters = (_uuid_array(keys), _uuid_array(digests[key] for key in keys))
    cursor.execute(_REMEMBER, parameters, binary=True)
    if cursor.rowcount == len(keys):
        return {}
    new = {row[0] for row in cursor}
    known = _uuid_array(key for key in keys if key not in new)
    return dict(cursor.execute(_KNOWN, (known,), binary=True).fetchall())


def accepted_among(cursor: Cursor[TupleRow], keys: Iterable[bytes]) -> set[bytes]:
    """Which of some keys were accepted before."""
    return {row[0] for row in cursor.execute(_KNOWN, (_uuid_array(keys),), binary=True).fetchall()}


def _uuid_array(values: Iterable[bytes]) -> str:
    """An array of uuid as PostgreSQL reads it; hex digits need no quotes."""
    return f"{{{','.join([value.hex() for value in values])}}}"
