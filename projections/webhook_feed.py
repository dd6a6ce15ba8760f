"""Follows the event store for webhooks: what happened becomes messages, with the position in one transaction.

One process at a time does it; others find the position locked and leave it. What is told is made in the role that
reads everything, and written in the door's, which sees no money: nothing else can this process change.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Event

from psycopg import Connection, Cursor
from psycopg.rows import TupleRow

from ledger.access.deliveries import Hearing, hearing, prune, put
from ledger.access.webhooks import MessageType
from ledger.database import Role, acting_as
from projections import following
from projections.feed import read_by, read_piece
from projections.webhook_messages import MADE_OF, TOPICS, messages_of, messages_of_letters

# Bodies have some kilobytes, and those of payouts of a thousand entries forty.
EVENTS_MAX = 500
LETTERS_MAX = 200

_LOCK = "SELECT position FROM access.webhook_position FOR UPDATE SKIP LOCKED"
_MOVE = "UPDATE access.webhook_position SET position = %s"
_TAKE_LETTERS = """
DELETE FROM access.webhook_letter WHERE deadletter_id IN (
    SELECT deadletter_id FROM access.webhook_letter ORDER BY deadletter_id LIMIT %s FOR UPDATE SKIP LOCKED
) RETURNING deadletter_id
"""


def follow_forever(dsn: str, stop: Event, moves: Callable[[], None] = lambda: None) -> None:
    """Tell of what happens until `stop` is set; the login may act as the auditor and as the door's role.

    `moves` is called before each transaction and at each try to reach the database, which is waited for.
    """
    following.follow_forever(dsn, stop, follow, forget, moves)


def follow(connection: Connection[TupleRow], now: datetime) -> bool:
    """One transaction: tell of the next events and dead letters; whether there may be more.

    The connection is the auditor's, with no transaction open.
    """
    with connection.transaction(), connection.cursor() as cursor:
        with acting_as(cursor, Role.DOOR):
            position = cursor.execute(_LOCK).fetchone()
            endpoints = hearing(cursor) if position else []
        if position is None:
            return False
        more = _tell_events(cursor, endpoints, position[0], now)
        return _tell_letters(cursor, endpoints, now) or more


def forget(connection: Connection[TupleRow], now: datetime) -> None:
    """Forget what is over, in a transaction of its own."""
    with connection.transaction(), connection.cursor() as cursor, acting_as(cursor, Role.DOOR):
        prune(cursor, now)


def _tell_events(cursor: Cursor[TupleRow], endpoints: Sequence[Hearing], after: int, now: datetime) -> bool:
    end = read_by(cursor, MADE_OF)
    if end <= after:
        return False
    wanted = {type_ for endpoint in endpoints for type_ in endpoint.types}
    reached, messages = end, []
    if wanted - {MessageType.DEAD_LETTER_CREATED}:
        # Behind what nobody hears of; the store is read from there on.
        after = max(after, min(endpoint.since for endpoint in endpoints))
        piece = read_piece(cursor, TOPICS, after, max(after, end), EVENTS_MAX)
        reached, messages = piece.position, messages_of(cursor, piece, wanted)
    with acting_as(cursor, Role.DOOR):
        put(cursor, messages, endpoints, now)
        cursor.execute(_MOVE, (reached,))
    return bool(reached < end)


def _tell_letters(cursor: Cursor[TupleRow], endpoints: Sequence[Hearing], now: datetime) -> bool:
    with acting_as(cursor, Role.DOOR):
        ids = [row[0] for row in cursor.execute(_TAKE_LETTERS, (LETTERS_MAX,)).fetchall()]
    if not ids:
        return False
    messages = messages_of_letters(cursor, ids)
    with acting_as(cursor, Role.DOOR):
        put(cursor, messages, endpoints, now)
    return len(ids) == LETTERS_MAX
