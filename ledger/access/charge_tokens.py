"""Tokens that partners' drivers charge by, as they are stored: a set of them is one statement.

A token belongs to the connection that it came by. Who asks as one partner finds nothing of another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

_FIND = """
SELECT document FROM access.charge_token WHERE (connection, party, type, uid) = (%s, %s, %s, %s)
"""
_LOCK = f"{_FIND} FOR UPDATE"
# Who parts meanwhile has its tokens forgotten behind this, or is seen to have parted.
_STAYS = "SELECT FROM access.ocpi_partner WHERE party = %s AND state IN ('CONNECTED', 'SUSPENDED') FOR SHARE"
# What is older than what is there changes nothing.
_PUT = """
INSERT INTO access.charge_token (connection, party, type, uid, last_updated, document)
SELECT %(connection)s, given.party, given.type, given.uid, given.last_updated, given.document
FROM unnest(
    %(parties)s::text[], %(types)s::text[], %(uids)s::text[], %(times)s::timestamptz[], %(documents)s::bytea[]
) AS given (party, type, uid, last_updated, document)
ORDER BY given.party, given.type, given.uid
ON CONFLICT (connection, party, type, uid) DO UPDATE
SET last_updated = excluded.last_updated, document = excluded.document
WHERE excluded.last_updated >= charge_token.last_updated AND excluded.document <> charge_token.document
RETURNING (xmax = 0)
"""
# The one that was heard of first comes first: nobody takes over a card by naming it, too.
_HELD = """
SELECT asked.number, token.connection, token.document
FROM unnest(%(uids)s::text[], %(types)s::text[], %(parties)s::text[])
    WITH ORDINALITY AS asked (uid, type, party, number)
CROSS JOIN LATERAL (
    SELECT connection, document, created FROM access.charge_token
    JOIN access.ocpi_partner AS partner ON partner.party = connection
    WHERE uid = asked.uid AND type = asked.type AND partner.state = 'CONNECTED'
      AND (asked.party IS NULL OR charge_token.party = asked.party)
      -- Who has a connection of its own is asked by it, and not through a hub.
      AND (connection = charge_token.party OR NOT EXISTS (
          SELECT FROM access.ocpi_partner AS own WHERE own.party = charge_token.party AND own.state = 'CONNECTED'
      ))
    ORDER BY created LIMIT %(limit)s
) AS token
ORDER BY asked.number, token.created
"""
_COUNT = "SELECT count(*) FROM access.charge_token WHERE connection = %s"
# So many are asked for one card at most.
HOLDERS_MAX = 5


@dataclass(frozen=True, slots=True)
class Key:
    """What a token is known by within a connection: who issued it, its type and its uid, all folded."""

    party: str
    type: str
    uid: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A token as it is kept: JSON, and when its partner changed it last."""

    key: Key
    last_updated: datetime
    document: bytes


def key_of(party: str, type_: str, uid: str) -> Key:
    """A key of names as they were given."""
    return Key(party.upper(), type_.casefold(), uid.casefold())


def find(cursor: Cursor[TupleRow], connection: str, key: Key, *, lock: bool = False) -> bytes | None:
    """The document of a token of a connection; with `lock` nobody changes it before the transaction ends."""
    row = cursor.execute(_LOCK if lock else _FIND, (connection, key.party, key.type, key.uid)).fetchone()
    return None if row is None else bytes(row[0])


def put(cursor: Cursor[TupleRow], connection: str, tokens: Sequence[Kept]) -> int | None:
    """Keep tokens of a connection; how many are new. None where the connection is over, and nothing is kept.

    What is older than what is there changes nothing; of one token twice the newest counts.
    """
    if cursor.execute(_STAYS, (connection,)).fetchone() is None:
        return None
    newest: dict[Key, Kept] = {}
    for each in tokens:
        before = newest.get(each.key)
        if before is None or before.last_updated <= each.last_updated:
            newest[each.key] = each
    given = {
        "connection": connection,
        "parties": [key.party for key in newest],
        "types": [key.type for key in newest],
        "uids": [key.uid for key in newest],
        "times": [each.last_updated for each in newest.values()],
        "documents": [each.document for each in newest.values()],
    }
    return sum(bool(is_new) for (is_new,) in cursor.execute(_PUT, given).fetchall())


def held_by(cursor: Cursor[TupleRow], asked: Sequence[tuple[str, str, str | None]]) -> list[list[tuple[str, bytes]]]:
    """For each uid, type and party (None: whichever) the open connections with such a token, and its document."""
    given = {
        "uids": [uid.casefold() for uid, _, _ in asked],
        "types": [type_.casefold() for _, type_, _ in asked],
        "parties": [party and party.upper() for _, _, party in asked],
        "limit": HOLDERS_MAX,
    }
    found: list[list[tuple[str, bytes]]] = [[] for _ in asked]
    for number, connection, document in cursor.execute(_HELD, given):
        found[number - 1].append((str(connection), bytes(document)))
    return found


def count(cursor: Cursor[TupleRow], connection: str) -> int:
    """How many tokens of a connection there are."""
    row = cursor.execute(_COUNT, (connection,)).fetchone()
    assert row is not None
    return int(row[0])
